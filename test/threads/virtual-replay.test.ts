import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { CaptureRecord } from "../../emulator/wire/capture/capture-record.ts";
import type { DamagePlan } from "../../emulator/wire/damage/damage-plan.ts";
import type { DamageLedger } from "../../emulator/wire/damage/ledger.ts";
import { ledgerLines } from "../../emulator/wire/damage/ledger-text.ts";
import { ItchSession } from "../../emulator/wire/feeds/itch-session.ts";
import {
  ReplayDecoderError,
  ReplayInputError,
  type ReplayOptions,
  type ReplayReport,
  ReplayStuckError,
  replay,
} from "../../harness/index.ts";
import { ixgbeTarget } from "../../scenarios/index.ts";

const fixture = (name: string): string => new URL(`./fixtures/${name}.ts`, import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), "softbar-virtual-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What these replays are damaged by. */
const DAMAGE: DamagePlan = {
  seed: 5,
  rules: [
    { loss: 0.02, burstLoss: 0.005, duplicate: 0.02, reorder: 0.02, reorderTimeNs: 1e6, corrupt: 0.02 },
    { delayNs: 50_000, jitterNs: 40_000 },
  ],
};

async function virtually(
  options: Partial<ReplayOptions>,
): Promise<{ report: ReplayReport; ledger: DamageLedger | undefined }> {
  let ledger: DamageLedger | undefined;
  const report = await replay({
    target: ixgbeTarget(),
    clock: "virtual",
    session: { seed: 3, frameCount: 300 },
    onLedger: (book) => {
      ledger = book;
    },
    ...options,
  });
  expect(report.balance).toEqual({ holds: true, lostInCard: 0, lostInDriver: 0 });
  expect(report.violations).toEqual([]);
  return { report, ledger };
}

