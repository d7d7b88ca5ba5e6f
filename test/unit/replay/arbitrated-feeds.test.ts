import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { PcapWriter } from "../../../emulator/wire/capture/write-pcap.ts";
import { udpFrame } from "../wire/damage/damage-bench.ts";
import { letterMessage, machDatagram, xdpMessage, xdpPacket } from "../wire/feeds/feed-packets.ts";
import { FEED_PAYLOADS } from "../wire/feeds/feed-payloads.ts";
import { runStreams, type StreamsRun } from "./stream-bench.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-arbitrated-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "lines.pcap");

const LINES = ["224.0.31.1:14310", "224.0.32.1:15310"] as const;
const PACKET_GAP_NS = 20_000;
/** First and last packets come through on both lines: what nobody can know of, nobody can miss. */
const EDGE = 3;

/** Every payload on both lines, line B 700 ns behind A: frame 2i and 2i + 1 are payload i. */
function writeLines(payloads: readonly Uint8Array[]): void {
  const writer = new PcapWriter();
  for (const [index, payload] of payloads.entries()) {
    writer.append(1_700_000_000, index * PACKET_GAP_NS, udpFrame(LINES[0], payload));
    writer.append(1_700_000_000, index * PACKET_GAP_NS + 700, udpFrame(LINES[1], payload));
  }
  writeFileSync(path, writer.bytes);
}

/** Loses these frames, and arbitrates the two lines. */
function arbitrated(lostFrames: readonly number[]): Promise<StreamsRun> {
  const frames = lostFrames.map((frame) => [frame, frame] as const);
  const rules = frames.length === 0 ? [] : [{ frames, loss: 1 }];
  return runStreams(path, { arbitrate: { lines: [LINES], gapLimitNs: 1_000_000 } }, { rules });
}

describe("lines A and B of every feed, through the card", () => {
  test.each(Object.entries(FEED_PAYLOADS))(
    "%s: one stream, of which exactly what neither line brought is lost",
    async (format, { payload, session, numbersPackets = false }) => {
      const counts = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 20, maxLength: 30 });
      const fates = fc.array(fc.constantFrom("both", "A", "B", "lost"), { minLength: 30, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(counts, fates, fc.integer({ min: 1, max: 1e6 }), async (sizes, fate, first) => {
          let next = first;
          const packets = sizes.map((size) => {
            const from = next;
            next += numbersPackets ? 1 : size;
            return { from, size, end: next };
          });
          const fateOf = (index: number): string =>
            index < EDGE || index >= packets.length - EDGE ? "both" : (fate[index] as string);
          writeLines(packets.map(({ from, size }) => payload(from, size)));
          const lostFrames = packets.flatMap((_, index) => {
            const onA = fateOf(index) === "B" || fateOf(index) === "lost" ? [2 * index] : [];
            return fateOf(index) === "A" || fateOf(index) === "lost" ? [...onA, 2 * index + 1] : onA;
          });
          const { streams, ledger } = await arbitrated(lostFrames);
          const [stream, ...others] = streams.arbitration ?? [];
          const sumOf = (...which: readonly string[]): number =>
            packets.reduce((sum, { from, end }, index) => sum + (which.includes(fateOf(index)) ? end - from : 0), 0);
          expect(others).toEqual([]);
          expect(stream).toMatchObject({
            format,
            stream: session === "" ? "channel" : session,
            passed: next - first - sumOf("lost"),
            lost: sumOf("lost"),
          });
          expect(stream?.lines.map(({ missed, filledByOthers }) => [missed, filledByOthers])).toEqual([
            [sumOf("B", "lost"), sumOf("B")],
            [sumOf("A", "lost"), sumOf("A")],
          ]);
          expect(ledger.missingOnAll(LINES)).toEqual([{ session, missing: stream?.lostRanges ?? [] }]);
        }),
        {
          numRuns: 3,
          examples: [
            [
              Array<number>(30).fill(2),
              ["lost", "A", "B", "lost", "lost", "A"].flatMap((one) => Array<string>(5).fill(one)),
              77,
            ],
          ],
        },
      );
    },
    30_000,
  );

  test("NYSE XDP: a reset begins the stream anew once, whichever line tells of it first", async () => {
    const data = (sequence: number) => xdpPacket(11, sequence, [xdpMessage(102, 25), xdpMessage(102, 25)]);
    const before = Array.from({ length: 10 }, (_, index) => data(101 + 2 * index));
    const reset = xdpPacket(12, 1, [xdpMessage(1, 14)]);
    const after = Array.from({ length: 10 }, (_, index) => data(2 + 2 * index));
    writeLines([...before, reset, ...after]);
    const whole = await arbitrated([]);
    expect(whole.streams.arbitration).toMatchObject([{ passed: 20 + 1 + 20, lost: 0 }]);
    expect(whole.streams.arbitration?.[0]?.lines.map(({ restarts }) => restarts)).toEqual([1, 1]);
    // The last packet before the reset is on neither line, and line A does not bring the reset itself.
    const torn = await arbitrated([18, 19, 20]);
    expect(torn.streams.arbitration).toMatchObject([{ passed: 18 + 1 + 20, lost: 0 }]);
  });

  test("MIAX MACH: each session is a stream, and a heartbeat shows what was lost before it", async () => {
    const message = letterMessage("B", 24);
    const data = (session: number, sequence: number) =>
      machDatagram([
        { session, sequence, message },
        { session, sequence: sequence + 1, message },
      ]);
    const heartbeat = (session: number, sequence: number) => machDatagram([{ session, sequence, type: 0 }]);
    writeLines([
      ...[1, 3, 5, 7].map((sequence) => data(1, sequence)),
      heartbeat(1, 8),
      machDatagram([{ session: 1, sequence: 8, type: 2 }]),
      machDatagram([{ session: 2, sequence: 1, type: 1 }]),
      ...[1, 3, 5].map((sequence) => data(2, sequence)),
    ]);
    const { streams } = await arbitrated([6, 7]);
    expect(streams.arbitration).toMatchObject([
      { stream: "session 1", passed: 6, lost: 2, lostRanges: [[7, 9]] },
      { stream: "session 2", passed: 6, lost: 0 },
    ]);
  });
});
