import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Rng } from "../../emulator/run/rng.ts";
import { PassModel } from "../pass-through.ts";
import type { ConformanceCheck } from "./conformance.ts";
import { CutLife } from "./cut-life.ts";
import type { DeviceUnderTest } from "./device-under-test.ts";
import { FoldedMachine } from "./folded-machine.ts";

const RUNS = { numRuns: 15 } as const;
const aSeed = fc.nat(0xffff_ffff);

/**
 * What every device owes a search: the same accesses do the same again, and a snapshot is all there is to it. A field that
 * `snapshot` or `restore` forgets is found where it tells on what a driver's life, cut off anywhere, leaves behind.
 *
 * ```ts
 * for (const check of determinism(myDeviceUnderTest)) test(check.name, check.run);
 * ```
 */
export function determinism(device: DeviceUnderTest): readonly ConformanceCheck[] {
  return CHECKS.map(({ name, check }) => ({ name: `${device.spec().name}: ${name}`, run: () => check(device) }));
}

interface DeterminismCheck {
  readonly name: string;
  readonly check: (device: DeviceUnderTest) => Promise<void>;
}

const CHECKS: readonly DeterminismCheck[] = [
  {
    name: "a driver gone mad does not break the model, and the same one twice does the same",
    async check(device) {
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
          assert.deepEqual(outcomes[0], outcomes[1]);
        }),
        RUNS,
      );
    },
  },
  {
    name: "a snapshot put into a new card goes on as the old one does",
    async check(device) {
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
          assert.deepEqual(fresh.endpoint.device.snapshot(), old.endpoint.device.snapshot());
          for (const machine of [old, fresh]) {
            madden(machine, second, 600);
            machine.rest();
          }
          assert.deepEqual(fresh.endpoint.device.snapshot(), old.endpoint.device.snapshot());
          assert.deepEqual(fresh.endpoint.device.statistics(), old.endpoint.device.statistics());
          assert.equal(fresh.machine.host.clock.now[0], old.machine.host.clock.now[0]);
        }),
        RUNS,
      );
    },
  },
  {
    name: "a snapshot taken in the middle of a driver's work goes on as the old card does",
    async check(device) {
      const whole = new CutLife(Number.POSITIVE_INFINITY);
      whole.run(device, (await FoldedMachine.of(device.spec())).pci);
      assert.ok(whole.writeCount > 0, "driverLife writes no register");
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.writeCount - 1), async (writeLimit) => {
          const [old, fresh] = [await FoldedMachine.of(device.spec()), await FoldedMachine.of(device.spec())];
          new CutLife(writeLimit).run(device, old.pci);
          old.rest();
          fresh.rest();
          fresh.become(old);
          assert.deepEqual(fresh.endpoint.device.snapshot(), old.endpoint.device.snapshot());
          for (const machine of [old, fresh]) {
            device.dma.ring(machine.pci);
            machine.rest();
          }
          assert.deepEqual(fresh.endpoint.device.snapshot(), old.endpoint.device.snapshot());
          const [oldMemory, freshMemory] = [memoryOf(old), memoryOf(fresh)];
          assert.equal(Buffer.compare(oldMemory, freshMemory), 0, "the two cards wrote different things");
        }),
        { numRuns: 40 },
      );
    },
  },
  {
    name: "completions that come together leave what they leave one by one",
    async check(device) {
      const [together, single] = [await FoldedMachine.of(device.spec()), await FoldedMachine.of(device.spec())];
      const model = together.endpoint.device;
      if (model.burstTag === undefined) return;
      const takeAll = model.onDmaReads?.bind(model);
      let burstCount = 0;
      model.onDmaReads = (reads) => {
        burstCount++;
        takeAll?.(reads);
      };
      together.endpoint.attach(model);
      single.endpoint.attach(new PassModel(single.endpoint.device));
      for (const machine of [together, single]) {
        device.driverLife(machine.pci);
        machine.rest();
      }
      assert.ok(
        burstCount > 0,
        "in driverLife no two reads with burstTag wait at the same time: let it hand over more at once",
      );
      assert.deepEqual(together.endpoint.device.statistics(), single.endpoint.device.statistics());
      assert.equal(Buffer.compare(memoryOf(together), memoryOf(single)), 0, "the two cards wrote different things");
    },
  },
  {
    name: "a snapshot is a copy, and survives being sent to another thread",
    async check(device) {
      const machine = await FoldedMachine.of(device.spec());
      machine.rest();
      const snapshot = machine.endpoint.device.snapshot();
      const copy: unknown = structuredClone(snapshot);
      machine.pci.config.setBusMaster(true);
      madden(machine, 7, 300);
      assert.deepEqual(snapshot, copy);
    },
  },
];

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

function memoryOf({ machine }: FoldedMachine): Uint8Array {
  return new Uint8Array(machine.tables.arena.memory);
}
