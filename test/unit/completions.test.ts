/** A card that completes twice, and what is said of it and of its driver; whose memory it is while faults are armed. */
import { describe, expect, test } from "vitest";
import { feedHandler } from "../../devices/feed-handler/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort, DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { explore } from "../../harness/explore/explore.ts";
import { everyFault } from "../../harness/faults/every-fault.ts";
import { faulty } from "../../harness/faults/faulty.ts";
import { FoldedTestbed } from "../../harness/folded-testbed.ts";
import { PassPort } from "../../harness/pass-through.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { Testbed } from "../../harness/testbed.ts";
import { FeedHandlerDriver } from "../../scenarios/drivers/feed-handler.ts";
import { BUFFER_BYTES, RING_SIZE, SmallIxgbe } from "../corpus/small-ixgbe.ts";

const CARD = ixgbe({ linkUpNs: 0 });
const FRAME = new Uint8Array(60).fill(0xff);
const LATER_NS = 50_000;
const FIRST_SENT = RING_SIZE * BUFFER_BYTES;

/** Writes its flagged records as `again` says: the n-th of them so many times, or into another slot. */
class WrongPort extends PassPort {
  #count = 0;
  readonly #does: (write: (shift: number) => void, nth: number) => void;

  constructor(inner: DevicePort, does: (write: (shift: number) => void, nth: number) => void) {
    super(inner);
    this.#does = does;
  }

  override dmaWrite(high: number, low: number, memory: MemoryView, offset: number, length: number, flag: number): void {
    if (flag < 0) super.dmaWrite(high, low, memory, offset, length, flag);
    else this.#does((shift) => super.dmaWrite(high, (low + shift) | 0, memory, offset, length, flag), ++this.#count);
  }
}

/** A card whose model is wrong, and nobody has announced it. */
async function wrongCard(spec: DeviceSpec, does: (write: (shift: number) => void, nth: number) => void) {
  const { module, options } = await loadDevice(spec);
  const { declaration } = module;
  const create = (port: DevicePort) => module.create(new WrongPort(port, does), options);
  return new FoldedTestbed([{ module: { declaration, create }, options }]);
}

/** Twice the n-th, once the others. */
const twiceThe = (wanted: number) => (write: (shift: number) => void, nth: number) => {
  write(0);
  if (nth === wanted) write(0);
};

const rules = (findings: readonly Finding[]): string[] => findings.map(({ rule }) => rule);

function send(driver: SmallIxgbe, count: number): void {
  for (let sent = 0; sent < count; sent++) {
    driver.retry(() => driver.transmit(FRAME));
    driver.retry(() => driver.isSent((driver.txNext + RING_SIZE - 1) % RING_SIZE));
  }
}

