import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import type { Cpu } from "../../../emulator/explore/cpu.ts";
import type { Places } from "../../../emulator/explore/plugged/further-cpu.ts";
import type { Actor } from "../../../emulator/explore/state.ts";
import type { DmaBuffer, Interrupt, PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { explore } from "../../../harness/explore/explore.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { failureOf } from "./failure-of.ts";

const LIVENESS = 0x04;
const INTERRUPT_RAISE = 0x60;
const INTERRUPT_ACKNOWLEDGE = 0x64;
const CAUSE = 0x10;

interface Shared {
  readonly pci: PciFunction;
  readonly memory: DmaBuffer;
  readonly interrupt: Interrupt | undefined;
}

/** One MSI, directed at CPU 1. */
function setup(bed: ExploredBed): Shared {
  const { pci } = bed;
  pci.config.setBusMaster(true);
  const [interrupt] = pci.interrupts("msi", 1);
  if (interrupt !== undefined) bed.direct(interrupt, 1);
  return { pci, memory: pci.dma.alloc(64, { label: "shared" }), interrupt };
}

function handlerWith(barrier: "none" | "wmb") {
  return function* (cpu: Cpu, at: Places, { pci, memory }: Shared): Actor {
    yield cpu.mmioWrite32(at.register(pci, 0, INTERRUPT_ACKNOWLEDGE), CAUSE);
    yield cpu.write32(at.memory(memory, 8), CAUSE);
    if (barrier === "wmb") yield cpu.wmb();
    yield cpu.write32(at.memory(memory, 4), 1);
  };
}

function raiseAndRead(bed: ExploredBed, { memory }: Shared): void {
  bed.pci.bar(0).write32(INTERRUPT_RAISE, CAUSE);
  for (let looks = 0; memory.readAcquire32(4) === 0 && looks < 20; looks++) bed.pci.cpu.relax();
  if (memory.readAcquire32(4) === 1 && memory.read32(8) !== CAUSE) throw new Error("the flag came before the cause");
}

test("a generator handles an interrupt on another CPU while this one goes on", async () => {
  const options = { setup, runs: 500 };
  const failure = await failureOf(
    explore(
      edu(),
      { ...options, races: false, cpus: [{ name: "irq CPU", handler: handlerWith("none") }] },
      raiseAndRead,
    ),
  );
  expect(failure.message).toContain("the flag came before the cause");
  expect(failure.model).toBe("relaxed");
  expect(failure.deviationCount).toBeLessThanOrEqual(2);
  expect(failure.message).toContain("Missing: dmaWmb in irq CPU, handler before the write of shared+0x4.");
  expect(await explore(edu(), { ...options, cpus: [{ handler: handlerWith("wmb") }] }, raiseAndRead)).toEqual({
    runs: 1500,
    unknown: 0,
  });
});

test("holding interrupts back on CPU 0 does not keep CPU 1 from handling its own", async () => {
  const seen = new Set<number>();
  await explore(edu(), { setup, runs: 300, cpus: [{ handler: handlerWith("wmb") }] }, (bed, { memory }) => {
    bed.pci.cpu.irqSave();
    bed.pci.bar(0).write32(INTERRUPT_RAISE, CAUSE);
    bed.pci.bar(0).read32(LIVENESS);
    bed.pci.bar(0).read32(LIVENESS);
    seen.add(memory.readAcquire32(4));
  });
  expect([...seen].sort()).toEqual([0, 1]);
});

/** Takes the spin lock, or does without, and adds one to a register by reading and writing it. */
function* adder(isLocked: boolean, cpu: Cpu, at: Places, { pci, memory }: Shared): Actor {
  if (isLocked) yield cpu.lock(at.memory(memory, 0));
  const before = ~(yield cpu.mmioRead32(at.register(pci, 0, LIVENESS)));
  yield cpu.mmioWrite32(at.register(pci, 0, LIVENESS), before + 1);
  // A posted write may leave after the lock has been given back: the read drives it out.
  if (isLocked) yield cpu.mmioRead32(at.register(pci, 0, LIVENESS));
  if (isLocked) yield cpu.unlock(at.memory(memory, 0));
  yield cpu.write32(at.memory(memory, 12), 1);
}

test("a read-modify-write of a register by two CPUs loses one without a lock, and none with it", async () => {
  const run = (isLocked: boolean) =>
    explore(
      edu(),
      {
        setup: (bed) => {
          const shared = setup(bed);
          bed.pci.bar(0).write32(LIVENESS, 0);
          return shared;
        },
        runs: 300,
        cpus: [{ program: (cpu: Cpu, at: Places, shared: Shared) => adder(isLocked, cpu, at, shared) }],
      },
      (bed, { memory }) => {
        const bar = bed.pci.bar(0);
        if (isLocked) memory.lock(0);
        bar.write32(LIVENESS, ~bar.read32(LIVENESS) + 1);
        if (isLocked) bar.read32(LIVENESS);
        if (isLocked) memory.unlock(0);
        while (memory.readAcquire32(12) === 0) bed.pci.cpu.relax();
        if (~bar.read32(LIVENESS) !== 2) throw new Error("an update was lost");
      },
    );
  const failure = await failureOf(run(false));
  expect(failure.message).toContain("an update was lost");
  expect(failure.model).toBe("sc");
  expect(failure.deviationCount).toBeLessThanOrEqual(2);
  expect(await run(true)).toEqual({ runs: 900, unknown: 0 });
});

test("places that are not there, and CPUs, are refused by name", async () => {
  const over = (go: (at: Places, shared: Shared) => unknown) =>
    explore(
      edu(),
      {
        setup,
        runs: 1,
        cpus: [
          {
            // biome-ignore lint/correctness/useYield: it throws before its first access
            *program(_cpu: Cpu, at: Places, shared: Shared): Actor {
              go(at, shared);
            },
          },
        ],
      },
      () => {},
    );
  await expect(over((at, { memory }) => at.memory(memory, 64))).rejects.toThrow("offset 0x40 of a DMA buffer of 64");
  await expect(over((at, { pci }) => at.register(pci, 0, 0x10_0000))).rejects.toThrow("offset 0x100000 of BAR0 of edu");
  const wrong = explore(
    edu(),
    { setup: (bed) => bed.direct(bed.pci.interrupts("msi", 1)[0] as Interrupt, 3), runs: 1 },
    () => {},
  );
  await expect(wrong).rejects.toThrow("CPU 3: this run has CPU 0 to 0");
});
