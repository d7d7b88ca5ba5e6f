import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CaptureError, hexOffset } from "../../../../emulator/wire/capture/capture-error.ts";
import { CaptureReader } from "../../../../emulator/wire/capture/capture-reader.ts";
import { CaptureRecord } from "../../../../emulator/wire/capture/capture-record.ts";
import { concatenate, PcapngSection, pcapFile } from "./capture-files.ts";
import { readChunks } from "./read-whole.ts";

/** Files that somebody made to hang a reader, to fill its memory, or to make it read where nothing is. */

const section = new PcapngSection(true);
const start = concatenate([section.header(), section.description(1, 0)]);

function thrownBy(file: Uint8Array): CaptureError {
  try {
    readChunks([file], { name: "x", linkTypes: "any" });
  } catch (error) {
    expect(error).toBeInstanceOf(CaptureError);
    return error as CaptureError;
  }
  return expect.fail("it was read without an error");
}

/** A block that claims a total length, with 32 bytes behind it whatever it claims. */
function blockOf(type: number, claimed: number): Uint8Array {
  const bytes = new Uint8Array(40);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, claimed, true);
  return bytes;
}

describe("a block of pcapng with an impossible length is an error that names type and place", () => {
  const types = [1, 2, 3, 4, 5, 6, 10, 0xbad, 0x4000_0bad, 0xabcd, 0];
  const lengths = [0, 1, 4, 8, 11, 13, 0xffff_ffff, 0xffff_fffe, 0x8000_0001];

  test.each(types)("type %i", (type) => {
    for (const claimed of lengths) {
      const error = thrownBy(concatenate([start, blockOf(type, claimed)]));
      expect(error.fileOffset).toBe(start.length);
      const name = `type ${hexOffset(type)} at file offset ${hexOffset(start.length)} has the impossible length ${claimed}`;
      expect(error.message).toContain(name);
    }
  });

  test("a packet of nearly 4 GiB is not waited for; a block to skip is, without memory", () => {
    for (const type of [2, 3, 6]) {
      expect(thrownBy(concatenate([start, blockOf(type, 0xffff_fffc)])).message).toContain("claims 4294967292 bytes");
    }
    for (const type of [4, 5, 10, 0xabcd]) {
      const { end, bufferByteLength } = readChunks([concatenate([start, blockOf(type, 0xffff_fffc)])]);
      expect(end.cut).toMatchObject({ fileOffset: start.length, missingByteCount: 0xffff_fffc - 40 });
      expect(bufferByteLength).toBeLessThan(4096);
    }
  });

  test("a captured length beyond the block is an error with the block's place", () => {
    for (const claimed of [61, 0xffff, 0x7fff_ffff, 0xffff_ffff]) {
      const packet = section.enhancedPacket(0, 1n, new Uint8Array(60), 60);
      new DataView(packet.buffer).setUint32(20, claimed, true);
      expect(thrownBy(concatenate([start, packet]))).toMatchObject({ fileOffset: start.length });
    }
  });

  test("packets without an interface, and of one that was not described", () => {
    const packet = section.enhancedPacket(7, 1n, new Uint8Array(4), 4);
    expect(thrownBy(concatenate([start, packet])).message).toContain("names interface 7");
    const simple = section.simplePacket(new Uint8Array(4), 4);
    expect(thrownBy(concatenate([section.header(), simple])).message).toContain("has described 0");
    // An interface of the section before is none of this one.
    const next = concatenate([start, section.header(), section.enhancedPacket(0, 1n, new Uint8Array(4), 4)]);
    expect(thrownBy(next).message).toContain("names interface 0");
  });
});

