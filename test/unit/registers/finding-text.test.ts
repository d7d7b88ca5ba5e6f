import fc from "fast-check";
import { expect, test } from "vitest";
import { bit, bits, notModelled, register } from "../../../emulator/registers/declare.ts";
import { recordRegisterFindings, registerPlace } from "../../../emulator/registers/finding-text.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { RegisterMap } from "../../../emulator/registers/register-map.ts";
import { FindingLog } from "../../../emulator/run/findings.ts";

const STATUS = register("STATUS", { offset: 0x0008, access: "ro", about: "State." });
const CONTROL = register("CONTROL", { offset: 0x0010, access: "rw", fields: { GO: bit(0) }, about: "Control." });
const SET = register("SET", { offset: 0x0020, access: "w1s", about: "Sets." });
const QUIET = register("QUIET", {
  offset: 0x0040,
  count: 4,
  access: "rw",
  modelled: "not-modelled",
  about: "Whispers.",
});
const FILTER = register("FILTER", {
  offset: 0x0060,
  count: 4,
  access: "rw",
  fields: {
    TYPE: notModelled(bits(1, 0), "frames have no type", [0, 1]),
    ON: notModelled(bit(31), "no frame is dropped"),
  },
  about: "Filters.",
});
const MAILBOX = register("MAILBOX", {
  offset: 0x0100,
  count: 64,
  access: "rw",
  modelled: "not-modelled",
  about: "Mail.",
});
const map = new RegisterMap(0x400, [STATUS, CONTROL, SET, QUIET, FILTER, MAILBOX]);

function fileWithLog(): { file: RegisterFile; log: FindingLog } {
  const log = new FindingLog("card", new Float64Array(1));
  return { file: new RegisterFile(map, recordRegisterFindings(log, map)), log };
}

test.each([
  [
    "write-to-read-only",
    "violation",
    "STATUS 0x00008",
    /Write of 0x00000005 to STATUS 0x00008, which is read-only/,
    0x0008,
    5,
  ],
  ["reserved-bits-changed", "violation", "CONTROL 0x00010", /reserved bits \(0xfffffffe\)/, 0x0010, 0x11],
  ["write-without-effect", "note", "SET 0x00020", /whose ones act, and none of them was written/, 0x0020, 0],
  ["not-modelled", "note", "QUIET(2) 0x00048", /nothing acts on it\. Whispers\./, 0x0048, 7],
  [
    "feature-not-modelled",
    "note",
    "FILTER(1).ON 0x00064",
    /Write of 0x80000001 to FILTER\(1\) 0x00064 sets ON to 0x1, which is not modelled: no frame is dropped\./,
    0x0064,
    0x8000_0001 | 0,
  ],
  ["no-register", "note", "0x00080", /Write of 0x00000001 to 0x00080, where the register table has nothing/, 0x0080, 1],
] as const)("%s", (rule, kind, place, text, offset, value) => {
  const { file, log } = fileWithLog();
  file.write(offset, value);
  expect(log.findings).toMatchObject([{ rule, kind, place, count: 1 }]);
  expect(log.findings[0]?.message).toMatch(text);
});

test("a read says what it gave", () => {
  const { file, log } = fileWithLog();
  file.read(0x0084);
  file.read(0x0044);
  expect(log.findings.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^Read of 0x00084, where the register table has nothing\. The read gave 0/),
    expect.stringMatching(/^Read of QUIET\(1\) 0x00044/),
  ]);
  expect(registerPlace(map, 0x0010)).toBe("CONTROL 0x00010");
});

test("findings are counted by rule, register and field, and worded by the first", () => {
  const accesses = fc.array(
    fc.record({
      register: fc.constantFrom(STATUS, QUIET, FILTER),
      index: fc.nat(3),
      value: fc.constantFrom(0, 1, 2, 0x8000_0000 | 0, 0x8000_0003 | 0),
    }),
    { minLength: 1, maxLength: 80, size: "max" },
  );
  fc.assert(
    fc.property(accesses, (script) => {
      const { file, log } = fileWithLog();
      const expected = new Map<string, { count: number; value: number }>();
      const expectOne = (place: string, value: number): void => {
        const known = expected.get(place);
        if (known === undefined) expected.set(place, { count: 1, value });
        else known.count++;
      };
      const filters = [0, 0, 0, 0];
      for (const { register: subject, index: anyIndex, value } of script) {
        const index = anyIndex % subject.count;
        const offset = subject.at(index);
        file.write(offset, value);
        const at = `0x${offset.toString(16).padStart(5, "0")}`;
        if (subject === STATUS) expectOne(`STATUS ${at}`, value);
        if (subject === QUIET) expectOne(`QUIET(${index}) ${at}`, value);
        if (subject !== FILTER) continue;
        const before = filters[index] as number;
        if ((value & 3) > 1 && (value & 3) !== (before & 3)) expectOne(`FILTER(${index}).TYPE ${at}`, value);
        if (value < 0 && before >= 0) expectOne(`FILTER(${index}).ON ${at}`, value);
        filters[index] = value;
      }
      expect(log.findings.map(({ place, count }) => [place, count])).toEqual(
        [...expected].map(([place, { count }]) => [place, count]),
      );
      for (const { place, message } of log.findings) {
        const value = (expected.get(place)?.value ?? 0) >>> 0;
        expect(message).toContain(`Write of 0x${value.toString(16).padStart(8, "0")} to `);
      }
    }),
  );
});

test("a driver that goes over a large family does not fill the log: what is beyond 32 registers is counted together", () => {
  const { file, log } = fileWithLog();
  for (let round = 0; round < 2; round++) for (let index = 0; index < 64; index++) file.read(MAILBOX.at(index));
  expect(log.findings).toHaveLength(33);
  expect(log.findings[32]).toMatchObject({ place: "MAILBOX, further ones", count: 64 });
  expect(log.findings.reduce((sum, { count }) => sum + count, 0)).toBe(128);
  expect(file.read(STATUS.at())).toBe(0);
});

test("a repeat is told with the same text function as the first time: it makes nothing new", () => {
  const texts: (() => string)[] = [];
  const file = new RegisterFile(map, recordRegisterFindings({ record: (_k, _r, _p, text) => texts.push(text) }, map));
  for (let times = 0; times < 3; times++) {
    file.write(STATUS.at(), times);
    file.read(QUIET.at(2));
    file.read(0x0390);
    file.write(FILTER.at(3), 0x8000_0000 | 0);
    file.write(FILTER.at(3), 0);
  }
  expect(texts).toHaveLength(12);
  expect(new Set(texts).size).toBe(4);
});
