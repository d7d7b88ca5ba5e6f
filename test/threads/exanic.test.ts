import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { PcapWriter } from "../../emulator/wire/capture/write-pcap.ts";
import { frames, type ReplayReport, replay } from "../../harness/index.ts";
import { exanicTarget } from "../../scenarios/index.ts";

const folder = mkdtempSync(join(tmpdir(), "softbar-exanic-"));
afterAll(() => rmSync(folder, { recursive: true }));

const FRAMES = 20_000;
const file = join(folder, "frames.pcap");
const capture = new PcapWriter();
for (const [index, frame] of frames(FRAMES, { minByteLength: 60, maxByteLength: 700 }).entries())
  capture.append(1 + Math.floor(index / 1000), (index % 1000) * 1000, frame);
writeFileSync(file, capture.bytes);

function thrownAway({ drops }: ReplayReport): number {
  return drops.find(({ about }) => about === "thrown away by the driver")?.count ?? 0;
}

test("every frame of a replay is read by a driver that keeps up, whole", async () => {
  // One that the machine puts aside for long may be lapped all the same: then it has to say so.
  const driverOptions = { checksFcs: true };
  const report = await replay({ target: exanicTarget({ driverOptions }), file, inFlightLimit: 1024 });
  expect(report.balance).toEqual({ holds: true, lostInCard: 0, lostInDriver: 0 });
  expect(report.sentCount).toBe(FRAMES);
  expect(report.deliveredCount + thrownAway(report)).toBe(FRAMES);
  expect(report.violations).toEqual([]);
});

// That no damaged frame passes is held by the explorer's tests (test/unit/explore/lapped.test.ts): on threads a reader is
// hardly ever lapped just while it copies.
test("a driver that does not keep up is lapped, passes no damaged frame for good, and knows what it lost", async () => {
  const chunkCount = 16;
  const driverOptions = { checksFcs: true, driver: { chunkCount } };
  const report = await replay({ target: exanicTarget({ device: { chunkCount }, driverOptions }), file });
  expect(report.balance).toEqual({ holds: true, lostInCard: 0, lostInDriver: 0 });
  expect(thrownAway(report)).toBeGreaterThan(0);
  expect(report.deliveredCount + thrownAway(report)).toBe(FRAMES);
  expect(report.violations).toEqual([]);
});
