import { expect, test } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import { exanic } from "../../devices/exanic/index.ts";
import { feedHandler } from "../../devices/feed-handler/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { HostMemory } from "../../emulator/memory/host-memory.ts";
import { Iommu } from "../../emulator/memory/iommu.ts";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { MemoryWatch } from "../../emulator/sanitize/memory-watch.ts";
import type { DescriptorRingView } from "../../emulator/sanitize/ownership.ts";
import { explore } from "../../harness/explore/explore.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import { frames } from "../../harness/frames.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { Testbed } from "../../harness/testbed.ts";
import { EduDriver } from "../../scenarios/drivers/edu.ts";
import { ExanicDriver } from "../../scenarios/drivers/exanic.ts";
import { FeedHandlerDriver } from "../../scenarios/drivers/feed-handler.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import * as reg from "../../scenarios/drivers/ixgbe-registers.ts";
import { SmallExanic } from "../corpus/exanic.ts";
import { SmallFeedHandler } from "../corpus/feed-handler.ts";
import { BUFFER_BYTES, RING_SIZE, SmallIxgbe } from "../corpus/small-ixgbe.ts";
import type { CorpusBed } from "../corpus/wrong-driver.ts";

/** Order templates in BAR 2 of the feed handler. */
const TEMPLATES_AT = 0x4000;
const FRAME = new Uint8Array(60).fill(0xff);
const FIRST_SENT = RING_SIZE * BUFFER_BYTES;

const open = (): Promise<Testbed> => plugIn(ixgbe({ linkUpNs: 0 }), { run: "folded" });
const found = (bed: Testbed): string[] => [...bed.violations, ...bed.notes].map(({ rule }) => rule);

test("neighbours of what is handed over are the driver's", async () => {
  await using bed = await open();
  const driver = new SmallIxgbe(bed.pci).open();
  driver.transmit(FRAME);
  driver.buffers.write32(FIRST_SENT + 60, 1);
  driver.txRing.write32(reg.DESCRIPTOR_BYTES, 1);
  expect(found(bed)).toEqual([]);
  driver.buffers.write32(FIRST_SENT + 56, 1);
  expect(found(bed)).toEqual(["completion-not-checked"]);
});

test("raw memory is the driver's business: a ring whose bytes it has taken is not judged, nor are the buffers behind it", async () => {
  await using bed = await open();
  const driver = new SmallIxgbe(bed.pci).open();
  const raw = new Int32Array(driver.txRing.bytes.buffer, driver.txRing.bytes.byteOffset, 4);
  driver.transmit(FRAME);
  // DD, as nobody has seen it being looked at.
  expect((raw[3] as number) & 1).toBe(1);
  driver.buffers.write32(FIRST_SENT, 1);
  expect(found(bed)).toEqual(["raw-memory-unwatched"]);
});

test("and it is not judged from the moment on at which it takes them", async () => {
  await using bed = await open();
  const driver = new SmallIxgbe(bed.pci).open();
  driver.transmit(FRAME);
  expect(driver.txRing.bytes.length).toBe(RING_SIZE * reg.DESCRIPTOR_BYTES);
  driver.buffers.write32(FIRST_SENT, 1);
  expect(found(bed)).toEqual(["raw-memory-unwatched"]);
});

test("a register that is changed twice, read and written each time, waits for nothing", async () => {
  await using bed = await open();
  const driver = new SmallIxgbe(bed.pci).open();
  driver.change(reg.RXCSUM, reg.RXCSUM_PCSD);
  driver.change(reg.RXCSUM, 1 << 12);
  driver.bar.read32(reg.STATUS);
  expect(found(bed)).toEqual([]);
});

test("a DD that is left over from the lap before shows nothing", () => {
  const host = new HostMemory(HostMemory.tablesFor(new SharedArrayBuffer(1 << 16)));
  const iommu = Iommu.create();
  const iova = iommu.map(0, 0, 64);
  const view: DescriptorRingView = {
    name: "queue",
    descriptorName: "descriptor",
    doorbell: "TAIL",
    use: "reads",
    descriptorBytes: 16,
    isLive: () => true,
    baseIova: () => iova,
    slotCount: () => 4,
    head: () => head,
    tail: () => 2,
    doneOffset: () => 12,
    doneBits: (word) => (word === 12 ? 1 : 0),
    decode: () => {},
    bufferIova: 0,
    bufferBytes: 0,
    reports: true,
  };
  let head = 0;
  const rules: string[] = [];
  const watch = new MemoryWatch({ record: (_kind, rule) => rules.push(rule) }, iommu, host);
  const ring = watch.allocated(iova, 64, "ring", false);
  const handed = watch.ring(view);
  watch.stored(ring, 0, 32);
  handed.rung();
  watch.loaded(ring, 12, 4, 1, 0);
  watch.stored(ring, 0, 4);
  expect(rules).toEqual(["descriptor-changed-in-flight"]);
  // Of the other one the card is done, and its DD is true: seen in the second half of 8 bytes, and by a byte.
  head = 2;
  watch.loaded(ring, 24, 8, 0, 1);
  watch.stored(ring, 16, 4);
  expect(rules).toHaveLength(1);
});

