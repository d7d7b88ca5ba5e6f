/** Driver side of the ExaNIC's figures: the reference reader, with a card that waits for it and with one that does not. */
import { performance } from "node:perf_hooks";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { ExanicDriver } from "../../scenarios/drivers/exanic.ts";
import { FRAME_LAPPED } from "../../scenarios/drivers/exanic-reader.ts";
import { type HeapFigures, HeapWatch } from "./heap-watch.ts";

export interface ExanicJob {
  readonly frameCount: number;
  readonly warmUpCount: number;
  /**
   * Frames that may be on their way: fewer than the ring holds, and nobody is lapped. Infinity: the card streams as fast
   * as it can, as a real one does.
   */
  readonly window: number;
  /** See BlastOptions. */
  readonly quota: SharedArrayBuffer;
}

export interface ExanicFigures {
  /** Frames read and found whole and in order, a second. */
  readonly framesPerSecond: number;
  readonly readCount: number;
  /** How often the reader noticed that it was lapped, and the frames that this cost. */
  readonly lappedCount: number;
  readonly lostCount: number;
  readonly heap: HeapFigures;
}

/** Nothing arrives for so many polls: the card is stuck, and the benchmark says so instead of hanging. */
const EMPTY_POLL_LIMIT = 200_000_000;
/** Frames between two looks at how far the card may go. */
const FRAMES_PER_RAISE = 256;

export default async function runExanic([pci]: readonly PciFunction[], argument: unknown): Promise<ExanicFigures> {
  if (pci === undefined) throw new Error("no device");
  const job = argument as ExanicJob;
  const driver = ExanicDriver.probe(pci, { promiscuous: true });
  const reading = new Reading(driver, job);
  const heap = new HeapWatch();
  reading.read(job.warmUpCount);
  // The collector tells of its work in the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  const [readBefore, lostBefore, lappedBefore] = [reading.readCount, reading.lostCount, driver.reader.lappedCount];
  heap.start();
  const start = performance.now();
  reading.read(job.frameCount);
  const seconds = (performance.now() - start) / 1000;
  heap.stop();
  await new Promise((resolve) => setImmediate(resolve));
  const heapFigures = heap.figures();
  heap.close();
  const readCount = reading.readCount - readBefore;
  return {
    framesPerSecond: readCount / seconds,
    readCount,
    lappedCount: driver.reader.lappedCount - lappedBefore,
    lostCount: reading.lostCount - lostBefore,
    heap: heapFigures,
  };
}

class Reading {
  readCount = 0;
  lostCount = 0;
  readonly #driver: ExanicDriver;
  readonly #quota: Int32Array;
  readonly #window: number;
  readonly #frame = new Uint8Array(256);
  #expected = 0;

  constructor(driver: ExanicDriver, job: ExanicJob) {
    this.#driver = driver;
    this.#quota = new Int32Array(job.quota);
    this.#window = job.window;
  }

  /** Has `count` frames sent, and reads what can be read of them. */
  read(count: number): void {
    const { reader } = this.#driver;
    const frame = this.#frame;
    const end = this.#expected + count;
    this.#raise(end);
    let empty = 0;
    let untilRaise = FRAMES_PER_RAISE;
    while (this.#expected < end) {
      const length = reader.receive(frame);
      if (length === 0) {
        if (++empty > EMPTY_POLL_LIMIT) throw new Error(`${end - this.#expected} frames never arrived`);
        // Lapped at the very end: what is missing will not come.
        if (empty % 1_000_000 === 0 && this.#allWritten(end)) this.#skipTo(end);
        continue;
      }
      empty = 0;
      if (length === FRAME_LAPPED) continue;
      if (length !== 64) throw new Error(`a frame of ${length} bytes`);
      const number =
        (frame[16] as number) |
        ((frame[17] as number) << 8) |
        ((frame[18] as number) << 16) |
        ((frame[19] as number) << 24);
      if (number !== this.#expected) {
        if (reader.lappedCount === 0 || number < this.#expected)
          throw new Error(`frame ${this.#expected} was lost or overtaken by ${number}`);
        this.#skipTo(number);
      }
      this.#expected++;
      this.readCount++;
      if (--untilRaise > 0) continue;
      untilRaise = FRAMES_PER_RAISE;
      this.#raise(end);
    }
  }

  #raise(end: number): void {
    Atomics.store(this.#quota, 0, Math.min(end, this.#expected + this.#window));
  }

  #skipTo(number: number): void {
    this.lostCount += number - this.#expected;
    this.#expected = number;
  }

  #allWritten(end: number): boolean {
    return this.#driver.writtenCount() === end && !this.#driver.reader.isReady();
  }
}
