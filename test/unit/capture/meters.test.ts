import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildUdpFrame } from "../../../emulator/wire/build-frame.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";
import { BURST_WINDOWS_NS, BurstMeter } from "../../../harness/capture/burst-meter.ts";
import { GapMeter } from "../../../harness/capture/gap-meter.ts";
import { LineTable } from "../../../harness/capture/line-table.ts";

/** Times that do not go back, with gaps of every size that a window has, and just beside it. */
const times = fc
  .array(
    fc.oneof(
      fc.nat(5),
      fc.constantFrom(...BURST_WINDOWS_NS).chain((width) => fc.constantFrom(width - 1, width, width + 1, width / 10)),
      fc.nat(3_000_000_000),
    ),
    { minLength: 1, maxLength: 80 },
  )
  .map((gaps) => {
    let ns = 1_699_999_999_999_999_000n;
    return gaps.map((gap) => (ns += BigInt(gap)));
  });

const secondsOf = (ns: bigint): number => Number(ns / 1_000_000_000n);
const nanosecondsOf = (ns: bigint): number => Number(ns % 1_000_000_000n);

describe("bursts", () => {
  test("are the most packets in [t, t + width) for any packet's t, of all widths", () => {
    fc.assert(
      fc.property(times, (given) => {
        const meter = new BurstMeter();
        for (const ns of given) meter.record(secondsOf(ns), nanosecondsOf(ns));
        for (const burst of meter.report()) {
          const counts = given.map((from) => given.filter((ns) => ns >= from && ns - from < burst.windowNs).length);
          const most = Math.max(...counts);
          const first = given[counts.indexOf(most)] as bigint;
          expect(burst).toEqual({
            windowNs: burst.windowNs,
            packetCount: most,
            isAtLeast: false,
            startSeconds: secondsOf(first),
            startNanoseconds: nanosecondsOf(first),
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  test("of more packets than are remembered are said to be at least so many, and no shorter ones", () => {
    const meter = new BurstMeter(8192);
    // 10,000 packets 1 µs apart: 10 in 10 µs, 1,000 in 1 ms, 10,000 in 10 ms.
    for (let n = 0; n < 10_000; n++) meter.record(5, n * 1000);
    const found = meter.report().map(({ packetCount, isAtLeast }) => [packetCount, isAtLeast]);
    expect(found).toEqual([
      [1, false],
      [10, false],
      [100, false],
      [1000, false],
      [8192, true],
      [8192, true],
      [8192, true],
    ]);
  });

  test("are remembered while the memory grows", () => {
    const meter = new BurstMeter();
    for (let n = 0; n < 100_000; n++) meter.record(Math.floor(n / 50_000), (n % 50_000) * 20_000);
    const [, , , inMillisecond, , , inSecond] = meter.report();
    expect(inMillisecond).toMatchObject({ packetCount: 50, isAtLeast: false, startSeconds: 0, startNanoseconds: 0 });
    expect(inSecond).toMatchObject({ packetCount: 50_000, isAtLeast: false });
  });
});

describe("gaps", () => {
  test("smallest and largest are exact, the upper median to four digits", () => {
    fc.assert(
      fc.property(times, (given) => {
        const meter = new GapMeter();
        for (const ns of given) meter.record(secondsOf(ns), nanosecondsOf(ns));
        const gaps = given.slice(1).map((ns, index) => Number(ns - (given[index] as bigint)));
        gaps.sort((left, right) => left - right);
        const report = meter.report();
        if (gaps.length === 0) {
          expect(report).toBeUndefined();
          return;
        }
        expect(report).toMatchObject({
          smallestNs: gaps[0],
          largestNs: gaps.at(-1),
          zeroCount: gaps.filter((gap) => gap === 0).length,
        });
        const median = gaps[gaps.length >> 1] as number;
        expect(Math.abs((report?.medianNs ?? 0) - median)).toBeLessThanOrEqual(Math.max(median * 1e-4, 0));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("lines", () => {
  function frameTo(destinationIp: number, destinationPort: number, payloadByteLength: number): Uint8Array {
    const bytes = new Uint8Array(1600);
    const flow = { sourceMac: 1, destinationMac: 2, sourceIp: 3, sourcePort: 4, destinationIp, destinationPort };
    return bytes.slice(0, buildUdpFrame(bytes, 0, flow, new Uint8Array(payloadByteLength)));
  }

  function frameToIpv6(groups: readonly number[], port: number): Uint8Array {
    const bytes = new Uint8Array(14 + 40 + 8 + 2);
    const view = new DataView(bytes.buffer);
    view.setUint16(12, 0x86dd);
    view.setUint8(14, 0x60);
    view.setUint16(18, 10);
    view.setUint8(20, 17);
    for (const [index, group] of groups.entries()) view.setUint16(38 + 2 * index, group);
    view.setUint16(56, port);
    view.setUint16(58, 10);
    return bytes;
  }

  function counted(table: LineTable, frame: Uint8Array, byteLength = frame.length): boolean {
    const headers = new FrameHeaders();
    const buffer = new Uint8Array(frame.length + 5);
    buffer.set(frame, 5);
    headers.parse(buffer, 5, byteLength);
    return table.count(headers, buffer, 5);
  }

  test("are told apart by address and port, the busiest first", () => {
    const table = new LineTable();
    for (const [ip, port, count] of [
      [0xe000_1f40, 14340, 2],
      [0xe000_2040, 14340, 3],
      [0xe000_2040, 15340, 1],
    ] as const) {
      for (let n = 0; n < count; n++) expect(counted(table, frameTo(ip, port, 30))).toBe(true);
    }
    expect(table.report()).toEqual([
      { destination: "224.0.32.64:14340", packetCount: 3, payloadByteLength: 90 },
      { destination: "224.0.31.64:14340", packetCount: 2, payloadByteLength: 60 },
      { destination: "224.0.32.64:15340", packetCount: 1, payloadByteLength: 30 },
    ]);
  });

  test.each([
    { groups: [0xff02, 0, 0, 0, 0, 0, 0, 1], text: "[ff02::1]:5000" },
    { groups: [0, 0, 0, 0, 0, 0, 0, 0], text: "[::]:5000" },
    { groups: [1, 0, 0, 2, 0, 0, 0, 3], text: "[1:0:0:2::3]:5000" },
    { groups: [1, 0, 2, 3, 4, 5, 6, 7], text: "[1:0:2:3:4:5:6:7]:5000" },
    { groups: [0, 0, 2, 3, 4, 5, 6, 7], text: "[::2:3:4:5:6:7]:5000" },
    { groups: [1, 2, 3, 4, 5, 6, 0, 0], text: "[1:2:3:4:5:6::]:5000" },
  ])("of IPv6 are written as RFC 5952 has it: $text", ({ groups, text }) => {
    const table = new LineTable();
    for (const port of [5000, 5000, 5001]) expect(counted(table, frameToIpv6(groups, port))).toBe(true);
    const other = [...groups.slice(0, 7), (groups[7] as number) ^ 0x8000];
    counted(table, frameToIpv6(other, 5000));
    expect(table.report()).toHaveLength(3);
    expect(table.report()[0]).toEqual({ destination: text, packetCount: 2, payloadByteLength: 4 });
  });

  test("a datagram that the capture cut before its port counts by address; what is no UDP does not count", () => {
    const table = new LineTable();
    expect(counted(table, frameTo(0xe000_0001, 7, 30), 36)).toBe(true);
    expect(table.report()).toEqual([{ destination: "224.0.0.1", packetCount: 1, payloadByteLength: 0 }]);
    const tcp = frameTo(0xe000_0001, 7, 30);
    tcp[23] = 6;
    expect(counted(table, tcp)).toBe(false);
    expect(counted(table, new Uint8Array(60))).toBe(false);
  });

  test("beyond 4,096 are counted together", () => {
    const table = new LineTable();
    for (let port = 1; port <= 4100; port++) counted(table, frameTo(0xe000_0001, port, 4));
    counted(table, frameTo(0xe000_0001, 1, 4));
    counted(table, frameToIpv6([1, 2, 3, 4, 5, 6, 7, 8], 1));
    expect(table.report()).toHaveLength(4096);
    expect(table.report()[0]?.packetCount).toBe(2);
    expect(table.unlistedPacketCount).toBe(5);
  });
});
