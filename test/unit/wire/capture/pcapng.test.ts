import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatenate, type PcapngOption, PcapngSection } from "./capture-files.ts";
import { chunksOf, type ReadRecord, readChunks } from "./read-whole.ts";

const NS = 1_000_000_000n;

function ticksPerSecond(resolution: number): bigint {
  return (resolution & 0x80 ? 2n : 10n) ** BigInt(resolution & 0x7f);
}

/** Keeps the seconds below 2^53, where Numbers are exact: no clock that counts whole seconds gets that far. */
function sane(ticks: bigint, resolution: number): bigint {
  return ticksPerSecond(resolution) < 4096n ? ticks % 2n ** 52n : ticks;
}

/** Ticks to time in unlimited precision, as the specification of if_tsresol and if_tsoffset reads. */
function timeOracle(ticks: bigint, resolution: number, offset: bigint): { seconds: number; nanoseconds: number } {
  const ns = (ticks * NS) / ticksPerSecond(resolution);
  return { seconds: Number(ns / NS + offset), nanoseconds: Number(ns % NS) };
}

interface Interface {
  resolution: number | undefined;
  offset: bigint | undefined;
  snap: number;
  fcs: number | undefined;
  linkType: number;
}

const resolutions = fc.oneof(
  fc.nat(12),
  fc.nat(19),
  fc.nat(30).map((exponent) => 0x80 | exponent),
  fc.nat(64).map((exponent) => 0x80 | exponent),
);
const interfaces: fc.Arbitrary<Interface> = fc.record({
  resolution: fc.option(resolutions, { nil: undefined }),
  offset: fc.option(fc.bigInt({ min: -(2n ** 33n), max: 2n ** 33n }), { nil: undefined }),
  snap: fc.constantFrom(0, 0, 5, 60, 65535),
  fcs: fc.option(fc.constantFrom(0, 4), { nil: undefined }),
  linkType: fc.constantFrom(1, 1, 101, 113),
});
const blocks = fc.oneof(
  fc.record({
    kind: fc.constantFrom("enhanced" as const, "obsolete" as const),
    pick: fc.nat(),
    ticks: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 52n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
    bytes: fc.uint8Array({ maxLength: 70 }),
    extra: fc.nat(2000),
    flags: fc.option(fc.nat(15), { nil: undefined }),
    comment: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("simple" as const), bytes: fc.uint8Array({ maxLength: 70 }) }),
  fc.record({
    kind: fc.constant("other" as const),
    type: fc.constantFrom(4, 5, 10, 0xbad, 0x4000_0bad, 0xabcd, 0x8000_0001),
    bytes: fc.uint8Array({ maxLength: 90 }),
  }),
);
const sections = fc.record({
  littleEndian: fc.boolean(),
  interfaces: fc.array(interfaces, { minLength: 1, maxLength: 3 }),
  blocks: fc.array(blocks, { maxLength: 8 }),
  headerComment: fc.boolean(),
});
type SectionPlan = typeof sections extends fc.Arbitrary<infer T> ? T : never;

const comment: PcapngOption = { code: 1, value: new TextEncoder().encode("a comment") };

function descriptionOf(section: PcapngSection, plan: Interface): Uint8Array {
  const options: PcapngOption[] = [{ code: 2, value: new TextEncoder().encode("eth0") }];
  if (plan.resolution !== undefined) options.push({ code: 9, value: Uint8Array.of(plan.resolution) });
  if (plan.offset !== undefined) options.push({ code: 14, value: section.i64(plan.offset) });
  if (plan.fcs !== undefined) options.push({ code: 13, value: Uint8Array.of(plan.fcs) });
  return section.description(plan.linkType, plan.snap, options);
}