describe("in virtual time", () => {
  test("every frame arrives at its time, to the nanosecond", async () => {
    const path = join(folder, "exact.txt");
    const { report } = await virtually({ eventLogPath: path, session: { seed: 9, frameCount: 2_000 } });
    const session = new ItchSession({ seed: 9, frameCount: 2_000 });
    const record = new CaptureRecord();
    const times: string[] = [];
    let start: [number, number] | undefined;
    while (session.next(record)) {
      start ??= [record.seconds, record.nanoseconds];
      const elapsed = BigInt(record.seconds - start[0]) * 1_000_000_000n + BigInt(record.nanoseconds - start[1]);
      times.push(`${elapsed / 1_000_000_000n}.${`${elapsed % 1_000_000_000n}`.padStart(9, "0")}`);
    }
    const log = readFileSync(path, "latin1").split("\n").slice(1, -1);
    const at = (place: string): string[] =>
      log.flatMap((line) => (line.includes(` ${place} `) ? [line.split(" ")[0] as string] : []));
    expect(at("wire")).toEqual(times);
    // The reference driver polls, and a poll in vain goes to the next event: it has every frame at once.
    expect(at("driver")).toEqual(times);
    expect(report).toMatchObject({ deliveredCount: 2_000, lateness: { maxNs: 0, endNs: 0, sampleCount: 2_000 } });
    expect(report.plannedNs).toBe(report.sentNs);
    expect(report.plannedNs).toBe(report.source.recordedNs);
  });

  test("the sanitizers look at the driver, unless they are told not to", async () => {
    const found = async (options: Partial<ReplayOptions>): Promise<readonly unknown[]> => {
      const target = { ...ixgbeTarget(), driverUrl: fixture("replay-careless.driver") };
      const session = { seed: 3, frameCount: 50 };
      const report = await replay({ target, clock: "virtual", session, ...options });
      expect(report.sentCount).toBe(50);
      return [...report.violations, ...report.notes];
    };
    const rule = "descriptor-changed-in-flight";
    expect(await found({})).toMatchObject([
      { rule, line: expect.stringMatching(/^test\/corpus\/small-ixgbe\.ts:\d+$/) },
    ]);
    expect(await found({ sanitize: { [rule]: false } })).toEqual([]);
    expect(await found({ sanitize: false })).toEqual([]);
  });

  test("a damaged replay writes the same log and the same ledger, however far the reader is ahead", async () => {
    let first: readonly string[] = [];
    for (const readAheadBytes of [1 << 16, 4096, 1 << 20, 8192]) {
      const path = join(folder, "run.txt");
      const { ledger } = await virtually({ eventLogPath: path, damage: DAMAGE, readAheadBytes });
      const texts = [readFileSync(path, "latin1"), [...ledgerLines(ledger as DamageLedger, DAMAGE)].join("")];
      if (first.length === 0) first = texts;
      expect(texts).toEqual(first);
    }
    expect(first[0]?.split("\n").length).toBeGreaterThan(400);
    expect(first[0]).toContain("bad FCS");
  });

  test("a driver that sleeps until its interrupt gets every frame too, later and the same every time", async () => {
    const target = ixgbeTarget({ driverOptions: { driver: { interrupts: "msix" } } });
    const [one, other] = [await virtually({ target }), await virtually({ target })];
    expect(one.report.deliveredCount).toBe(300);
    expect(one.report.latency).toEqual(other.report.latency);
    expect(one.report.latency?.maxNs).toBeGreaterThan(1);
  });

  test("is traced by name", async () => {
    let text = "";
    await virtually({ session: { frameCount: 6 }, onTrace: (lines) => (text += lines) });
    expect(text.match(/wire {3}→ ixgbe {3}frame in, port 0/g)).toHaveLength(6);
  });

  test("a driver that lets no time pass is told so", async () => {
    const given = virtually({ target: ixgbeTarget({ driverUrl: fixture("replay-spinning.driver") }), limitMs: 3000 });
    await expect(given).rejects.toThrow(ReplayStuckError);
    await expect(given).rejects.toThrow(/must call pci\.cpu\.relax\(\)/);
  });

  test.each([
    [{ speed: "max" }, /no full speed/],
    [{ clock: "wall", eventLogPath: "x" }, /event log is written in virtual time/],
    [{ speed: { gigabitsPerSecond: 10 }, bursts: { gapNs: 1, idle: 2 } }, /gaps are scaled/],
    [{ loopCount: 0 }, /0 passes make no sense/],
    [{ loopGapNs: -1 }, /-1 ns/],
    [{ damage: { rules: [{ loss: 7 }] } }, /loss is a probability/],
  ] as const)("options that contradict each other are refused: %j", async (options, sentence) => {
    await expect(virtually(options)).rejects.toThrow(RangeError);
    await expect(virtually(options)).rejects.toThrow(sentence);
  });

  test("damage that leaves nothing, and a window with nothing in it, are the input's fault", async () => {
    await expect(virtually({ damage: { rules: [{ loss: 1 }] } })).rejects.toThrow(ReplayInputError);
    await expect(virtually({ window: { from: { sinceStartNs: 1e15 } } })).rejects.toThrow(
      /none of 300 frames is in the window; they run from 2023-11-20T14:29:59\.\d{9}Z to /,
    );
  });

  test("an event log that cannot be written is told before anything begins", async () => {
    const given = virtually({ eventLogPath: join(folder, "nowhere", "log.txt") });
    await expect(given).rejects.toThrow(ReplayInputError);
    await expect(given).rejects.toThrow(/the event log cannot be written \(ENOENT\)/);
  });

  test("can be stopped: nothing more is sent, and what was sent is delivered", async () => {
    const controller = new AbortController();
    const { report, ledger } = await virtually({
      session: { frameCount: 5_000_000 },
      readAheadBytes: 1 << 20,
      damage: DAMAGE,
      signal: controller.signal,
      onProgress: ({ deliveredCount }) => {
        if (deliveredCount > 0) controller.abort();
      },
    });
    expect(report.interrupted).toBe(true);
    expect(report.sentCount).toBeLessThan(5_000_000);
    expect(report).toMatchObject({ plannedNs: undefined, damage: { lines: undefined } });
    expect(ledger?.counts().passed).toBeGreaterThanOrEqual(report.sentCount);
  });
});

