/** Driver side of the round-trip figures: runs on a CPU of its own, measures in batches, answers with nanoseconds. */
import { performance } from "node:perf_hooks";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { COMPLETION_HIGH, COMPLETION_LOW, DOORBELL } from "./echo-device.ts";
import { median } from "./figures.ts";
import { pingPong } from "./ping-pong.ts";

const ROUNDS = 20_000;
const BATCHES = 25;

/** Nanoseconds a round, medians over batches that take turns: a change of the machine's speed hits all alike. */
export interface RoundTripFigures {
  readonly pingPongNs: number;
  readonly doorbellNs: number;
  readonly readNs: number;
  /** Medians of the ratios to the floor that was measured right before. */
  readonly doorbellRatio: number;
  readonly readRatio: number;
}

export default function roundTrip([pci]: readonly PciFunction[], shared: unknown): RoundTripFigures {
  if (pci === undefined) throw new Error("no device");
  const words = new Int32Array(shared as SharedArrayBuffer);
  pci.config.setBusMaster(true);
  const completion = pci.dma.alloc(64, { label: "completion" });
  const bar = pci.bar(0);
  bar.write32(COMPLETION_LOW, completion.iovaLow);
  bar.write32(COMPLETION_HIGH, completion.iovaHigh);

  const floors: number[] = [];
  const doorbells: number[] = [];
  const reads: number[] = [];
  let rung = 0;
  // The first batches warm up and are not counted.
  for (let batch = -3; batch < BATCHES; batch++) {
    const floor = timed(() => pingPong(words, ROUNDS));
    const doorbell = timed(() => {
      for (let round = 0; round < ROUNDS; round++) {
        bar.write32(DOORBELL, ++rung);
        while (completion.readAcquire32(0) !== rung) {
          // Bounded by the batch: the device answers or its death is seen at the next access.
        }
      }
    });
    const read = timed(() => {
      for (let round = 0; round < ROUNDS; round++) bar.read32(DOORBELL);
    });
    if (batch < 0) continue;
    floors.push(floor);
    doorbells.push(doorbell);
    reads.push(read);
  }
  completion.free();
  return {
    pingPongNs: median(floors),
    doorbellNs: median(doorbells),
    readNs: median(reads),
    doorbellRatio: median(doorbells.map((ns, index) => ns / (floors[index] as number))),
    readRatio: median(reads.map((ns, index) => ns / (floors[index] as number))),
  };
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return ((performance.now() - start) * 1e6) / ROUNDS;
}
