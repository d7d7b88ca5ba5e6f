import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigSpace, type FunctionDeclaration } from "../../../emulator/pcie/config-space.ts";
import { ConfigSpaceModel, NETWORK_CARD, readOnlyMask } from "./config-space-model.ts";

type Width = 1 | 2 | 4;
const WIDTHS: readonly Width[] = [1, 2, 4];

function recordingSpace(declaration: FunctionDeclaration = NETWORK_CARD): { config: ConfigSpace; calls: string[] } {
  const calls: string[] = [];
  const config = new ConfigSpace(declaration, {
    onFunctionLevelReset: () => calls.push("flr"),
    onCommandChanged: () => calls.push("command"),
    onMsixControlChanged: () => calls.push("msix"),
  });
  return { config, calls };
}

function allBytes(read: (offset: number, byteLength: Width) => number): number[] {
  return Array.from({ length: 4096 }, (_, offset) => read(offset, 1));
}

const aValue = fc.oneof(
  fc.nat(0xffffffff),
  fc.constantFrom(0, 0xffffffff, 0x80000000, 0x8000, 0x0006),
  fc.nat(31).map((bit) => 2 ** bit),
);
/** Mostly where registers are; also reserved space, misaligned offsets and the outside. */
const anOffset = fc.oneof(
  { weight: 8, arbitrary: fc.nat(0x150) },
  { weight: 4, arbitrary: fc.constantFrom(0x04, 0x06, 0x10, 0x44, 0x52, 0x70, 0x72, 0xa8, 0xa9, 0xaa, 0x104, 0x110) },
  { weight: 1, arbitrary: fc.integer({ min: -4, max: 4100 }) },
);
const anAccess = fc.record({ offset: anOffset, byteLength: fc.constantFrom(...WIDTHS), value: aValue });
const aStep = fc.oneof(
  { weight: 20, arbitrary: fc.record({ kind: fc.constant("write" as const), access: anAccess }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("latch" as const),
      offset: fc.constantFrom(0x06, 0xaa, 0x104, 0x110),
      errors: fc.nat(0xffff),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("interrupt" as const), on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("transactions" as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("reset" as const, "functionLevelReset" as const) }) },
);

describe("configuration space against the specification's bit classes", () => {
  test("any sequence of writes, device events and resets leaves what the bit tables say", () => {
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 1, maxLength: 60, size: "max" }), (steps) => {
        const { config, calls } = recordingSpace();
        const model = new ConfigSpaceModel();
        for (const step of steps) {
          if (step.kind === "write") {
            const { offset, byteLength, value } = step.access;
            config.write(offset, byteLength, value);
            model.write(offset, byteLength, value);
            expect(config.read(offset, byteLength)).toBe(model.read(offset, byteLength));
          } else if (step.kind === "latch") {
            config.latchStatus(step.offset, 2, step.errors);
            model.latch(step.offset, 2, step.errors);
          } else if (step.kind === "interrupt") {
            config.setInterruptStatus(step.on);
            model.setBit(8 * 0x06 + 3, step.on);
          } else if (step.kind === "transactions") {
            config.setTransactionsPending(step.on);
            model.setBit(8 * 0xaa + 5, step.on);
          } else {
            config[step.kind]();
            model[step.kind]();
          }
          expectFieldsOf(config, model);
        }
        expect(allBytes((offset, byteLength) => config.read(offset, byteLength))).toEqual(
          allBytes((offset, byteLength) => model.read(offset, byteLength)),
        );
        expect(calls).toEqual(model.calls);
      }),
      { numRuns: 300 },
    );
  });

  test("no byte lets go of a read-only bit, whatever the width of the write", () => {
    const { config } = recordingSpace();
    const before = allBytes((offset, byteLength) => config.read(offset, byteLength));
    for (let offset = 0; offset < 4096; offset++) {
      for (const byteLength of WIDTHS) {
        for (const value of [0xffffffff, 0x5a5a5a5a, 0])
          config.write(offset - (offset % byteLength), byteLength, value);
      }
      const mask = readOnlyMask(offset);
      expect(config.read(offset, 1) & mask, `byte 0x${offset.toString(16)}`).toBe((before[offset] as number) & mask);
    }
  });

  test("every width reads the same little-endian bytes, unsigned", () => {
    fc.assert(
      fc.property(fc.nat(1023), aValue, (index, value) => {
        const { config } = recordingSpace();
        const offset = 4 * index;
        config.write(offset, 4, value);
        const byte = (at: number): number => config.read(offset + at, 1);
        expect(config.read(offset, 2)).toBe(byte(0) + 256 * byte(1));
        expect(config.read(offset, 4)).toBe(config.read(offset, 2) + 65536 * config.read(offset + 2, 2));
      }),
    );
  });
});

