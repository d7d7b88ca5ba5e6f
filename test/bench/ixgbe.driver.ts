/** Driver side of the frame-rate figures: the reference driver and the mapped one, sending and receiving. */
import { performance } from "node:perf_hooks";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import { MappedIxgbeDriver } from "../../scenarios/drivers/ixgbe-mapped.ts";
import { PacketBatch } from "../../scenarios/drivers/packet-pool.ts";
import { type HeapFigures, HeapWatch } from "./heap-watch.ts";

export interface FrameJob {
  readonly direction: "transmit" | "receive";
  readonly access: "accessors" | "mapped";
  readonly frameCount: number;
  readonly warmUpCount: number;
  readonly byteLength: number;
  /** See BlastOptions; receive only. */
  readonly quota: SharedArrayBuffer;
  /** Shared word: 1 asks the main thread to look at the device's heap, which it answers with 2 before and 3 after. */
  readonly phase: SharedArrayBuffer;
}

export interface FrameFigures {
  readonly framesPerSecond: number;
  readonly heap: HeapFigures;
}

const BATCH = 32;
/** Nothing arrives for so many polls: the card is stuck, and the benchmark says so instead of hanging. */
const EMPTY_POLL_LIMIT = 200_000_000;

export default async function runFrames([pci]: readonly PciFunction[], argument: unknown): Promise<FrameFigures> {
  if (pci === undefined) throw new Error("no device");
  const job = argument as FrameJob;
  const move = job.access === "mapped" ? mappedMover(pci, job) : accessorMover(pci, job);
  const heap = new HeapWatch();
  move(job.warmUpCount);
  const phase = new Int32Array(job.phase);
  await meet(phase, 1);
  heap.start();
  const start = performance.now();
  move(job.frameCount);
  const seconds = (performance.now() - start) / 1000;
  heap.stop();
  await meet(phase, 3);
  const figures = heap.figures();
  heap.close();
  return { framesPerSecond: job.frameCount / seconds, heap: figures };
}

/** Says that a point was reached and waits until the main thread has done its part there. */
async function meet(phase: Int32Array, point: number): Promise<void> {
  Atomics.store(phase, 0, point);
  Atomics.notify(phase, 0);
  const outcome = Atomics.waitAsync(phase, 0, point, 10_000);
  if (outcome.async) await outcome.value;
}

type Mover = (count: number) => void;

function accessorMover(pci: PciFunction, job: FrameJob): Mover {
  const driver = IxgbeDriver.probe(pci, { promiscuous: true });
  const batch = new PacketBatch(BATCH);
  return job.direction === "transmit" ? transmitter(driver, batch, job) : receiver(driver, batch, job);
}

function transmitter(driver: IxgbeDriver, batch: PacketBatch, job: FrameJob): Mover {
  const { memory, bufferBytes } = driver.pool;
  let number = 0;
  return (count) => {
    let waiting = 0;
    let empty = 0;
    for (let sent = 0; sent < count; ) {
      while (waiting < BATCH) {
        const buffer = driver.pool.take();
        if (buffer < 0) break;
        memory.write32(buffer * bufferBytes, -1);
        memory.write32(buffer * bufferBytes + 4, 0xffff);
        memory.write32(buffer * bufferBytes + 12, 0xb588);
        memory.write32(buffer * bufferBytes + 16, number);
        number = (number + 1) | 0;
        batch.set(waiting++, buffer, job.byteLength);
      }
      const taken = driver.txBatch(0, batch, waiting);
      empty = taken === 0 ? empty + 1 : 0;
      if (empty > EMPTY_POLL_LIMIT) throw new Error("the card does not send any more");
      for (let entry = taken; entry < waiting; entry++)
        batch.set(entry - taken, batch.bufferIndex[entry] as number, job.byteLength);
      waiting -= taken;
      sent += taken;
    }
    for (let entry = 0; entry < waiting; entry++) driver.pool.release(batch.bufferIndex[entry] as number);
  };
}

function receiver(driver: IxgbeDriver, batch: PacketBatch, job: FrameJob): Mover {
  const quota = new Int32Array(job.quota);
  const { memory, bufferBytes } = driver.pool;
  let expected = 0;
  return (count) => {
    Atomics.add(quota, 0, count);
    let empty = 0;
    for (let got = 0; got < count; ) {
      const taken = driver.rxBatch(0, batch);
      if (taken === 0) {
        if (++empty > EMPTY_POLL_LIMIT) throw new Error(`${count - got} frames never arrived`);
        continue;
      }
      empty = 0;
      for (let entry = 0; entry < taken; entry++) {
        const buffer = batch.bufferIndex[entry] as number;
        if ((memory.read32(buffer * bufferBytes + 16) | 0) !== expected)
          throw new Error(`frame ${expected} was lost or overtaken`);
        expected = (expected + 1) | 0;
      }
      driver.release(batch, taken);
      got += taken;
    }
  };
}

/** What raw memory cannot do is said to whoever maps a BAR; each of many rounds need not say it again. */
function quietly<Result>(work: () => Result): Result {
  const { warn } = console;
  console.warn = () => {};
  try {
    return work();
  } finally {
    console.warn = warn;
  }
}

function mappedMover(pci: PciFunction, job: FrameJob): Mover {
  const driver = quietly(() => new MappedIxgbeDriver(pci));
  let number = 0;
  if (job.direction === "transmit") {
    const fill = (words: Int32Array, first: number): void => {
      words[first] = -1;
      words[first + 1] = 0xffff;
      words[first + 3] = 0xb588;
      words[first + 4] = number;
      number = (number + 1) | 0;
    };
    return (count) => {
      let empty = 0;
      for (let sent = 0; sent < count; ) {
        const taken = driver.transmit(Math.min(BATCH, count - sent), job.byteLength, fill);
        empty = taken === 0 ? empty + 1 : 0;
        if (empty > EMPTY_POLL_LIMIT) throw new Error("the card does not send any more");
        sent += taken;
      }
    };
  }
  const quota = new Int32Array(job.quota);
  const use = (words: Int32Array, first: number): void => {
    if (words[first + 4] !== number) throw new Error(`frame ${number} was lost or overtaken`);
    number = (number + 1) | 0;
  };
  return (count) => {
    Atomics.add(quota, 0, count);
    let empty = 0;
    for (let got = 0; got < count; ) {
      const taken = driver.receive(BATCH, use);
      empty = taken === 0 ? empty + 1 : 0;
      if (empty > EMPTY_POLL_LIMIT) throw new Error(`${count - got} frames never arrived`);
      got += taken;
    }
  };
}
