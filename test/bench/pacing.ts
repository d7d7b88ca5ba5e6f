/** How well a replay keeps to the wall clock, beside a loop that sleeps from frame to frame; and how fast it is at most. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WallClock } from "../../emulator/clock/wall-clock.ts";
import { Rng } from "../../emulator/run/rng.ts";
import { PcapWriter } from "../../emulator/wire/capture/write-pcap.ts";
import { frames } from "../../harness/frames.ts";
import { replay } from "../../harness/index.ts";
import { LatenessMeter, type LatenessReport } from "../../harness/replay/latency.ts";
import { recordedFrames } from "../../harness/replay/recorded-frames.ts";
import { ixgbeTarget } from "../../scenarios/index.ts";

/** One way of pacing: what it makes of the capture's deadlines. */
export interface PacingFigures {
  readonly what: string;
  readonly durationNs: number;
  readonly lateness: LatenessReport;
}

/** Room for all frames of a replay at full speed: who reads them meanwhile would be a third thread on two processors. */
const READ_AHEAD_BYTES = 256 << 20;
/** Seconds of made-up traffic. */
const SECONDS = 4;
/** A burst begins so often, as the packets of an NYSE feed do. */
const BURST_INTERVAL_NS = 2e6;
/** Frames in a burst: on average 2,400 a second, as many as any recorded second of the feeds at hand holds. */
const BURST_MIN = 1;
const BURST_MAX = 9;
/** Between two frames of a burst. */
const BURST_GAP_MIN_NS = 89;
const BURST_GAP_MAX_NS = 10_000;

/** Paces `file`, or made-up traffic, at its recorded speed in both ways. */
export async function pacingFigures(file: string | undefined): Promise<PacingFigures[]> {
  const folder = mkdtempSync(join(tmpdir(), "softbar-pacing-"));
  try {
    const path = file ?? join(folder, "bursts.pcap");
    if (file === undefined) writeFileSync(path, bursts());
    const naive = await sleepPerGap(path);
    const report = await replay({ target: ixgbeTarget(), file: path, speed: 1 });
    const { lateness, plannedNs: durationNs = 0 } = report;
    if (lateness === undefined || report.droppedCount > 0) throw new Error("the replay was not paced, or lost frames");
    return [
      { what: "absolute deadlines, spun for at the end", durationNs, lateness },
      { what: "a sleep for each gap", durationNs, lateness: naive },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Frames a second from a capture through the card and its driver into the decoder of the feed, `rounds` times. */
export async function replayRates(frameCount: number, rounds: number): Promise<number[]> {
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const report = await replay({
      target: ixgbeTarget(),
      session: { seed: 1 + round, frameCount },
      readAheadBytes: READ_AHEAD_BYTES,
    });
    if (!report.balance.holds || report.droppedCount > 0) throw new Error("the replay lost frames");
    rates.push(report.framesPerSecond);
  }
  return rates;
}

function bursts(): Uint8Array {
  const rng = new Rng(1);
  const writer = new PcapWriter();
  const pool = frames(64, { maxByteLength: 200 });
  for (let burst = 0; burst < (SECONDS * 1e9) / BURST_INTERVAL_NS; burst++) {
    let timeNs = burst * BURST_INTERVAL_NS;
    for (let left = rng.between(BURST_MIN, BURST_MAX); left > 0; left--) {
      writer.append(1_700_000_000 + Math.floor(timeNs / 1e9), timeNs % 1e9, pool[rng.below(64)] as Uint8Array);
      timeNs += rng.between(BURST_GAP_MIN_NS, BURST_GAP_MAX_NS);
    }
  }
  return writer.bytes;
}

/** What everybody writes first: sleep for the gap, send, sleep for the next one. Each sleep is late, and all add up. */
async function sleepPerGap(path: string): Promise<LatenessReport> {
  const deadlines = (await recordedFrames(path, { limit: Number.POSITIVE_INFINITY })).map(({ timeNs }) => timeNs);
  const clock = new WallClock();
  const meter = new LatenessMeter();
  const word = new Int32Array(new SharedArrayBuffer(4));
  const due = new Float64Array(1);
  const startNs = clock.now[0] as number;
  let before = 0;
  for (const deadline of deadlines) {
    if (deadline > before) Atomics.wait(word, 0, 0, (deadline - before) / 1e6);
    before = deadline;
    clock.refresh();
    due[0] = Math.min(startNs + deadline, clock.now[0] as number);
    meter.record(due, clock.now);
  }
  return meter.report();
}