describe.each(["virtual", "wall"] as const)("damage on the way, on the %s clock", (clock) => {
  test("is in the card's counters, in the feed's gaps and in the ledger, and they agree", {
    timeout: 60_000,
  }, async () => {
    const plans = fc.record({
      seed: fc.nat(),
      loss: fc.constantFrom(0, 0.05),
      corrupt: fc.constantFrom(0, 0.05),
      duplicate: fc.constantFrom(0, 0.1),
      reorder: fc.constantFrom(0, 0.1),
      delayNs: fc.constantFrom(0, 100_000),
    });
    await fc.assert(
      fc.asyncProperty(plans, async ({ seed, ...rule }) => {
        const damage = { seed, rules: [rule] };
        const how = { clock, speed: 1000, lossless: true, session: { seed: 4, frameCount: 600 } } as const;
        const { report } = await virtually({ ...how, damage });
        const { counts, lines = [] } = report.damage ?? { counts: undefined };
        expect(counts).toMatchObject({ offered: 600, held: 0, passed: report.sentCount });
        expect(report.droppedCount).toBe(counts?.corrupted);
        expect(report.drops.map(({ register }) => register)).toEqual(counts?.corrupted === 0 ? [] : ["CRCERRS"]);
        expect(report.deliveredCount).toBe((counts?.passed ?? 0) - (counts?.corrupted ?? 0));
        const missing = (lines[0]?.missing ?? []).reduce((sum, [first, end]) => sum + end - first, 0);
        const [session] = report.feed.sessions;
        expect((session?.missing ?? 0) - (session?.recovered ?? 0)).toBe(missing);
        expect(session?.outOfOrder).toBe(lines[0]?.outOfOrder.length);
        expect(session?.nextSequence).toBe(lines[0]?.nextSequence);
      }),
      { numRuns: 6 },
    );
  });
});

describe.each(["virtual", "wall"] as const)("a decoder of the user, on the %s clock", (clock) => {
  const how = { clock, speed: 1e6, lossless: true, session: { seed: 8, frameCount: 3_000 } } as const;

  test("gets every frame in place, with times of one clock", async () => {
    const { report } = await virtually({ ...how, decoderUrl: fixture("counting.decoder") });
    const session = new ItchSession({ seed: 8, frameCount: 3_000 });
    const record = new CaptureRecord();
    let checksum = 0;
    while (session.next(record)) {
      for (let at = 0; at < record.byteLength; at++) {
        checksum = (Math.imul(checksum, 31) + (record.bytes[record.offset + at] as number)) | 0;
      }
    }
    expect(report.decoder).toEqual({
      frameCount: 3_000,
      byteCount: session.bytesWritten,
      checksum,
      lateCount: 0,
      unknownCount: 0,
      backwards: 0,
      viewCount: 1,
      isShared: true,
    });
  });

  test("that throws is named, with its own words", async () => {
    const given = virtually({ ...how, decoderUrl: fixture("throwing.decoder") });
    await expect(given).rejects.toThrow(ReplayDecoderError);
    await expect(given).rejects.toThrow(
      /The decoder threw Error: message type 0x5a at offset 62 is new to me[\s\S]*throwing\.decoder/,
    );
  });

  test("that is none is told what it lacks", async () => {
    await expect(virtually({ ...how, decoderUrl: fixture("empty.decoder") })).rejects.toThrow(/no function "frame"/);
    const missing = virtually({ ...how, decoderUrl: fixture("nowhere.decoder") });
    await expect(missing).rejects.toThrow(/cannot be loaded as a decoder module/);
  });
});

describe("the wall clock", () => {
  test("says beforehand how long it will take, and keeps to absolute times", async () => {
    const told: unknown[] = [];
    const { report } = await virtually({
      clock: "wall",
      speed: 10,
      window: { to: { sinceStartNs: 3e9 } },
      session: { seed: 2, frameCount: 20_000 },
      onBegin: (expectation) => told.push(expectation),
    });
    expect(told).toEqual([{ durationNs: report.plannedNs, certainty: "exact" }]);
    expect(report.plannedNs).toBeLessThan(0.3e9);
    expect(report.sentNs).toBeGreaterThanOrEqual(report.plannedNs ?? Number.NaN);
    expect(report.lateness?.sampleCount).toBe(report.sentCount);
    expect(report.sentNs - (report.plannedNs ?? 0)).toBeCloseTo(report.lateness?.endNs ?? Number.NaN, 0);
  });

  test("at full speed no time is promised", async () => {
    const { report } = await virtually({ clock: "wall", speed: "max", onBegin: () => expect.fail("nothing is known") });
    expect(report).toMatchObject({ plannedNs: undefined, lateness: undefined });
  });
});
