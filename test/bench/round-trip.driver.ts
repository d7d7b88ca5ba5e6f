/** Driver side of the round-trip figures: runs on a CPU of its own, measures in batches, answers with nanoseconds. */
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { COMPLETION_HIGH, COMPLETION_LOW, DOORBELL } from "./echo-device.ts";
import { median } from "./figures.ts";

const ROUNDS = 20_000;
const BATCHES = 25;

/** Nanoseconds per round, medians over batches that take turns, so that a change of the machine's speed hits all alike. */
export interface RoundTripFigures {
  readonly pingPongNs: number;
  readonly doorbellNs: number;
  readonly readNs: number;
}

export default async function roundTrip([pci]: readonly PciFunction[]): Promise<RoundTripFigures> {
  if (pci === undefined) throw new Error("no device");
  const shared = new SharedArrayBuffer(256);
  const pingPong = new Worker(new URL("./ping-pong.worker.ts", import.meta.url), { workerData: shared });
  await new Promise((resolve) => pingPong.once("online", resolve));
  const words = new Int32Array(shared);
  pci.config.setBusMaster(true);
  const completion = pci.dma.alloc(64, { label: "completion" });
  const bar = pci.bar(0);
  bar.write32(COMPLETION_LOW, completion.iovaLow);
  bar.write32(COMPLETION_HIGH, completion.iovaHigh);

  const samples = { pingPong: [] as number[], doorbell: [] as number[], read: [] as number[] };
  let ping = 0;
  let rung = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    await setTimeoutMs(300 / BATCHES);
    samples.pingPong.push(
      timed(() => {
        for (let round = 0; round < ROUNDS; round++) {
          Atomics.store(words, 0, ++ping);
          while (Atomics.load(words, 16) !== ping) {
            // Both sides spin: this is the floor.
          }
        }
      }),
    );
    if (batch === BATCHES - 1) break;
  }
  Atomics.store(words, 32, 1);
  await pingPong.terminate();
  for (let batch = 0; batch < BATCHES; batch++) {
    samples.doorbell.push(
      timed(() => {
        for (let round = 0; round < ROUNDS; round++) {
          bar.write32(DOORBELL, ++rung);
          while (completion.readAcquire32(0) !== rung) {
            // Bounded by the batch: the device answers or its death is seen at the next access.
          }
        }
      }),
    );
    samples.read.push(
      timed(() => {
        for (let round = 0; round < ROUNDS; round++) bar.read32(DOORBELL);
      }),
    );
  }
  completion.free();
  return { pingPongNs: median(samples.pingPong), doorbellNs: median(samples.doorbell), readNs: median(samples.read) };
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return ((performance.now() - start) * 1e6) / ROUNDS;
}

function setTimeoutMs(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
