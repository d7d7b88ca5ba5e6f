import { describe, expect, test } from "vitest";
import { conformance, type DeviceUnderTest, determinism, registerTable } from "../../harness/conformance/index.ts";
import { explore, type PciFunction, type PlugInOptions, plugIn } from "../../harness/index.ts";
import { TemplateDeviceDriver } from "./driver.ts";
import templateDevice from "./index.ts";
import race from "./race.ts";
import * as page from "./registers.ts";

/** Pushes words through rings of `entryCount` entries, keeping them as full as they get, and checks every total. */
function addUp(pci: PciFunction, entryCount: number, wordCount: number): void {
  const driver = new TemplateDeviceDriver(pci, entryCount);
  const endNs = pci.cpu.nowNs() + 5e9;
  let [sent, received, expected] = [0, 0, 0];
  while (received < wordCount) {
    while (sent < wordCount && driver.add(sent * 0x0123_4567)) sent++;
    const total = driver.total();
    if (total === undefined) {
      if (pci.cpu.nowNs() > endNs) throw new Error(`no total after ${received} of ${wordCount}`);
      pci.cpu.relax();
      continue;
    }
    expected = (expected + received * 0x0123_4567) >>> 0;
    if (total !== expected) throw new Error(`total ${received} is ${total} instead of ${expected}`);
    received++;
  }
  driver.close();
}

const runs: readonly PlugInOptions[] = [{ run: "folded" }, { run: "threaded" }];

describe.for(runs)("$run", (options) => {
  test("every word is added once, in order, round and round the ring", async () => {
    await using bed = await plugIn(templateDevice(), options);
    addUp(bed.pci, 8, 1000);
    await bed.quiesce();
    expect(bed.violations).toEqual([]);
    expect(bed.pci.dma.mappingCount).toBe(0);
  });

  test("a doorbell beyond the ring is said, and the device goes on", async () => {
    await using bed = await plugIn(templateDevice(), options);
    bed.pci.bar(0).write32(0x0024, 9);
    addUp(bed.pci, 4, 10);
    await bed.quiesce();
    expect(bed.violations.map(({ rule, place }) => `${rule} ${place}`)).toEqual(["doorbell-refused TAIL 0x00024"]);
  });

  test("each completion sends its interrupt", async () => {
    await using bed = await plugIn(templateDevice(), options);
    const [interrupt] = bed.pci.interrupts("msix", 1);
    const driver = new TemplateDeviceDriver(bed.pci);
    bed.pci.bar(0).write32(0x0004, 0x3);
    driver.add(1);
    expect(interrupt?.wait()).toBe(true);
    expect(driver.total()).toBe(1);
    driver.close();
  });
});

test("a driver that maps BAR 0 as memory is served too", async () => {
  await using bed = await plugIn(templateDevice());
  const { pci } = bed;
  const words = new Int32Array(pci.bar(0).map());
  const store = (offset: number, value: number): number => Atomics.store(words, offset / 4, value);
  const [commands, completions] = [pci.dma.alloc(4096), pci.dma.alloc(4096)];
  pci.config.setBusMaster(true);
  store(0x0010, commands.iovaLow);
  store(0x0014, commands.iovaHigh);
  store(0x0018, completions.iovaLow);
  store(0x001c, completions.iovaHigh);
  store(0x0020, 8);
  store(0x0004, 0x1);
  commands.write32(0, 42);
  store(0x0024, 1);
  const endNs = pci.cpu.nowNs() + 5e9;
  while (completions.readAcquire32(4) === 0 && pci.cpu.nowNs() < endNs) pci.cpu.relax();
  expect(completions.read32(0)).toBe(42);
  await bed.quiesce();
  expect(bed.violations).toEqual([]);
});

test("no order of events breaks the driver", async () => {
  await explore(race.devices, { setup: race.setup }, race.body);
});

/** Numbers from the data sheet, not from the model. */
const underTest: DeviceUnderTest = {
  spec: templateDevice,
  identity: { vendorId: 0x1234, deviceId: 0x7a11, revisionId: 0x01, classCode: 0xff0000 },
  bars: [{ index: 0, kind: "memory32", byteLength: 0x1000 }],
  msixVectorCount: 1,
  settleNs: 1000,
  afterReset: {},
  hole: { offset: 0x0100, value: 0 },
  wrongWidths: [
    { offset: 0x0004, byteLength: 1 },
    { offset: 0x0004, byteLength: 2 },
    { offset: 0x0010, byteLength: 8 },
  ],
  dma: {
    prepare(pci, buffer) {
      const bar = pci.bar(0);
      // Commands in the first page of the buffer, completions in the second.
      bar.write32(0x0010, buffer.iovaLow >>> 0);
      bar.write32(0x0014, buffer.iovaHigh >>> 0);
      bar.write32(0x0018, (buffer.iovaLow + 4096) >>> 0);
      bar.write32(0x001c, buffer.iovaHigh >>> 0);
      bar.write32(0x0020, 8);
      bar.write32(0x0004, 1);
    },
    ring: (pci) => pci.bar(0).write32(0x0024, 4),
    durationNs: 100_000,
  },
  driverLife: (pci) => addUp(pci, 8, 100),
};

describe("keeps what a device owes its driver", { timeout: 30_000 }, () => {
  const table = registerTable("template-device", page.REGISTERS, Object.entries(page));
  for (const check of [...conformance(underTest), ...determinism(underTest), ...table]) test(check.name, check.run);
});
