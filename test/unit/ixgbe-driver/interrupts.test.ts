import fc from "fast-check";
import { expect, test } from "vitest";
import { frames } from "../../../harness/frames.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import * as reg from "../../../scenarios/drivers/ixgbe-registers.ts";
import { PacketBatch } from "../../../scenarios/drivers/packet-pool.ts";
import { letPass, openCard, openDriver, takeAll, tapped, udpFrame } from "./driver-bed.ts";

const MS = 1_000_000;

for (const interrupts of ["msix", "none"] as const) {
  test(`${interrupts}: waiting ends when a frame comes, whenever that is`, async () => {
    const gaps = fc.array(fc.record({ burst: fc.integer({ min: 1, max: 20 }), gapNs: fc.nat(300_000) }), {
      maxLength: 25,
    });
    await fc.assert(
      fc.asyncProperty(gaps, fc.constantFrom(0, 2, 10, 100), async (script, interruptIntervalUs) => {
        const { bed, driver } = await openDriver({ interrupts, interruptIntervalUs, ringSize: 32 });
        const batch = new PacketBatch(8);
        let [sent, received] = [0, 0];
        for (const { burst, gapNs } of script) {
          for (const frame of frames(burst, { maxByteLength: 200 })) bed.wire.send(frame);
          sent += burst;
          bed.advance(gapNs);
          while (received < sent) {
            const startNs = bed.pci.cpu.nowNs();
            expect(driver.waitForTraffic(50), `frame ${received} of ${sent}`).toBe(true);
            // Moderation, and a burst on the wire; not the limit.
            expect(bed.pci.cpu.nowNs() - startNs).toBeLessThan(0.2 * MS);
            for (let count = driver.rxBatch(0, batch); count > 0; count = driver.rxBatch(0, batch)) {
              driver.release(batch, count);
              received += count;
            }
          }
        }
        expect(received).toBe(sent);
        expect(bed.violations).toEqual([]);
        driver.close();
      }),
      { numRuns: 25 },
    );
  });

  test(`${interrupts}: waiting for nothing takes the time it was given`, async () => {
    const { bed, driver, log } = await openDriver({ interrupts });
    bed.wire.send(frames(1)[0] as Uint8Array);
    expect(takeAll(bed, driver)).toHaveLength(1);
    log.length = 0;
    const startNs = bed.pci.cpu.nowNs();
    expect(driver.waitForTraffic(5)).toBe(false);
    expect(bed.pci.cpu.nowNs() - startNs).toBeGreaterThanOrEqual(5 * MS);
    // Asleep, not spinning: the frame that was polled left its cause behind, which may wake the wait once.
    expect(log.length).toBeLessThan(10);
    driver.close();
  });
}

test("a frame that comes at any access of the wait ends it at once", async () => {
  // The n-th access, for every n until the wait is over without one.
  for (let at = 1, isOver = false; !isOver; at++) {
    expect(at).toBeLessThan(100);
    const bed = await openCard();
    let [accesses, injectedNs] = [Number.NEGATIVE_INFINITY, 0];
    const inject = (): void => {
      if (++accesses !== at) return;
      bed.wire.send(frames(1)[0] as Uint8Array);
      bed.advance(2000);
      injectedNs = bed.pci.cpu.nowNs();
    };
    const driver = IxgbeDriver.probe(tapped(bed.pci, { onAccess: inject }), { interrupts: "msix" });
    accesses = 0;
    const came = driver.waitForTraffic(50);
    isOver = accesses < at;
    expect(came, `a frame at access ${at} of the wait`).toBe(!isOver);
    if (!isOver) expect(bed.pci.cpu.nowNs() - injectedNs).toBeLessThan(MS / 10);
    expect(driver.rxBatch(0, new PacketBatch(1))).toBe(isOver ? 0 : 1);
    driver.close();
  }
});