test("of a ring in an allocation that is too large to note stores in nobody says that it was not written, or written anew", async () => {
  await using bed = await open();
  const driver = new (class extends SmallIxgbe {
    override allocate(): void {
      super.allocate();
      // As drivers lay them out that take a huge page for each.
      this.rxRing = this.pci.dma.alloc(2 << 20, { label: "rx ring" });
      this.txRing = this.pci.dma.alloc(2 << 20, { label: "tx ring" });
    }
  })(bed.pci).open();
  driver.bar.write32(reg.TDT(0), 0);
  for (let sent = 0; sent < 2 * RING_SIZE; sent++) {
    driver.transmit(FRAME);
    driver.retry(() => driver.isSent((driver.txNext + RING_SIZE - 1) % RING_SIZE));
  }
  expect(found(bed)).toEqual([]);
});

test("a testbed that is traced as well sees the same", async () => {
  await using bed = await plugIn(ixgbe({ linkUpNs: 0 }), { run: "folded", trace: true });
  const driver = new SmallIxgbe(bed.pci).open();
  driver.transmit(FRAME);
  driver.buffers.write32(FIRST_SENT, 1);
  expect(found(bed)).toEqual(["completion-not-checked"]);
  expect(bed.violations[0]?.line).toMatch(/^test\/unit\/sanitize\.test\.ts:\d+$/);
});

test("memory that a driver maps itself is not judged either", async () => {
  await using bed = await plugIn(edu(), { run: "folded" });
  bed.pci.config.setBusMaster(true);
  const buffer: DmaBuffer = bed.pci.dma.map(new SharedArrayBuffer(4096), { label: "own" });
  const bar = bed.pci.bar(0);
  bar.write64(0x80, BigInt(buffer.iova));
  bar.write64(0x88, 0x40000n);
  bar.write64(0x90, 64n);
  bar.write32(0x98, 1);
  buffer.write32(0, 1);
  expect(found(bed)).toEqual(["raw-memory-unwatched"]);
});

test("what is left behind is said of a driver that has turned its card off, and of no other", async () => {
  const left = async (isClosed: boolean): Promise<string[]> => {
    const bed = await open();
    const driver = new SmallIxgbe(bed.pci).open();
    driver.stopQueues();
    if (isClosed) bed.pci.config.setBusMaster(false);
    await bed.close();
    await bed.close();
    return bed.notes.map(({ rule, place }) => `${rule} ${place}`);
  };
  expect(await left(false)).toEqual([]);
  expect(await left(true)).toEqual([
    "dma-buffer-leaked rx ring",
    "dma-buffer-leaked tx ring",
    "dma-buffer-leaked packet buffers",
  ]);
});

test("the reference drivers are silent, whatever of them is used", async () => {
  const traffic = frames(100, { seed: 3, maxByteLength: 3000 });
  const options = { rxQueueCount: 4, txQueueCount: 2, maxFrameBytes: 9000, vlanStrip: true } as const;
  for (const interrupts of ["none", "msix"] as const) {
    const bed = await open();
    const driver = IxgbeDriver.probe(bed.pci, { ringSize: 32, interrupts, promiscuous: true, ...options });
    for (const [index, frame] of traffic.entries()) {
      bed.wire.send(frame);
      while (!driver.transmit(frame, index % 2)) bed.pci.cpu.relax();
      if (interrupts === "msix") driver.waitForTraffic(1, index % 4);
      for (let got = driver.receive(); got !== undefined; got = driver.receive()) expect(got.length).toBeGreaterThan(0);
      if (index % 25 === 0) driver.statistics();
      driver.linkChanged();
    }
    driver.close();
    await bed.quiesce();
    await bed.close();
    expect(found(bed)).toEqual([]);
  }
  for (const waitBy of ["poll", "intx", "msi"] as const) {
    const bed = await plugIn(edu(), { run: "folded" });
    const driver = new EduDriver(bed.pci, waitBy);
    for (let n = 0; n < 8; n++) {
      driver.factorial(n);
      driver.copyToCard(FRAME, 8 * n);
      driver.copyFromCard(new Uint8Array(60), 8 * n);
    }
    driver.close();
    await bed.close();
    expect(found(bed), waitBy).toEqual([]);
  }
});