/** Fields of the data plane against the bits they stand for. */
function expectFieldsOf(config: ConfigSpace, model: ConfigSpaceModel): void {
  const bit = (at: number): boolean => model.bits[at] === 1;
  const inD0 = model.field(8 * 0x44 + 1, 8 * 0x44) === 0;
  const payloadCode = model.field(8 * 0xa8 + 7, 8 * 0xa8 + 5);
  expect({
    memoryEnabled: config.memoryEnabled,
    busMasterEnabled: config.busMasterEnabled,
    intxDisabled: config.intxDisabled,
    msiEnabled: config.msiEnabled,
    msixEnabled: config.msixEnabled,
    msixFunctionMasked: config.msixFunctionMasked,
    relaxedOrderingEnabled: config.relaxedOrderingEnabled,
    msiAddressLow: config.msiAddressLow >>> 0,
    msiAddressHigh: config.msiAddressHigh >>> 0,
    msiData: config.msiData,
    maxPayloadByteLength: config.maxPayloadByteLength,
    bar0: config.barAddress(0),
    bar2: config.barAddress(2),
  }).toEqual({
    memoryEnabled: inD0 && bit(8 * 4 + 1),
    busMasterEnabled: inD0 && bit(8 * 4 + 2),
    intxDisabled: bit(8 * 4 + 10),
    msiEnabled: bit(8 * 0x52),
    msixEnabled: bit(8 * 0x72 + 15),
    msixFunctionMasked: bit(8 * 0x72 + 14),
    relaxedOrderingEnabled: bit(8 * 0xa8 + 4),
    msiAddressLow: model.read(0x54, 4),
    msiAddressHigh: model.read(0x58, 4),
    msiData: model.read(0x5c, 2),
    maxPayloadByteLength: payloadCode === 0 ? 128 : payloadCode === 1 ? 256 : 512,
    bar0: model.read(0x14, 4) * 2 ** 32 + Math.floor(model.read(0x10, 4) / 16) * 16,
    bar2: Math.floor(model.read(0x18, 4) / 16) * 16,
  });
}

describe("function-level reset", () => {
  test.each([
    { offset: 0xa8, byteLength: 4 as Width, value: 0x8000 },
    { offset: 0xa8, byteLength: 2 as Width, value: 0xa830 },
    { offset: 0xa9, byteLength: 1 as Width, value: 0x80 },
  ])("Initiate FLR written as $byteLength bytes reads zero and is told once", ({ offset, byteLength, value }) => {
    const { config, calls } = recordingSpace();
    config.write(0x04, 2, 0x0406);
    config.write(0x72, 2, 0x8000);
    calls.length = 0;
    config.write(offset, byteLength, value);
    expect(calls).toEqual(["flr"]);
    expect(config.read(0xa8, 2) & 0x8000).toBe(0);
    expect(config.read(0x04, 2)).toBe(0);
    expect([config.memoryEnabled, config.busMasterEnabled, config.msixEnabled]).toEqual([false, false, false]);
  });

  test("a write to the other byte of Device Control resets nothing", () => {
    const { config, calls } = recordingSpace();
    config.write(0xa8, 1, 0xff);
    config.write(0xaa, 2, 0x8000);
    expect(calls).toEqual([]);
  });

  test("the registers are at their defaults when the listener is told", () => {
    const commandsSeen: number[] = [];
    const config: ConfigSpace = new ConfigSpace(NETWORK_CARD, {
      onFunctionLevelReset: () => commandsSeen.push(config.read(0x04, 2)),
      onCommandChanged: () => commandsSeen.push(config.read(0x04, 2)),
      onMsixControlChanged: () => {},
    });
    config.write(0x04, 2, 0x0006);
    config.write(0xa8, 2, 0x8000);
    expect(commandsSeen).toEqual([0x0006, 0]);
  });
});