/** The bytes of a planned section, and what must be read from it. */
function build(plan: SectionPlan, sectionIndex: number): { bytes: Uint8Array; records: ReadRecord[] } {
  const section = new PcapngSection(plan.littleEndian);
  const parts = [section.header(plan.headerComment ? [comment] : [])];
  const records: ReadRecord[] = [];
  for (const description of plan.interfaces) parts.push(descriptionOf(section, description));
  for (const block of plan.blocks) {
    if (block.kind === "other") {
      parts.push(section.block(block.type, block.bytes));
      continue;
    }
    if (block.kind === "simple") {
      const { snap, linkType, fcs } = plan.interfaces[0] as Interface;
      const captured = snap === 0 ? block.bytes : block.bytes.subarray(0, snap);
      parts.push(section.simplePacket(captured, block.bytes.length));
      const where = { interfaceIndex: 0, sectionIndex, linkType, fcsByteLength: fcs ?? 0 };
      const time = { seconds: 0, nanoseconds: 0, timed: false };
      records.push({ ...time, bytes: [...captured], originalByteLength: block.bytes.length, ...where });
      continue;
    }
    const interfaceIndex = block.pick % plan.interfaces.length;
    const { resolution = 6, offset = 0n, linkType, fcs } = plan.interfaces[interfaceIndex] as Interface;
    const ticks = sane(block.ticks, resolution);
    const originalByteLength = block.bytes.length + block.extra;
    const options: PcapngOption[] = block.comment ? [comment] : [];
    let fcsByteLength = fcs ?? 0;
    if (block.kind === "enhanced") {
      if (block.flags !== undefined) {
        options.push({ code: 2, value: section.u32((block.flags << 5) | 1) });
        fcsByteLength = block.flags || fcsByteLength;
      }
      parts.push(section.enhancedPacket(interfaceIndex, ticks, block.bytes, originalByteLength, options));
    } else {
      parts.push(section.obsoletePacket(interfaceIndex, ticks, block.bytes, originalByteLength));
    }
    records.push({
      ...timeOracle(ticks, resolution, offset),
      timed: true,
      bytes: [...block.bytes],
      originalByteLength,
      interfaceIndex,
      sectionIndex,
      linkType,
      fcsByteLength,
    });
  }
  return { bytes: concatenate(parts), records };
}

describe("pcapng", () => {
  test("any sections, byte orders, clocks and blocks in any chunks give the planned records", () => {
    const plans = fc.array(sections, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(plans, fc.array(fc.nat(), { maxLength: 12 }), (planned, positions) => {
        const built = planned.map(build);
        const file = concatenate(built.map(({ bytes }) => bytes));
        const records = built.flatMap((part) => part.records);
        const read = readChunks(chunksOf(file, positions), { linkTypes: "any" });
        expect(read.records).toEqual(records);
        const end = { format: "pcapng", recordCount: records.length, fileByteLength: file.length, cut: null };
        expect(read.end).toEqual(end);
      }),
      { numRuns: 400 },
    );
  });

  test("a simple packet is bounded by the snap length of interface 0 and has no time", () => {
    const section = new PcapngSection(false);
    const file = concatenate([
      section.header(),
      section.description(1, 8),
      section.simplePacket(new Uint8Array(8), 500),
    ]);
    expect(readChunks([file]).records).toMatchObject([{ timed: false, seconds: 0, originalByteLength: 500 }]);
    expect(readChunks([file]).records[0]?.bytes).toHaveLength(8);
  });

  test("an FCS length given in bits, as the specification's text has it, means the same as in bytes", () => {
    const section = new PcapngSection(true);
    const description = section.description(1, 0, [{ code: 13, value: Uint8Array.of(32) }]);
    const file = concatenate([section.header(), description, section.simplePacket(new Uint8Array(64), 64)]);
    expect(readChunks([file]).records[0]?.fcsByteLength).toBe(4);
  });

  test("an option that runs over the end of its block is not read", () => {
    const section = new PcapngSection(true);
    // if_tsresol with a length of 200: its value would be the block's own trailing length.
    const description = section.block(1, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 200, 0));
    // EPB flags with a length of 4 where only the trailing length is left.
    const packet = section.enhancedPacket(0, 1_000_000n, Uint8Array.of(2, 0, 4, 0), 4);
    new DataView(packet.buffer).setUint32(20, 0, true);
    const { records } = readChunks([concatenate([section.header(), description, packet])]);
    expect(records).toMatchObject([{ seconds: 1, nanoseconds: 0, fcsByteLength: 0, bytes: [] }]);
  });

  test("a block of 40 MB that nobody needs streams past without being held", () => {
    const section = new PcapngSection(true);
    const start = concatenate([section.header(), section.description(1, 0)]);
    const skipped = section.block(0xabcd, new Uint8Array(40_000_000));
    const end = section.simplePacket(Uint8Array.of(1, 2, 3, 4), 4);
    const file = concatenate([start, skipped, end]);
    const read = readChunks(
      chunksOf(
        file,
        Array.from({ length: 400 }, (_, index) => index * 100_000),
      ),
    );
    expect(read.records.map(({ bytes }) => bytes)).toEqual([[1, 2, 3, 4]]);
    expect(read.bufferByteLength).toBeLessThan(300_000);
  });
});

