import fc from "fast-check";
import { expect, test } from "vitest";
import type { OfferedFrame } from "../../../emulator/wire/damage/damage-events.ts";
import { recordedTraffic } from "../../../harness/replay/recorded-traffic.ts";
import { openDriver, takeAll } from "../ixgbe-driver/driver-bed.ts";
import { LINE_A, LINE_B, moldFrame } from "../wire/damage/damage-bench.ts";

const frames: OfferedFrame[] = Array.from({ length: 300 }, (_, index) => ({
  bytes: moldFrame({ line: index % 2 === 0 ? LINE_A : LINE_B, sequence: 1 + 3 * (index >> 1), count: 3, timeNs: 0 }),
  timeNs: 700 * index,
}));
const damage = {
  rules: [
    { line: LINE_B, burstLoss: 0.05, burstLength: 3, delayNs: 2000, jitterNs: 1500 },
    { loss: 0.1, duplicate: 0.1, reorder: 0.1, reorderTimeNs: 5000, corrupt: 0.1 },
  ],
};

test("the ledger, the card's counters and what the driver gets account for each other, frame by frame", async () => {
  await fc.assert(
    fc.asyncProperty(
      recordedTraffic(frames, { maxFrames: 120, damage }),
      async ({ first, end, frames: arriving, ledger }) => {
        const { bed, driver } = await openDriver();
        for (const { bytes, hasBadFcs } of arriving) bed.wire.send(bytes, { badFcs: hasBadFcs });
        const taken = takeAll(bed, driver);
        const counts = ledger.counts();
        const [card] = await bed.statistics();
        // Every frame that was offered, and every copy, is lost on the wire, thrown away by the card, or with the driver.
        expect(counts.offered).toBe(end - first);
        expect(counts.offered + counts.duplicated).toBe(counts.lost + (card?.counters.rxDropError ?? 0) + taken.length);
        expect(card?.counters.rxDropError).toBe(counts.corrupted);
        expect(driver.statistics().crcErrors).toBe(counts.corrupted);
        expect(card?.counters.rxDelivered).toBe(taken.length);
        // And it is those frames: what the script of the ledger leaves of each, in the order in which it lets them out.
        const copies = new Map<string, number>();
        for (const bytes of taken) copies.set(`${bytes}`, (copies.get(`${bytes}`) ?? 0) + 1);
        for (let index = first; index < end; index++) {
          const whats = ledger.entries().flatMap(({ frame, what }) => (frame === index ? [what] : []));
          const lost = whats.some((what) => what === "lost" || what === "burst-lost" || what === "corrupted") ? 1 : 0;
          const doubled = whats.includes("duplicated") ? 1 : 0;
          expect(copies.get(`${frames[index]?.bytes}`) ?? 0).toBe(1 - lost + doubled);
        }
        expect(taken).toEqual(arriving.filter(({ hasBadFcs }) => !hasBadFcs).map(({ bytes }) => bytes));
      },
    ),
    { numRuns: 30 },
  );
});