describe("options", () => {
  const option = (code: number, byteLength: number, value: readonly number[] = []): number[] => {
    return [code & 0xff, code >> 8, byteLength & 0xff, byteLength >> 8, ...value];
  };
  const lists: readonly [string, number[]][] = [
    ["a length beyond the block", option(2, 0xffff, [1, 2, 3, 4])],
    ["lengths of zero without an end", Array.from({ length: 500 }, () => option(1, 0)).flat()],
    ["an end, and rubbish behind it", [...option(0, 0), ...option(9, 1, [3, 0, 0, 0])]],
    ["values that are too short for what they are", [...option(9, 0), ...option(14, 4, [1, 1, 1, 1]), ...option(8, 0)]],
    ["half an option", [9, 0]],
  ];

  test.each(lists)("%s: they end where they end, and the clock is the ordinary one", (_what, bytes) => {
    const body = concatenate([Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), Uint8Array.from(bytes)]);
    const packet = section.enhancedPacket(0, 1_000_001n, new Uint8Array(4), 4);
    const file = concatenate([section.header(), section.block(1, body), packet]);
    expect(readChunks([file]).records).toMatchObject([{ seconds: 1, nanoseconds: 1000 }]);
    const withOptions = concatenate([new Uint8Array(20), Uint8Array.from(bytes)]);
    const odd = concatenate([start, section.block(6, withOptions), section.block(5, withOptions), packet]);
    expect(readChunks([odd]).records).toHaveLength(2);
  });

  test("a name that steers terminals is cut and cleaned", () => {
    const name = new TextEncoder().encode(`\u001b[2Jeth0\u0007${"x".repeat(60_000)}`);
    const reader = new CaptureReader();
    reader.push(concatenate([section.header(), section.description(1, 0, [{ code: 2, value: name }])]));
    expect(reader.next(new CaptureRecord())).toBe(false);
    const [described] = reader.details.interfaces;
    expect(described?.name).toMatch(/^\[2Jeth0x+$/);
    expect(described?.name.length).toBeLessThanOrEqual(256);
  });
});

describe("numbers of things", () => {
  test("a million interfaces in one section are refused at the one that is too many", () => {
    const description = section.description(1, 0);
    const reader = new CaptureReader({ name: "x" });
    const record = new CaptureRecord();
    reader.push(section.header());
    const read = (): void => {
      for (let count = 0; count < 1_000_000; count++) {
        expect(reader.next(record)).toBe(false);
        reader.push(description);
      }
    };
    const place = section.header().length + 4096 * description.length;
    expect(read).toThrow(
      `x: the section describes more than 4096 interfaces; the one at file offset ${hexOffset(place)}`,
    );
    expect(reader.details.interfaces).toHaveLength(1024);
  });

  test("a hundred thousand sections with an interface each are read, and a thousand of them listed", () => {
    const one = concatenate([start, section.enhancedPacket(0, 1n, new Uint8Array(4), 4)]);
    const reader = new CaptureReader();
    const record = new CaptureRecord();
    const hundred = concatenate(Array.from({ length: 100 }, () => one));
    for (let count = 0; count < 1000; count++) {
      reader.push(hundred);
      while (reader.next(record));
    }
    expect(reader.end()).toMatchObject({ recordCount: 100_000, cut: null });
    expect(record.sectionIndex).toBe(99_999);
    expect(reader.details).toMatchObject({ sectionCount: 100_000, unlistedInterfaceCount: 100_000 - 1024 });
    expect(reader.details.interfaces).toHaveLength(1024);
  });
});

