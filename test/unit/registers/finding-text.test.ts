import { expect, test } from "vitest";
import { bit, register } from "../../../emulator/registers/declare.ts";
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
const map = new RegisterMap(0x100, [STATUS, CONTROL, SET, QUIET]);

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
  ["no-register", "note", "0x00080", /Write of 0x00000001 to 0x00080, where the register table has nothing/, 0x0080, 1],
] as const)("%s", (rule, kind, place, text, offset, value) => {
  const { file, log } = fileWithLog();
  file.write(offset, value);
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
