import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rng } from "../../emulator/run/rng.ts";
import { DEVICES_UNDER_TEST } from "./devices.ts";
import { FoldedMachine } from "./folded-machine.ts";

const aSeed = fc.nat(0xffff_ffff);

/** A driver gone mad: random accesses to everything, bus master on, buffers mapped and sometimes named in registers. */
function madden({ pci, map }: FoldedMachine, seed: number, count: number): void {
  const rng = new Rng(seed);
  const bar = pci.bar(0);
  const buffers = Array.from({ length: 4 }, (_, index) => pci.dma.alloc(4096, { label: `buffer ${index}` }));
  for (let access = 0; access < count; access++) {
    const offset = map.offsetOf[rng.below(map.wordCount)] as number;
    const buffer = buffers[rng.below(buffers.length)];
    const kind = rng.below(16);
    if (kind < 8) bar.write32(offset, rng.nextU32());
    else if (kind < 10) bar.write32(offset, ((buffer?.iovaLow ?? 0) >>> 0) + 16 * rng.below(64));
    else if (kind === 10) bar.write32(offset, (buffer?.iovaHigh ?? 0) >>> 0);
    else if (kind === 11) bar.write32(offset, rng.below(256));
    else if (kind === 12) buffer?.write32(4 * rng.below(1024), rng.nextU32());
    else if (kind === 13) pci.cpu.relax();
    else bar.read32(offset);
  }
  for (const buffer of buffers) buffer.free();
}

describe.each(DEVICES_UNDER_TEST)("$identity.deviceId", (device) => {
  test("a driver gone mad does not break the model, and the same one twice does the same", async () => {
    await fc.assert(
      fc.asyncProperty(aSeed, async (seed) => {
        const outcomes: unknown[] = [];
        for (let run = 0; run < 2; run++) {
          const machine = await FoldedMachine.of(device.spec());
          machine.pci.config.setBusMaster(true);
          madden(machine, seed, 1500);
          machine.rest();
          outcomes.push(machine.outcome());
        }
        expect(outcomes[0]).toEqual(outcomes[1]);
      }),
      { numRuns: 15 },
    );
  });

  test("a snapshot put into a new card goes on as the old one does", async () => {
    await fc.assert(
      fc.asyncProperty(aSeed, aSeed, async (first, second) => {
        const [old, fresh] = [await FoldedMachine.of(device.spec()), await FoldedMachine.of(device.spec())];
        // A card that has worked, and then met a madman.
        device.driverLife(old.pci);
        old.pci.config.setBusMaster(true);
        madden(old, first, 600);
        old.rest();
        fresh.rest();
        fresh.become(old);
        expect(fresh.endpoint.device.snapshot()).toEqual(old.endpoint.device.snapshot());
        for (const machine of [old, fresh]) {
          madden(machine, second, 600);
          machine.rest();
        }
        expect(fresh.endpoint.device.snapshot()).toEqual(old.endpoint.device.snapshot());
        expect(fresh.endpoint.device.statistics()).toEqual(old.endpoint.device.statistics());
        expect(fresh.machine.host.clock.now[0]).toBe(old.machine.host.clock.now[0]);
      }),
      { numRuns: 15 },
    );
  });

  test("a snapshot is a copy, and survives being sent to another thread", async () => {
    const machine = await FoldedMachine.of(device.spec());
    machine.rest();
    const snapshot = machine.endpoint.device.snapshot();
    const copy = structuredClone(snapshot);
    machine.pci.config.setBusMaster(true);
    madden(machine, 7, 300);
    expect(snapshot).toEqual(copy);
  });
});