describe("a completion that comes twice", () => {
  test("is the card's mistake if nobody has announced it: ring, descriptor and address are named", async () => {
    const bed = await wrongCard(CARD, twiceThe(3));
    const driver = new SmallIxgbe(bed.pci).open();
    send(driver, 4);
    expect(rules([...bed.violations, ...bed.notes])).toEqual(["completion-repeated"]);
    const { iova } = driver.txRing;
    expect(bed.violations[0]).toMatchObject({ place: "transmit queue 0", kind: "violation" });
    expect(bed.violations[0]?.message).toContain("The card, and not its driver, is wrong");
    expect(bed.violations[0]?.message).toContain(
      `transmit descriptor 2 of transmit queue 0 at IOVA 0x1_0000_${((iova % 2 ** 16) + 32).toString(16).padStart(4, "0")}`,
    );
  });

  test("so is one of a descriptor that nobody has handed over", async () => {
    const bed = await wrongCard(CARD, (write) => write(16 * (RING_SIZE - 1)));
    const driver = new SmallIxgbe(bed.pci).open();
    driver.transmit(FRAME);
    bed.advance(LATER_NS);
    expect(rules(bed.violations)).toEqual(["completion-repeated"]);
    expect(bed.violations[0]?.message).toContain("transmit descriptor 7 of transmit queue 0");
  });

  test("each lap of a ring completes each descriptor once: that is all right", async () => {
    const bed = await wrongCard(CARD, (write) => write(0));
    const driver = new SmallIxgbe(bed.pci).open();
    send(driver, 3 * RING_SIZE);
    for (let got = 0; got < 3 * RING_SIZE; got++) {
      bed.wire.send(FRAME);
      driver.retry(() => driver.receive() !== undefined);
    }
    expect(driver.received).toBe(3 * RING_SIZE);
    expect([...bed.violations, ...bed.notes]).toEqual([]);
  });

  test("by a fault that was armed is a note, and the driver that believes it is blamed for nothing", async () => {
    const armed = [{ kind: "write-back-repeated", nth: 1, durationNs: LATER_NS }] as const;
    await using bed = await plugIn(CARD, { run: "folded", faults: armed });
    const driver = new SmallIxgbe(bed.pci).open();
    bed.wire.send(FRAME);
    driver.retry(() => driver.receive() !== undefined);
    // A lap later the descriptor is the card's again, and says that it is done.
    for (let slot = 1; slot < RING_SIZE; slot++) {
      bed.wire.send(FRAME);
      driver.retry(() => driver.receive() !== undefined);
    }
    bed.advance(LATER_NS);
    expect(driver.receive()).toBeDefined();
    expect(driver.received).toBe(RING_SIZE + 1);
    await bed.quiesce();
    expect(bed.violations).toEqual([]);
    expect(rules(bed.notes)).toEqual(["completion-repeated-by-fault"]);
    expect(bed.notes[0]?.message).toContain("The fault that is armed has made the card complete receive descriptor 0");
    expect((await bed.faults.report()).struck).toEqual([
      { kind: "write-back-repeated", nth: 1, where: "the write-back of descriptor 0 of receive queue 0" },
    ]);
  });

  test("is told of a ring whose entries are given back, too", async () => {
    const orders = (bed: Testbed): void => {
      const driver = FeedHandlerDriver.probe(bed.pci, { stocks: [7], ringSizeLog2: 2 });
      const event = new Uint32Array(7);
      for (let order = 0; order < 6; order++) {
        driver.sendOrder(0, 0, 1, 1);
        while (driver.receive(event) < 0) bed.pci.cpu.relax();
      }
      bed.advance(LATER_NS);
    };
    const wrong = await wrongCard(feedHandler(), twiceThe(6));
    orders(wrong);
    expect(rules([...wrong.violations, ...wrong.notes])).toEqual(["completion-repeated"]);
    expect(wrong.violations[0]?.message).toContain("event 1 of channel 0");
    const right = await wrongCard(feedHandler(), (write) => write(0));
    orders(right);
    expect([...right.violations, ...right.notes]).toEqual([]);
    const faults = [{ kind: "write-back-repeated", nth: 6, durationNs: 1000 }] as const;
    await using announced = await plugIn(feedHandler(), { run: "folded", faults });
    orders(announced);
    expect(announced.violations).toEqual([]);
    expect(rules(announced.notes)).toEqual(["completion-repeated-by-fault"]);
  });

  test("one that only comes late, or in parts, is one", async () => {
    for (const kind of ["write-back-late", "write-back-torn", "write-back-partial", "payload-late"] as const) {
      await using bed = await plugIn(CARD, { run: "folded", faults: [{ kind, nth: 2, durationNs: LATER_NS }] });
      const driver = new SmallIxgbe(bed.pci).open();
      send(driver, RING_SIZE);
      bed.wire.send(FRAME);
      bed.wire.send(FRAME);
      bed.advance(2 * LATER_NS);
      expect((await bed.faults.report()).struck, kind).toHaveLength(1);
      expect([...bed.violations, ...bed.notes], kind).toEqual([]);
    }
  });
});

describe("whose the memory is while faults are armed", () => {
  const reuse = (driver: SmallIxgbe): void => {
    driver.transmit(FRAME);
    driver.buffers.write32(FIRST_SENT, 1);
  };

  test("a testbed with faults sees what one without sees", async () => {
    await using bed = await plugIn(CARD, { run: "folded", faults: [] });
    reuse(new SmallIxgbe(bed.pci).open());
    expect(rules(bed.violations)).toEqual(["completion-not-checked"]);
  });

  test("so does a search", async () => {
    const search = explore(
      faulty(CARD),
      { setup: (bed) => new SmallIxgbe(bed.pci).open(), runs: 5, cure: false },
      (_, driver) => reuse(driver),
    );
    await expect(search).rejects.toThrow("while it belongs to transmit descriptor 0 of transmit queue 0");
  });

  test("a driver that takes a buffer back when a fetch fails, without stopping the queue, is found at that site", async () => {
    const scenario = (isWrong: boolean) => {
      const setup = (bed: Testbed): SmallIxgbe => new SmallIxgbe(bed.pci).open();
      const teardown = (driver: SmallIxgbe): void => driver.close();
      const kinds = ["dma-read-error"] as const;
      return everyFault(CARD, { setup, teardown, kinds, machine: { sanitize: true } }, (_bed, driver) => {
        driver.transmit(FRAME);
        if (driver.retry(() => driver.isSent(0))) return;
        if (!isWrong) driver.stopQueues();
        driver.buffers.write32(FIRST_SENT, 1);
      });
    };
    const { failures } = await scenario(true);
    expect([...new Set(failures.map(({ verdict }) => verdict))]).toEqual(["violation"]);
    expect(failures.map(({ where }) => where)).toContain("descriptor 0 of transmit queue 0");
    expect(failures[0]?.detail).toMatch(/^buffer-changed-in-flight: Store of 4 bytes to packet buffers\+0x4000/);
    expect((await scenario(false)).failures).toEqual([]);
  });
});