describe("a damaged pcapng is an error that names block and place", () => {
  const section = new PcapngSection(true);
  const start = concatenate([section.header(), section.description(1, 0)]);
  const packet = section.enhancedPacket(0, 1n, new Uint8Array(20), 20);
  const at = start.length;

  function damaged(block: Uint8Array, offset: number, value: number): Uint8Array {
    const copy = block.slice();
    new DataView(copy.buffer).setUint32(offset, value, true);
    return concatenate([start, copy]);
  }
  const hex = `0x${at.toString(16).padStart(4, "0")}`;

  test.each([
    {
      name: "a length below the minimum",
      file: damaged(packet, 4, 28),
      says: `type 0x0006 at file offset ${hex} has the impossible length 28`,
    },
    { name: "a length that is no multiple of 4", file: damaged(packet, 4, 51), says: "impossible length 51" },
    { name: "length 0", file: damaged(packet, 4, 0), says: "impossible length 0" },
    {
      name: "length 2^32 - 4",
      file: damaged(packet, 4, 0xffff_fffc),
      says: `record 1 at file offset ${hex} claims 4294967292 bytes`,
    },
    {
      name: "captured bytes beyond the block",
      file: damaged(packet, 20, 21),
      says: "impossible length 52 with 21 captured bytes",
    },
    { name: "captured 2^32 - 1", file: damaged(packet, 20, 0xffff_ffff), says: "claims 4294967295 bytes" },
    {
      name: "two lengths that differ",
      file: damaged(packet, 48, 56),
      says: "has 52 bytes and at its end that it has 56",
    },
    {
      name: "an interface that was not described",
      file: damaged(packet, 8, 1),
      says: "names interface 1, but its section has described 1",
    },
    {
      name: "a skipped block whose lengths differ",
      file: damaged(section.block(5, new Uint8Array(8)), 16, 24),
      says: `type 0x0005 at file offset ${hex} says at its start that it has 20`,
    },
    {
      name: "a section of version 2",
      file: damaged(section.header(), 12, 2),
      says: `the section at file offset ${hex} is pcapng version 2`,
    },
    {
      name: "a section without byte-order magic",
      file: damaged(section.header(), 8, 0x01020304),
      says: "has no byte-order magic",
    },
    {
      name: "an interface description of 20 MB",
      file: damaged(section.description(1, 0), 4, 20_000_000),
      says: "type 0x0001",
    },
  ])("$name", ({ file, says }) => {
    for (const chunks of [[file], chunksOf(file, [...file.keys()])]) {
      expect(() => readChunks(chunks, { name: "x.pcapng" })).toThrow(says);
    }
  });

  test("a packet before any interface, and interfaces of the section before do not count", () => {
    expect(() => readChunks([concatenate([section.header(), packet])])).toThrow(/described 0/);
    expect(() => readChunks([concatenate([start, section.header(), packet])])).toThrow(/described 0/);
    expect(() => readChunks([concatenate([section.header(), section.simplePacket(new Uint8Array(4), 4)])])).toThrow(
      /described 0/,
    );
  });

  test("more than 4096 interfaces", () => {
    const many = Array.from({ length: 4097 }, () => section.description(1, 0));
    expect(() => readChunks([concatenate([section.header(), ...many])])).toThrow(/more than 4096 interfaces/);
  });
});