describe("reset, snapshot and restore", () => {
  const someWrites = fc.array(anAccess, { maxLength: 30, size: "max" });

  test("reset undoes any writes, and tells nobody", () => {
    fc.assert(
      fc.property(someWrites, (writes) => {
        const { config, calls } = recordingSpace();
        for (const { offset, byteLength, value } of writes) config.write(offset, byteLength, value);
        config.latchStatus(0x104, 4, 0xffffffff);
        calls.length = 0;
        config.reset();
        expect(config.snapshot()).toEqual(recordingSpace().config.snapshot());
        expectFieldsOf(config, new ConfigSpaceModel());
        expect(calls).toEqual([]);
      }),
    );
  });

  test("restore brings registers and fields back, and the snapshot is a copy", () => {
    fc.assert(
      fc.property(someWrites, someWrites, (first, second) => {
        const { config, calls } = recordingSpace();
        const model = new ConfigSpaceModel();
        for (const { offset, byteLength, value } of first) {
          config.write(offset, byteLength, value);
          model.write(offset, byteLength, value);
        }
        const snapshot = config.snapshot();
        for (const { offset, byteLength, value } of second) config.write(offset, byteLength, value);
        calls.length = 0;
        config.restore(snapshot);
        expect(config.snapshot()).toEqual(snapshot);
        expectFieldsOf(config, model);
        expect(calls).toEqual([]);
      }),
    );
  });

  test("a snapshot of another length is refused", () => {
    expect(() => recordingSpace().config.restore(new Uint8Array(256))).toThrow(/snapshot of 256 bytes/);
  });
});

describe("accesses that are no request to the function", () => {
  test.each([
    [-4, 4, 0xffffffff],
    [0x0001, 2, 0xffff],
    [0x0002, 4, 0xffffffff],
    [0x1000, 1, 0xff],
    [0x0ffe, 4, 0xffffffff],
    [0.5, 1, 0xff],
  ])("%i with %i bytes reads all ones and writes nothing", (offset, byteLength, ones) => {
    const { config, calls } = recordingSpace();
    const before = config.snapshot();
    expect(config.read(offset, byteLength as Width)).toBe(ones);
    config.write(offset, byteLength as Width, 0xffffffff);
    expect(config.snapshot()).toEqual(before);
    expect(calls).toEqual([]);
    expect(() => config.latchStatus(offset, byteLength as Width, 1)).toThrow(RangeError);
  });
});

describe("declarations that cannot be built", () => {
  const { identity, bars, msix } = NETWORK_CARD;
  const bar0 = { index: 0, byteLength: 4096, kind: "memory32", about: "registers" } as const;
  test.each<[string, FunctionDeclaration, RegExp]>([
    [
      "two BARs in a slot",
      {
        identity,
        bars: [
          { ...bar0, kind: "memory64" },
          { ...bar0, index: 1 },
        ],
      },
      /share slot 1/,
    ],
    ["a 64-bit BAR5", { identity, bars: [{ ...bar0, index: 5, kind: "memory64" }] }, /BAR5.*two slots/],
    ["an odd size", { identity, bars: [{ ...bar0, byteLength: 3000 }] }, /3000 bytes; want a power of two/],
    ["8 bytes", { identity, bars: [{ ...bar0, byteLength: 8 }] }, /8 bytes/],
    ["4 GiB in 32 bits", { identity, bars: [{ ...bar0, byteLength: 2 ** 32 }] }, /4294967296 bytes/],
    ["a class of 32 bits", { identity: { ...identity, classCode: 0x1020000 }, bars }, /classCode/],
    ["MSI-X in no BAR", { identity, bars, msix: { ...msix!, bar: 3 } }, /BAR3, which the function does not declare/],
    ["MSI-X too large", { identity, bars, msix: { ...msix!, pendingBitsOffset: 0x4000 } }, /needs 16392 bytes of BAR4/],
    ["MSI-X overlapping", { identity, bars, msix: { ...msix!, pendingBitsOffset: 0x3f8 } }, /overlap/],
    [
      "MSI-X misaligned",
      { identity, bars, msix: { ...msix!, tableOffset: 0x0004 } },
      /0x0004 in BAR4; want a multiple of 8/,
    ],
    ["2049 vectors", { identity, bars, msix: { ...msix!, vectorCount: 2049 } }, /2049 vectors/],
  ])("%s", (_, declaration, message) => {
    expect(() => recordingSpace(declaration)).toThrow(message);
  });

  test("the address of a BAR that is not declared, or is the upper half of one, is refused", () => {
    const { config } = recordingSpace();
    expect(() => config.barAddress(3)).toThrow(/BAR3: the function declares BAR0,BAR2,BAR4/);
    expect(() => config.barAddress(1)).toThrow(RangeError);
  });
});