describe("what a capture says of itself is kept for a report", () => {
  test.each([true, false])("pcapng, little-endian %s: interfaces, and what they lost", (littleEndian) => {
    const ordered = new PcapngSection(littleEndian);
    const u64 = (value: bigint): Uint8Array => ordered.i64(value);
    const counters = [
      { code: 4, value: u64(2n ** 33n + 5n) },
      { code: 5, value: u64(7n) },
      { code: 7, value: u64(3n) },
      { code: 99, value: u64(1n) },
      { code: 4, value: new Uint8Array(4) },
    ];
    const statistics = (index: number, options: typeof counters): Uint8Array =>
      ordered.block(5, concatenate([ordered.u32(index), new Uint8Array(8), ordered.options(options)]));
    const described = [
      { code: 2, value: new TextEncoder().encode("eth7") },
      { code: 3, value: new TextEncoder().encode("line A") },
      { code: 8, value: u64(10_000_000_000n) },
      { code: 9, value: Uint8Array.of(0x80 | 30) },
      { code: 14, value: ordered.i64(-5n) },
    ];
    const dropped = (count: bigint) => [{ code: 4, value: u64(count) }];
    const obsolete = ordered.obsoletePacket(0, 1n, new Uint8Array(3), 3);
    const known = obsolete.slice();
    new DataView(known.buffer).setUint16(10, 9, littleEndian);
    const reader = new CaptureReader();
    reader.push(
      concatenate([
        ordered.header(),
        ordered.description(1, 128, described),
        statistics(0, [{ code: 4, value: u64(1n) }]),
        statistics(5, counters),
        ordered.enhancedPacket(0, 1n, new Uint8Array(3), 3, dropped(2n)),
        ordered.enhancedPacket(0, 1n, new Uint8Array(3), 3, dropped(5n)),
        // 0xffff: not known.
        obsolete,
        known,
        statistics(0, counters),
      ]),
    );
    const record = new CaptureRecord();
    while (reader.next(record));
    expect(reader.end().cut).toBeNull();
    expect(reader.details).toEqual({
      sectionCount: 1,
      unlistedInterfaceCount: 0,
      interfaces: [
        {
          sectionIndex: 0,
          interfaceIndex: 0,
          byteOrder: littleEndian ? "little-endian" : "big-endian",
          linkType: 1,
          snapByteLength: 128,
          fcsByteLength: 0,
          tick: { base: 2, exponent: -30 },
          timeOffsetSeconds: -5,
          name: "eth7",
          description: "line A",
          bitsPerSecond: 10_000_000_000,
          packetCount: 4,
          receivedCount: 2 ** 33 + 5,
          droppedCount: 7,
          osDroppedCount: 3,
          packetDropCount: 16,
        },
      ],
    });
  });

  test("pcap: what the file header says, in each of the four forms", () => {
    for (const littleEndian of [true, false]) {
      for (const nanoseconds of [true, false]) {
        const reader = new CaptureReader({ linkTypes: "any" });
        const record = { seconds: 1, nanoseconds: 0, bytes: new Uint8Array(3), originalByteLength: 3 };
        reader.push(pcapFile({ littleEndian, nanoseconds, network: 0x2400_0071 }, [record, record]));
        while (reader.next(new CaptureRecord()));
        expect(reader.details).toMatchObject({
          sectionCount: 1,
          interfaces: [
            {
              byteOrder: littleEndian ? "little-endian" : "big-endian",
              tick: { base: 10, exponent: nanoseconds ? -9 : -6 },
              linkType: 113,
              fcsByteLength: 4,
              snapByteLength: 65535,
              packetCount: 2,
            },
          ],
        });
      }
    }
  });

  test("the direction of a packet is what its flags say", () => {
    const flags = [0, 1, 2, 3].map((direction) => [{ code: 2, value: section.u32(0xffff_fffc | direction) }]);
    const packets = flags.map((options) => section.enhancedPacket(0, 1n, new Uint8Array(3), 3, options));
    const reader = new CaptureReader();
    reader.push(concatenate([start, ...packets, section.simplePacket(new Uint8Array(3), 3)]));
    const record = new CaptureRecord();
    const directions: number[] = [];
    while (reader.next(record)) directions.push(record.direction);
    // Both bits set mean nothing.
    expect(directions).toEqual([0, 1, 2, 0, 0]);
  });
});

describe("fields of block and record headers, set to what breaks things", () => {
  const frame = Uint8Array.from({ length: 61 }, (_, index) => index);
  const pcap = pcapFile({ littleEndian: true, nanoseconds: true }, [
    { seconds: 1, nanoseconds: 2, bytes: frame, originalByteLength: 61 },
    { seconds: 2, nanoseconds: 3, bytes: frame, originalByteLength: 99 },
  ]);
  const statistics = section.block(5, concatenate([section.u32(0), new Uint8Array(8), section.options([])]));
  const pcapng = concatenate([
    start,
    section.enhancedPacket(0, 1n, frame, 61, [{ code: 2, value: section.u32(1) }]),
    section.obsoletePacket(0, 5n, frame, 61),
    section.simplePacket(frame, 61),
    statistics,
    section.block(0xabcd, new Uint8Array(16)),
  ]);
  const evil = fc.constantFrom(0, 1, 3, 4, 7, 12, 16, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff);
  const edits = fc.array(fc.tuple(fc.nat(), evil), { minLength: 1, maxLength: 4 });

  test("end in an error with a place inside the file, or in whole records", () => {
    fc.assert(
      fc.property(fc.constantFrom(pcap, pcapng), edits, (base, changed) => {
        const file = base.slice();
        const view = new DataView(file.buffer);
        for (const [word, value] of changed) view.setUint32(4 * (word % (file.length >> 2)), value, true);
        const reader = new CaptureReader({ linkTypes: "any" });
        const record = new CaptureRecord();
        try {
          reader.push(file);
          for (let count = 0; reader.next(record); count++) {
            expect(count).toBeLessThan(100);
            expect(record.offset + record.byteLength).toBeLessThanOrEqual(record.bytes.length);
            expect(record.nanoseconds >= 0 && record.nanoseconds < 1e9).toBe(true);
          }
          reader.end();
        } catch (error) {
          expect(error).toBeInstanceOf(CaptureError);
          const { fileOffset, message } = error as CaptureError;
          expect(fileOffset).toBeLessThanOrEqual(file.length);
          expect(message).toMatch(/^capture: [^\n]+\.$/);
        }
        expect(reader.bufferByteLength).toBeLessThan(4096);
      }),
      { numRuns: 3000 },
    );
  });
});
