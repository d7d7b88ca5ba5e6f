import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AccessMode,
  bit,
  bits,
  type Field,
  notModelled,
  type Register,
  type RegisterOptions,
  register,
} from "../../../emulator/registers/declare.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { RegisterMap } from "../../../emulator/registers/register-map.ts";
import { BitModel, Findings, modesByBit, truth } from "../../../harness/conformance/bit-model.ts";

// The table in declare.ts: what each access mode does on a write and on a read.

const everyMode = Object.keys(truth) as AccessMode[];
const writeModes = everyMode.filter((mode) => mode !== "rc" && mode !== "rs");

/** A write mode, and with some of them a side effect of reading. Two write modes at once mean nothing. */
const anyModes: fc.Arbitrary<readonly AccessMode[]> = fc
  .tuple(fc.constantFrom(...writeModes), fc.constantFrom<(AccessMode | "")[]>("", "", "rc", "rs"))
  .map(([write, read]) => (read === "" || write === "reserved" ? [write] : [write, read]));

/** Fields with gaps between them, or none: then the register is one field. */
const anyFields: fc.Arbitrary<Record<string, Field>> = fc
  .array(fc.record({ width: fc.integer({ min: 1, max: 12 }), gap: fc.integer({ min: 0, max: 4 }), modes: anyModes }), {
    maxLength: 8,
  })
  .map((parts) => {
    const fields: Record<string, Field> = {};
    let low = 0;
    for (const [index, { width, gap, modes }] of parts.entries()) {
      low += gap;
      if (low + width > 32) break;
      fields[`F${index}`] = bits(low + width - 1, low, modes);
      low += width;
    }
    return fields;
  });

const anyValue = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 1, -2147483648));
const anyAccess = fc.oneof(
  anyValue.map((value) => ({ kind: "write" as const, value })),
  fc.constant({ kind: "read" as const, value: 0 }),
  anyValue.map((value) => ({ kind: "device sets" as const, value })),
  fc.constant({ kind: "reset" as const, value: 0 }),
);

function fileOf(...registers: Register[]): { file: RegisterFile; findings: Findings } {
  const findings = new Findings();
  return { file: new RegisterFile(new RegisterMap(0x100, registers), findings), findings };
}

const one = (options: Partial<RegisterOptions>): Register =>
  register("R", { offset: 0x0010, access: "rw", about: "Synthetic.", ...options });

describe("each word alone", () => {
  test.for(everyMode)("%s", (mode) => {
    const subject = one({ access: mode });
    for (const before of [0, 1]) {
      for (const written of [0, 1]) {
        const { file } = fileOf(subject);
        file.set(subject, before);
        file.write(0x0010, written);
        // Bits 31–1 start at 0 and are written with 0; bit 0 is the one under test.
        expect(file.get(subject) & 1, `${before}, write ${written}`).toBe(
          Number(truth[mode].write[2 * before + written]),
        );
      }
      const { file } = fileOf(subject);
      file.set(subject, before);
      expect(file.read(0x0010) & 1, `${before}, read`).toBe(Number(truth[mode].read[before]));
      expect(file.get(subject) & 1, `${before}, after the read`).toBe(Number(truth[mode].after[before]));
    }
  });
});

test("any mixture of fields does what its words say, bit by bit", () => {
  const property = fc.property(
    anyFields,
    anyModes,
    anyValue,
    fc.array(anyAccess, { minLength: 1, maxLength: 30 }),
    (fields, access, reset, accesses) => {
      const subject = one({ access, fields, reset });
      const { file } = fileOf(subject);
      const model = new BitModel(modesByBit(subject), reset);
      expect(file.get(subject)).toBe(reset | 0);
      for (const { kind, value } of accesses) {
        if (kind === "write") {
          file.write(0x0010, value);
          model.write(value);
        } else if (kind === "read") {
          expect(file.read(0x0010)).toBe(model.read());
        } else if (kind === "device sets") {
          file.set(subject, value);
          model.deviceSets(value);
        } else {
          file.reset();
          model.reset();
        }
        expect(file.get(subject)).toBe(model.value);
      }
    },
  );
  fc.assert(property, { numRuns: 2_000 });
});