test("so are those of the cards that stream, round their rings and their TX regions more than once", async () => {
  {
    const bed = await plugIn(exanic({ chunkCount: 16 }), { run: "folded" });
    const options = { chunkCount: 16, linkLimitMs: 10, promiscuous: true } as const;
    const driver = ExanicDriver.probe(bed.pci, options);
    const other = ExanicDriver.probe(bed.pci, { ...options, port: 1, beside: driver });
    const target = new Uint8Array(2048);
    let received = 0;
    for (const frame of frames(200, { seed: 4, maxByteLength: 400 })) {
      for (const each of [driver, other]) while (!each.transmit(frame)) bed.pci.cpu.relax();
      bed.wire.send(frame);
      for (let wait = 0; wait < 20 && !driver.reader.isReady(); wait++) bed.pci.cpu.relax();
      if (driver.reader.receive(target) > 0) received++;
    }
    expect(received).toBe(200);
    other.close();
    driver.close();
    await bed.quiesce();
    await bed.close();
    expect(found(bed)).toEqual([]);
  }
  for (const interrupts of ["none", "msix"] as const) {
    const bed = await plugIn(feedHandler(), { run: "folded" });
    const driver = FeedHandlerDriver.probe(bed.pci, { stocks: [7], ringSizeLog2: 3, interrupts });
    driver.setCollar(0, 1, 20_000);
    driver.allowOrders({ orderSizeMax: 100, ordersMax: 1000, intervalNs: 1_000_000 });
    const event = new Uint32Array(7);
    for (let order = 0; order < 40; order++) {
      driver.loadTemplate(0, { frame: new Uint8Array(64).fill(order), priceAt: 42 });
      driver.arm(1, { slot: 0, side: "buy", price: 1, sizeMin: 1, orderSize: 5, template: 0 });
      driver.sendOrder(0, 0, 10_000, 5);
      expect(driver.waitForEvent(10)).toBe(true);
      expect(driver.receive(event)).toBe(0);
    }
    await bed.quiesce();
    expect(bed.wire.sent).toHaveLength(40);
    driver.check();
    driver.close();
    await bed.close();
    expect(found(bed), interrupts).toEqual([]);
  }
});

test("a search fails with the rule and the line of the driver", async () => {
  const copy = async (does: (buffer: DmaBuffer) => void): Promise<string> => {
    const failure = explore(edu(), { runs: 5, cure: false }, ({ pci }) => {
      pci.config.setBusMaster(true);
      const buffer = pci.dma.alloc(64, { label: "target" });
      const bar = pci.bar(0);
      bar.write64(0x80, BigInt(buffer.iova));
      bar.write64(0x88, 0x40000n);
      bar.write64(0x90, 64n);
      bar.write32(0x98, 1);
      bar.read32(0x20);
      does(buffer);
    });
    return failure.then(
      () => "passed",
      (error: Error) => error.message,
    );
  };
  const changed = await copy((buffer) => buffer.write32(8, 1));
  expect(changed).toContain("Store of 4 bytes to target+0x8");
  expect(changed).toMatch(/ At test\/unit\/sanitize\.test\.ts:\d+, called from .+ Rule: buffer-changed-in-flight\.\n/);
  expect(await copy((buffer) => buffer.free())).toContain("was freed while DMA_COMMAND 0x00098 has it");
});

test("what a set-up has handed over, or seen, is so in every run that is set back to its end", async () => {
  /** The first broken rule of each of three runs, of which the last two begin with what the set-up of the first has left. */
  const thrice = async <Driver>(
    device: DeviceSpec,
    setup: (bed: CorpusBed) => Driver,
    body: (driver: Driver) => void,
  ): Promise<string[]> => {
    const noWire = { send: (): void => {} };
    const session = new PluggedSession([await loadDevice(device)], {
      setup: (bed) => setup({ pci: bed.pci, wire: noWire }),
      save: () => 0,
      restore: () => {},
      body: (_bed, driver) => body(driver),
    });
    const strategy = new Portfolio();
    return [1, 2, 3].map((seed) => {
      session.run(strategy, 0, seed);
      return session.violations[0]?.rule ?? "none";
    });
  };
  const disarmed = (bed: CorpusBed): SmallFeedHandler => {
    const driver = new SmallFeedHandler(bed);
    driver.arm();
    driver.disarm();
    driver.bar.read32(0);
    return driver;
  };
  const rewrite = ({ window }: SmallFeedHandler): void => window.write32(TEMPLATES_AT, 1);
  const rule = "completion-not-checked";
  expect(await thrice(feedHandler(), disarmed, rewrite)).toEqual([rule, rule, rule]);
  const waited = (bed: CorpusBed): SmallFeedHandler => {
    const driver = new SmallFeedHandler(bed);
    driver.order();
    driver.wait();
    return driver;
  };
  expect(await thrice(feedHandler(), waited, (driver) => driver.copy())).toEqual(["none", "none", "none"]);
  const cleared = ({ region }: SmallExanic): void => region.write32(0, 1);
  const written = "region-written";
  expect(await thrice(exanic(), (bed) => new SmallExanic(bed), cleared)).toEqual([written, written, written]);
});
