/** Drivers with one data race each, and their twins without. */
import { edu } from "../../../devices/edu/index.ts";
import type { Cpu } from "../../../emulator/explore/cpu.ts";
import type { MemoryModel } from "../../../emulator/explore/kinds.ts";
import type { Places } from "../../../emulator/explore/plugged/further-cpu.ts";
import type { Actor } from "../../../emulator/explore/state.ts";
import type { DeviceSpec } from "../../../emulator/pcie/device-model.ts";
import type { DmaBuffer, PciFunction } from "../../../emulator/pcie/driver-view.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { UnfencedReader } from "../../../scenarios/drivers/exanic-old-readers.ts";
import { ExanicReader } from "../../../scenarios/drivers/exanic-reader.ts";
import { lappedExploration } from "../../../scenarios/explorations/exanic-ring-of-four.ts";

const INTERRUPT_ACKNOWLEDGE = 0x64;
const INTERRUPT_STATUS = 0x24;
const INTERRUPT_RAISE = 0x60;
const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const CARD_BUFFER = 0x40000;
const START = 1;
const TO_HOST = 2;
const COPY_BYTES = 16;
const DATA = 0;
const FLAG = 64;
const LOCK = 128;

/** What a set-up leaves. */
export interface Held {
  readonly pci: PciFunction;
  readonly memory: DmaBuffer;
}

export interface RacyDriver {
  readonly name: string;
  /** Where it is a mistake. In every one of these models the ordinary order shows it. */
  readonly models: readonly MemoryModel[];
  /** In the words of the finding: the two accesses. */
  readonly between: readonly [RegExp, RegExp];
  /** The barrier that is said to be missing; none where no barrier cures it. */
  readonly missing?: string;
  readonly device?: DeviceSpec;
  readonly setup?: (bed: ExploredBed, isWrong: boolean) => unknown;
  readonly body: (bed: ExploredBed, held: Held, isWrong: boolean) => void;
  /** What CPU 1 does meanwhile. */
  readonly other?: (cpu: Cpu, at: (offset: number) => number, isWrong: boolean) => Actor;
}

const ALL: readonly MemoryModel[] = ["sc", "tso", "relaxed"];
const RELAXED: readonly MemoryModel[] = ["relaxed"];

function setUp({ pci }: ExploredBed): Held {
  pci.config.setBusMaster(true);
  return { pci, memory: pci.dma.alloc(4096, { label: "shared" }) };
}

function startCopy({ pci, memory }: Held, command: number): void {
  const bar = pci.bar(0);
  const toHost = (command & TO_HOST) !== 0;
  bar.write64(DMA_SOURCE, BigInt(toHost ? CARD_BUFFER : memory.iova));
  bar.write64(DMA_DESTINATION, BigInt(toHost ? memory.iova : CARD_BUFFER));
  bar.write64(DMA_COUNT, BigInt(COPY_BYTES));
  bar.write32(DMA_COMMAND, command);
}

function waitForCopy({ pci }: Held): void {
  while ((pci.bar(0).read32(DMA_COMMAND) & START) !== 0) pci.cpu.relax();
}

function pollFlag({ pci, memory }: Held): void {
  while (memory.readAcquire32(FLAG) === 0) pci.cpu.relax();
}

