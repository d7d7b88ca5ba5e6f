import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { exanic } from "../../devices/index.ts";
import { PcapWriter } from "../../emulator/wire/capture/write-pcap.ts";
import { frames, plugIn, type ReplayReport, replay } from "../../harness/index.ts";
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

// A generation has eight bits: a reader that is put aside while it copies, for 256 laps and no more, finds the one that it
// left. So few frames go through so small a ring less often than that. (That no damaged frame passes otherwise is held by the
// explorer's tests too, test/unit/explore/lapped.test.ts.)
const FEW_FRAMES = 600;

test("a driver that does not keep up is lapped, passes no damaged frame for good, and knows what it lost", async () => {
  const chunkCount = 16;
  const driverOptions = { checksFcs: true, driver: { chunkCount } };
  expect((FEW_FRAMES * Math.ceil(704 / 120)) / chunkCount).toBeLessThan(256);
  const target = exanicTarget({ device: { chunkCount }, driverOptions });
  const report = await replay({ target, file, limit: FEW_FRAMES });
  expect(report.balance).toEqual({ holds: true, lostInCard: 0, lostInDriver: 0 });
  expect(thrownAway(report)).toBeGreaterThan(0);
  expect(report.deliveredCount + thrownAway(report)).toBe(FEW_FRAMES);
  expect(report.violations).toEqual([]);
});

test("a driver that maps BAR0 as memory receives, and cannot map BAR2, as the data sheet says", async () => {
  await using bed = await plugIn(exanic(), { run: "threaded" });
  const { pci } = bed;
  while ((pci.bar(0).read32(0x0008) & 0x2_0000) !== 0) pci.cpu.relax();
  pci.config.setBusMaster(true);
  const region = pci.dma.alloc(2 << 20, { label: "rx region" });
  region.bytes.fill(0xff);
  const registers = new Int32Array(pci.bar(0).map());
  // pcie_if.h: PORT_RX_DMA_BASE_LO and HI, PORT_FLAGS promiscuous, PORT_ENABLED; link in PORT_STATUS.
  registers[0x0218 >> 2] = region.iovaLow;
  registers[0x0214 >> 2] = region.iovaHigh;
  registers[0x0210 >> 2] = 1;
  Atomics.store(registers, 0x0200 >> 2, 1);
  const deadlineNs = pci.cpu.nowNs() + 10e9;
  while ((Atomics.load(registers, 0x0208 >> 2) & 8) === 0) {
    expect(pci.cpu.nowNs()).toBeLessThan(deadlineNs);
    pci.cpu.relax();
  }
  const [frame = new Uint8Array()] = frames(1, { minByteLength: 60, maxByteLength: 100 });
  bed.wire.send(frame);
  await bed.quiesce();
  expect(region.read8(127)).toBe(0);
  expect(region.read8(125)).toBe(frame.length + 4);
  expect(region.bytes.slice(0, frame.length)).toEqual(frame);
  expect(() => pci.bar(2).map()).toThrow(/no register table/);
  expect(bed.violations).toEqual([]);
});
