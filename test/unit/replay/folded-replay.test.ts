import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { createTables, loadDevice } from "../../../emulator/run/machine.ts";
import { Damage } from "../../../emulator/wire/damage/damage.ts";
import { ledgerLines } from "../../../emulator/wire/damage/ledger-text.ts";
import { ItchSession } from "../../../emulator/wire/feeds/itch-session.ts";
import { FrameQueue } from "../../../emulator/wire/frame-queue.ts";
import { foldedReplay } from "../../../harness/replay/folded-replay.ts";
import { FrameReader } from "../../../harness/replay/frame-reader.ts";
import { ReplayChannel } from "../../../harness/replay/replay-channel.ts";
import type { ReplayDriverResult } from "../../../harness/replay/replay-report.ts";
import { ixgbeTarget } from "../../../scenarios/index.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-folded-"));
afterAll(() => rmSync(folder, { recursive: true }));

const PLAN = {
  seed: 11,
  rules: [
    { loss: 0.02, burstLoss: 0.01, duplicate: 0.03, reorder: 0.03, corrupt: 0.03 },
    { delayNs: 20_000, jitterNs: 9_000 },
  ],
};

/** One replay of a session through a damaged wire, a folded card and its driver: its event log and its ledger. */
async function run(seed: number, plan: typeof PLAN): Promise<{ texts: string[]; damage: Damage; delivered: number }> {
  const target = ixgbeTarget();
  const queue = FrameQueue.createBuffer(1 << 20);
  const damage = new Damage(plan, MemoryView.ofSize(4));
  const source = new ItchSession({ seed, frameCount: 200 });
  const options = { limit: Number.POSITIVE_INFINITY, speed: 1, damage } as const;
  const reader = new FrameReader(source, new FrameQueue(queue), options);
  while (!reader.isDone) await reader.fill();
  const channel = new ReplayChannel(ReplayChannel.createTables());
  channel.start();
  const eventLogPath = join(folder, "events.txt");
  const { result, card } = await foldedReplay(
    {
      device: target.device,
      tables: createTables([await loadDevice(target.device)], { clock: "virtual", sentFrames: "count" }),
      replayer: {
        channel: channel.tables,
        queue,
        device: 0,
        port: 0,
        isPaced: true,
        lossless: false,
        inFlightLimit: 0,
        dropCounters: target.drops.map(({ counter }) => counter),
      },
      trace: undefined,
      eventLogPath,
    },
    { driverUrl: target.driverUrl, argument: { channel: channel.tables, drainLimitMs: 2000, options: undefined } },
  );
  // Not a nanosecond of error, for no frame.
  expect(card.replayer.lateness).toMatchObject({ maxNs: 0, endNs: 0, sampleCount: damage.ledger.counts().passed });
  const texts = [readFileSync(eventLogPath, "latin1"), [...ledgerLines(damage.ledger, plan)].join("")];
  return { texts, damage, delivered: (result as ReplayDriverResult).deliveredCount };
}

test("the event log and the ledger of a hundred runs are the same to the byte", { timeout: 60_000 }, async () => {
  const { texts: first, damage } = await run(6, PLAN);
  expect(damage.ledger.count).toBeGreaterThan(200);
  expect(first[0]?.match(/ wire /g)).toHaveLength(damage.ledger.counts().passed);
  for (let repeat = 1; repeat < 100; repeat++) expect((await run(6, PLAN)).texts).toEqual(first);
  expect((await run(6, { ...PLAN, seed: 12 })).texts[0]).not.toEqual(first[0]);
});

test("every line of the log is an arrival that the wire let through, or a delivery of one whose FCS was right", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), async (seed, damageSeed) => {
      const { texts, damage, delivered } = await run(seed, { ...PLAN, seed: damageSeed });
      const lines = (texts[0] ?? "").split("\n").slice(1, -1);
      const arrived = lines.filter((line) => line.includes(" wire "));
      const taken = lines.filter((line) => line.includes(" driver "));
      expect(arrived).toHaveLength(damage.ledger.counts().passed);
      expect(taken).toHaveLength(delivered);
      // What the driver has is what arrived whole, at the same time and in the same order: length, CRC and time.
      const what = (line: string): string => [0, 3, 4].map((word) => line.split(" ")[word]).join(" ");
      expect(taken.map(what)).toEqual(arrived.filter((line) => !line.endsWith("bad FCS")).map(what));
    }),
    { numRuns: 20 },
  );
});