export const RACY_DRIVERS: readonly RacyDriver[] = [
  {
    name: "a flag between CPUs is set without a write barrier before it",
    models: RELAXED,
    missing: "dmaWmb in CPU 1 before the write of shared+0x40.",
    between: [/write of CPU 1/, /read of driver/],
    body: (_bed, held) => {
      pollFlag(held);
      held.memory.read32(DATA);
    },
    *other(cpu, at, isWrong) {
      yield cpu.write32(at(DATA), 7);
      if (!isWrong) yield cpu.wmb();
      yield cpu.write32(at(FLAG), 1);
    },
  },
  {
    name: "a flag between CPUs is looked at without a read barrier behind it",
    models: RELAXED,
    missing: "dmaRmb before the read at ",
    between: [/write of CPU 1/, /read of driver/],
    body: (_bed, { pci, memory }, isWrong) => {
      while (memory.read32(FLAG) === 0) pci.cpu.relax();
      if (!isWrong) pci.cpu.rmb();
      memory.read32(DATA);
    },
    *other(cpu, at) {
      yield cpu.write32(at(DATA), 7);
      yield cpu.writeRelease32(at(FLAG), 1);
    },
  },
  {
    name: "two CPUs put entries into one ring without its lock",
    models: ALL,
    between: [/write of (driver|CPU 1)/, /write of (driver|CPU 1)/],
    body: (_bed, { memory }, isWrong) => {
      if (!isWrong) memory.lock(LOCK);
      const tail = memory.read32(FLAG);
      memory.write32(DATA + 4 * tail, 1);
      memory.write32(FLAG, tail + 1);
      if (!isWrong) memory.unlock(LOCK);
    },
    *other(cpu, at, isWrong) {
      if (!isWrong) yield cpu.lock(at(LOCK));
      yield cpu.write32(at(DATA), 2);
      yield cpu.write32(at(FLAG), 1);
      if (!isWrong) yield cpu.unlock(at(LOCK));
    },
  },
  {
    name: "a task and its handler count in one word, and the task does not hold the handler off",
    models: ALL,
    between: [/write of (driver|handler)/, /write of (driver|handler)/],
    setup: (bed) => {
      const held = setUp(bed);
      const [interrupt] = held.pci.interrupts("msi", 1);
      const bar = held.pci.bar(0);
      interrupt?.handle(() => {
        bar.write32(INTERRUPT_ACKNOWLEDGE, bar.read32(INTERRUPT_STATUS));
        held.memory.write32(DATA, held.memory.read32(DATA) + 1);
      });
      return held;
    },
    body: (bed, { pci, memory }, isWrong) => {
      pci.bar(0).write32(INTERRUPT_RAISE, 1);
      const wereHeld = isWrong ? false : pci.cpu.irqSave();
      memory.write32(DATA, memory.read32(DATA) + 1);
      if (!isWrong) pci.cpu.irqRestore(wereHeld);
      bed.quiesce();
    },
  },
  {
    name: "what the card is to copy is written after the doorbell",
    models: ALL,
    between: [/DMA read of edu|write of driver/, /DMA read of edu|write of driver/],
    body: (_bed, held, isWrong) => {
      if (!isWrong) held.memory.write32(DATA, 7);
      startCopy(held, START);
      if (isWrong) held.memory.write32(DATA, 7);
      waitForCopy(held);
    },
  },
  {
    name: "a buffer is filled again while the card still copies from it",
    models: ALL,
    between: [/DMA read of edu|write of driver/, /DMA read of edu|write of driver/],
    body: (_bed, held, isWrong) => {
      held.memory.write32(DATA, 7);
      startCopy(held, START);
      if (!isWrong) waitForCopy(held);
      held.memory.write32(DATA, 8);
      if (isWrong) waitForCopy(held);
    },
  },
  {
    name: "what the card copies is read before the card says that it is there",
    models: ALL,
    between: [/read of driver|DMA write of edu/, /read of driver|DMA write of edu/],
    body: (_bed, held, isWrong) => {
      startCopy(held, START | TO_HOST);
      if (!isWrong) waitForCopy(held);
      held.memory.read32(DATA);
      held.memory.read32(DATA + 8);
      if (isWrong) waitForCopy(held);
    },
  },
  {
    name: "relaxed writes set a copy off without a wmb before them",
    models: RELAXED,
    missing: "wmb before the MMIO write (relaxed) at ",
    between: [/write of driver/, /DMA read of edu/],
    body: (_bed, held, isWrong) => {
      const { pci, memory } = held;
      const bar = pci.bar(0);
      bar.write64(DMA_SOURCE, BigInt(memory.iova));
      bar.write64(DMA_DESTINATION, BigInt(CARD_BUFFER));
      bar.write64(DMA_COUNT, BigInt(COPY_BYTES));
      memory.write32(DATA, 7);
      if (!isWrong) pci.cpu.wmb();
      bar.writeRelaxed32(DMA_COMMAND, START);
      waitForCopy(held);
    },
  },
  {
    name: "a dmaWmb stands before a relaxed doorbell, which does not wait for it",
    models: RELAXED,
    missing: "wmb before the MMIO write (relaxed) at ",
    between: [/write of driver/, /DMA read of edu/],
    body: (_bed, held, isWrong) => {
      const { pci, memory } = held;
      const bar = pci.bar(0);
      bar.write64(DMA_SOURCE, BigInt(memory.iova));
      bar.write64(DMA_DESTINATION, BigInt(CARD_BUFFER));
      bar.write64(DMA_COUNT, BigInt(COPY_BYTES));
      memory.write32(DATA, 7);
      pci.cpu.dmaWmb();
      if (isWrong) bar.writeRelaxed32(DMA_COMMAND, START);
      else bar.write32(DMA_COMMAND, START);
      waitForCopy(held);
    },
  },
  {
    name: "the reader of a sequence lock looks back without a read barrier",
    models: RELAXED,
    missing: "dmaRmb before the read at ",
    between: [/read of driver/, /read of driver/],
    body: (_bed, { pci, memory }, isWrong) => {
      const { cpu } = pci;
      memory.readAcquire32(FLAG);
      cpu.beginRacy("torn values are thrown away after the look back");
      memory.read32(DATA);
      memory.read32(DATA + 4);
      cpu.endRacy(true);
      if (!isWrong) cpu.rmb();
      memory.read32(FLAG);
    },
    *other(cpu, at) {
      for (const sequence of [1, 2]) {
        yield cpu.writeRelease32(at(FLAG), sequence);
        yield cpu.wmb();
        if (sequence === 1) yield cpu.write32(at(DATA), 7);
        if (sequence === 1) yield cpu.write32(at(DATA + 4), 7);
      }
    },
  },
  {
    name: "the reader of a ring that laps it looks back without a read barrier",
    models: RELAXED,
    between: [/read of driver/, /read of driver/],
    device: lappedExploration(ExanicReader).devices[0] as DeviceSpec,
    setup: (bed, isWrong) => lappedExploration(isWrong ? UnfencedReader : ExanicReader).setup(bed),
    body: (bed, held) => {
      lappedExploration(ExanicReader).body(bed, held as never);
    },
  },
];

export function deviceOf({ device = edu() }: RacyDriver): DeviceSpec {
  return device;
}

export function setupOf({ setup = setUp }: RacyDriver, isWrong: boolean): (bed: ExploredBed) => Held {
  return (bed) => setup(bed, isWrong) as Held;
}

/** CPU 1 as `explore` wants it; none where the driver is alone. */
export function othersOf(
  { other }: RacyDriver,
  isWrong: boolean,
): readonly {
  readonly program: (cpu: Cpu, places: Places, held: Held) => Actor;
}[] {
  if (other === undefined) return [];
  return [{ program: (cpu, places, { memory }) => other(cpu, (offset) => places.memory(memory, offset), isWrong) }];
}