test("whoever polls is not interrupted", async () => {
  const { bed, driver, pci } = await openDriver({ interrupts: "msix", ringSize: 64 });
  const batch = new PacketBatch(32);
  bed.wire.send(frames(1)[0] as Uint8Array);
  expect(driver.waitForTraffic(1)).toBe(true);
  driver.release(batch, driver.rxBatch(0, batch));
  expect(driver.waitForTraffic(1)).toBe(false);
  const before = pci.vectors[0]?.count;
  for (const frame of frames(500, { maxByteLength: 100 })) {
    bed.wire.send(frame);
    bed.advance(500);
    driver.release(batch, driver.rxBatch(0, batch));
  }
  letPass(bed);
  expect(before).toBeGreaterThan(0);
  expect(pci.vectors[0]?.count).toBe(before);
  driver.close();
});

for (const interrupts of ["msix", "none"] as const) {
  test(`${interrupts}: a link that goes and comes is seen, each change once`, async () => {
    const { bed, driver, log } = await openDriver({ interrupts, rxQueueCount: 3 });
    letPass(bed);
    expect(driver.linkChanged()).toBe(false);
    for (let round = 0; round < 3; round++) {
      // The partner is unplugged and plugged in again: negotiation starts anew.
      bed.pci.bar(0).write32(reg.AUTOC, bed.pci.bar(0).read32(reg.AUTOC) | reg.AUTOC_RESTART_AN);
      expect([driver.linkChanged(), driver.linkUp]).toEqual([true, false]);
      expect(driver.linkChanged()).toBe(false);
      bed.advance(2_000 * MS);
      expect([driver.linkChanged(), driver.linkUp]).toEqual([true, true]);
      log.length = 0;
      expect(driver.linkChanged()).toBe(false);
      // With an interrupt nothing is asked as long as none came.
      expect(log.length).toBe(interrupts === "msix" ? 0 : 1);
    }
    expect(bed.violations).toEqual([]);
    expect(bed.notes).toEqual([]);
    driver.close();
  });
}

test("with interrupts, a link that goes and comes between two looks is seen as well", async () => {
  const { bed, driver } = await openDriver({ interrupts: "msix" });
  bed.pci.bar(0).write32(reg.AUTOC, bed.pci.bar(0).read32(reg.AUTOC) | reg.AUTOC_RESTART_AN);
  bed.advance(2_000 * MS);
  expect([driver.linkChanged(), driver.linkChanged()]).toEqual([true, false]);
  driver.close();
});

test("each queue has a vector of its own", async () => {
  const { bed, driver, pci } = await openDriver({ interrupts: "msix", rxQueueCount: 5 });
  const queueOf = new Map<number, number>();
  // A flow for each queue, found by trying.
  for (let port = 0; queueOf.size < 5; port++) {
    expect(port).toBeLessThan(200);
    bed.wire.send(udpFrame({ sourcePort: port }));
    letPass(bed);
    const queue = [0, 1, 2, 3, 4].find((index) => driver.waitForTraffic(0.001, index)) as number;
    queueOf.set(queue, port);
    expect(takeAll(bed, driver)).toHaveLength(1);
  }
  for (const [queue, port] of queueOf) {
    // What the search left behind is taken first.
    expect(driver.waitForTraffic(1, queue)).toBe(false);
    const before = pci.vectors.map((vector) => vector.count);
    const startNs = bed.pci.cpu.nowNs();
    bed.wire.send(udpFrame({ sourcePort: port }));
    expect(driver.waitForTraffic(50, queue)).toBe(true);
    expect(bed.pci.cpu.nowNs() - startNs).toBeLessThan(0.1 * MS);
    const raised = pci.vectors.filter((vector, index) => vector.count !== before[index]).map(({ vector }) => vector);
    expect(raised).toEqual([queue]);
    expect(takeAll(bed, driver)).toHaveLength(1);
  }
  expect(() => driver.waitForTraffic(2, 5)).toThrow("there is no queue 5 among 5");
  driver.close();
});