describe("findings", () => {
  test("are what the definitions say, at each write that deserves them", () => {
    const property = fc.property(
      anyFields,
      anyModes,
      anyValue,
      fc.array(anyValue, { minLength: 1, maxLength: 12 }),
      (fields, access, reset, values) => {
        const subject = one({ access, fields, reset });
        const { file, findings } = fileOf(subject);
        const model = new BitModel(modesByBit(subject), reset);
        const expected: string[] = [];
        for (const value of values) {
          for (const finding of [...model.findingsOf(value)].sort()) expected.push(`${finding} ${value}`);
          const before = findings.all.length;
          file.write(0x0010, value);
          // Which of two findings about one write comes first means nothing.
          findings.all.push(...findings.all.splice(before).sort((a, b) => (a.finding < b.finding ? -1 : 1)));
          model.write(value);
        }
        expect(findings.all.map(({ finding, value }) => `${finding} ${value}`)).toEqual(expected);
        expect(findings.all.every(({ offset }) => offset === 0x0010)).toBe(true);
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });

  test.for<[string, Partial<RegisterOptions>, number, string[]]>([
    ["a status register", { access: "ro" }, 1, ["write-to-read-only"]],
    ["a counter", { access: ["ro", "rc"] }, 0, ["write-to-read-only"]],
    ["a mask-set register and 0", { access: "w1s" }, 0, ["write-without-effect"]],
    ["a mask-set register and 1", { access: "w1s" }, 1, []],
    ["a register cleared by zeros and all ones", { access: "w0c" }, -1, ["write-without-effect"]],
    ["a bit between fields", { fields: { A: bit(0) } }, 2, ["reserved-bits-changed"]],
    ["a bit between fields that was 1", { fields: { A: bit(0) }, reset: 2 }, 3, []],
    ["a feature that is not there", { modelled: "not-modelled" }, 0, ["not-modelled"]],
    ["a read-only register that drivers write on purpose", { access: "ro", harmless: true }, 1, []],
    ["reserved bits that drivers hit on purpose", { fields: { A: bit(0) }, harmless: true }, -1, []],
  ])("%s", ([, options, value, expected]) => {
    const { file, findings } = fileOf(one(options));
    file.write(0x0010, value);
    expect(findings.all.map(({ finding }) => finding)).toEqual(expected);
  });

  test("a register that is not modelled is said whenever it is touched, and keeps what was written all the same", () => {
    const { file, findings } = fileOf(one({ modelled: "not-modelled" }));
    file.read(0x0010);
    file.write(0x0010, 7);
    expect(findings.all).toEqual([
      { finding: "not-modelled", offset: 0x0010, value: undefined },
      { finding: "not-modelled", offset: 0x0010, value: 7 },
    ]);
    expect(file.read(0x0010)).toBe(7);
  });

  test("a hole reads as 0 and keeps nothing", () => {
    const { file, findings } = fileOf(one({}));
    file.write(0x0020, 5);
    expect([file.read(0x0020), file.read(0x0024)]).toEqual([0, 0]);
    expect(findings.all).toEqual([
      { finding: "no-register", offset: 0x0020, value: 5 },
      { finding: "no-register", offset: 0x0020, value: undefined },
      { finding: "no-register", offset: 0x0024, value: undefined },
    ]);
  });

  // They were told once for a family, so that a second wrong register of it went unheard, and a driver that did wrong on
  // every packet looked like one that did so once. Whoever keeps the findings counts, by register.
  test("each element of a family is told of, each time", () => {
    const { file, findings } = fileOf(one({ access: "ro", count: 8 }));
    for (let index = 0; index < 16; index++) file.write(0x0010 + 4 * (index & 7), 1);
    expect(findings.all.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 16 }, (_, index) => 0x0010 + 4 * (index & 7)),
    );
  });

  test("a field that asks for what is not modelled is told of when it comes to hold such a value, and only then", () => {
    const property = fc.property(
      fc.array(fc.nat(7), { maxLength: 6 }),
      fc.integer({ min: 0, max: 29 }),
      fc.array(fc.tuple(fc.boolean(), anyValue), { minLength: 1, maxLength: 30 }),
      (quiet, low, accesses) => {
        const MODE = notModelled(bits(low + 2, low), "nothing comes of it", quiet);
        const { file, findings } = fileOf(one({ fields: { MODE } }));
        const expected: number[] = [];
        let value = 0;
        for (const [isWrite, word] of accesses) {
          if (!isWrite) {
            file.read(0x0010);
            continue;
          }
          file.write(0x0010, word);
          const now = Math.floor((word >>> 0) / 2 ** low) % 8;
          if (now !== value && !quiet.includes(now)) expected.push(word);
          value = now;
        }
        const found = findings.all.filter(({ finding }) => finding === "feature-not-modelled");
        expect(found.map((each) => each.value)).toEqual(expected);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

describe("hooks", () => {
  test("see the element, its new value, its old one and what was written", () => {
    const subject = one({ access: "w1c", count: 4, reset: 0x00ff, aliases: [{ offset: 0x0080 }] });
    const { file } = fileOf(subject);
    const calls: number[][] = [];
    file.onWrite(subject, (...call) => calls.push(call));
    file.write(0x0018, 0x000f);
    file.write(0x008c, 0x00f0);
    expect(calls).toEqual([
      [2, 0x00f0, 0x00ff, 0x000f],
      [3, 0x000f, 0x00ff, 0x00f0],
    ]);
  });

  test("a device brings the register up to date before a read, and acts after its side effect", () => {
    const subject = one({ access: ["ro", "rc"] });
    const { file } = fileOf(subject);
    const seen: number[] = [];
    file.beforeRead(subject, () => file.set(subject, 42));
    file.afterRead(subject, () => seen.push(file.get(subject)));
    expect(file.read(0x0010)).toBe(42);
    expect(seen).toEqual([0]);
  });
});
