import fc from "fast-check";
import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import { MEMORY_MODELS } from "../../../emulator/explore/kinds.ts";
import { PartialOrderSampling } from "../../../emulator/explore/strategies/pos.ts";
import { Replay } from "../../../emulator/explore/strategies/replay.ts";
import { PASSED } from "../../../emulator/explore/verdict.ts";
import type { PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../../harness/explore/plugged-session.ts";
import { frames } from "../../../harness/frames.ts";
import { plugIn } from "../../../harness/plug-in.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";

const LIST = frames(3, { seed: 5, minByteLength: 60, maxByteLength: 200 });

async function exchangeSession(closes: boolean, isSaved: boolean): Promise<PluggedSession> {
  return new PluggedSession<IxgbeDriver>([await loadDevice(ixgbe({ linkUpNs: 0 }))], {
    setup: (bed) => IxgbeDriver.probe(bed.pci, { ringSize: 8, promiscuous: true, bufferCount: 24, interrupts: "msix" }),
    body: (bed, driver) => {
      for (const frame of LIST) bed.wire.send(frame);
      for (const frame of LIST) driver.transmit(frame);
      for (const frame of LIST) {
        let got = driver.receive();
        for (; got === undefined; got = driver.receive()) driver.waitForTraffic(100);
        if (Buffer.compare(got, frame) !== 0) throw new Error("another frame than was sent");
      }
      bed.quiesce();
      if (closes) driver.close();
    },
    ...(isSaved ? { save: (driver) => driver.save(), restore: (driver, state) => driver.restore(state) } : {}),
  }) as PluggedSession;
}

/** What a driver does to an edu, drawn at random. */
type Access = readonly [what: number, offset: number, value: number];

/** Makes the accesses and returns everything that came back. */
function perform(pci: PciFunction, list: readonly Access[]): number[] {
  const seen: number[] = [];
  const bar = pci.bar(0);
  const buffer = pci.dma.alloc(256);
  pci.config.setBusMaster(true);
  for (const [what, offset, value] of list) {
    if (what === 0) bar.write32(0x04, value);
    else if (what === 1) seen.push(bar.read32(0x04));
    else if (what === 2) buffer.write32(4 * offset, value);
    else if (what === 3) seen.push(buffer.read32(4 * offset));
    else if (what === 4) {
      bar.write32(0x80, (buffer.iova + 4 * offset) % 2 ** 32);
      bar.write32(0x84, Math.floor(buffer.iova / 2 ** 32));
      bar.write32(0x88, 0x40000);
      bar.write32(0x90, 4);
      bar.write32(0x98, 1);
      pci.cpu.delay(200_000);
      // Over by then; a driver that does not look is told that it was luck.
      expect(bar.read32(0x98) & 1).toBe(0);
    } else if (what === 5) {
      bar.write32(0x80, 0x40000);
      bar.write32(0x88, (buffer.iova + 4 * offset) % 2 ** 32);
      bar.write32(0x8c, Math.floor(buffer.iova / 2 ** 32));
      bar.write32(0x90, 4);
      bar.write32(0x98, 3);
      pci.cpu.delay(200_000);
      // Over by then; a driver that does not look is told that it was luck.
      expect(bar.read32(0x98) & 1).toBe(0);
    } else {
      bar.write32(0x08, value & 7);
      while ((bar.read32(0x20) & 1) !== 0) pci.cpu.relax();
      seen.push(bar.read32(0x08));
    }
  }
  return seen;
}

test("the empty schedule is the ordinary run: the driver sees what it sees folded", async () => {
  const access = fc.tuple(fc.nat(6), fc.nat(15), fc.integer({ min: 0, max: 2 ** 31 - 1 }));
  let list: readonly Access[] = [];
  let seen: number[] = [];
  const session = new PluggedSession([await loadDevice(edu())], {
    setup: () => undefined,
    body: (bed: ExploredBed) => {
      seen = perform(bed.pci, list);
    },
  });
  await fc.assert(
    fc.asyncProperty(fc.array(access, { maxLength: 25 }), async (accesses) => {
      list = accesses;
      await using bed = await plugIn(edu(), { run: "folded" });
      const expected = perform(bed.pci, accesses);
      for (const model of MEMORY_MODELS.keys()) {
        expect(session.run(new Replay(), model, 0)).toBe(PASSED);
        expect(seen).toEqual(expected);
      }
    }),
    { numRuns: 60 },
  );
});

test("a run is repeated by its deviations, and leaves nothing behind for the next", async () => {
  const session = await exchangeSession(true, false);
  const strategy = new PartialOrderSampling();
  const replay = new Replay();
  for (let run = 0; run < 120; run++) {
    const model = run % 3;
    expect(session.run(strategy, model, run)).toBe(PASSED);
    const { hash, stepCount } = session.execution;
    replay.schedule.copyFrom(session.execution.recorder.schedule);
    // Something else in between, which must not show.
    session.run(strategy, (model + 1) % 3, 1000 + run);
    expect(session.run(replay, model, 0)).toBe(PASSED);
    expect([session.execution.hash, session.execution.stepCount]).toEqual([hash, stepCount]);
  }
});

test("different schedules are really different runs", async () => {
  const session = await exchangeSession(true, false);
  const strategy = new PartialOrderSampling();
  const hashes = new Set<number>();
  for (let run = 0; run < 100; run++) {
    session.run(strategy, 2, run);
    hashes.add(session.execution.hash);
  }
  expect(hashes.size).toBeGreaterThan(95);
});

test("a set-up that is restored is as good as one that is made", async () => {
  const [made, restored] = [await exchangeSession(false, false), await exchangeSession(false, true)];
  const [first, second] = [new PartialOrderSampling(), new PartialOrderSampling()];
  for (let run = 0; run < 90; run++) {
    expect(made.run(first, run % 3, run)).toBe(PASSED);
    expect(restored.run(second, run % 3, run)).toBe(PASSED);
    expect(restored.execution.hash).toBe(made.execution.hash);
  }
});

test("a buffer that the set-up has allocated and the body frees is there again in the next run, and nobody else's", async () => {
  const session = new PluggedSession([await loadDevice(edu())], {
    setup: (bed: ExploredBed) => {
      const buffer = bed.pci.dma.alloc(64, { label: "table" });
      buffer.write32(8, 0x1234);
      return buffer;
    },
    save: () => undefined,
    restore: () => {},
    body: (bed: ExploredBed, buffer) => {
      const other = bed.pci.dma.alloc(64);
      if (other.iova === buffer.iova) throw new Error("two buffers in one place");
      if (buffer.read32(8) !== 0x1234) throw new Error("other content");
      buffer.write32(8, 0);
      other.free();
      buffer.free();
    },
  }) as PluggedSession;
  for (let run = 0; run < 4; run++) {
    const verdict = session.run(new Replay(), 0, run);
    expect([verdict, session.machine.violation]).toEqual([PASSED, ""]);
  }
});
