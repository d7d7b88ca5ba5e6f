import { exanic } from "../../devices/exanic/index.ts";
import type { ExplorationModule } from "../../harness/explore/exploration.ts";
import { ExanicDriver, type ExanicDriverOptions } from "../drivers/exanic.ts";

const CHUNK_COUNT = 4;
/** A lap of the ring and one: the first chunk is overwritten. */
const FRAME_COUNT = CHUNK_COUNT + 1;
const FRAME_BYTES = 60;
/** Reads that a run makes at most: enough for all frames. */
const READ_COUNT = 8;

export interface LappedSetUp {
  readonly driver: ExanicDriver;
  readonly target: Uint8Array;
}

/** Frames that say which one they are in every byte behind the header: no mixture of two looks like one. */
function frameOf(number: number): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES).fill(number, 14);
  frame.fill(0xff, 0, 6);
  return frame;
}

/** A driver with that reader, and more frames than its ring holds: those that it passes for good must be whole, and in order. */
export function lappedExploration(reader: ExanicDriverOptions["reader"]): ExplorationModule<LappedSetUp> {
  return {
    devices: [exanic({ chunkCount: CHUNK_COUNT, startupNs: 0, linkUpNs: 0 })],
    setup: (bed) => {
      const driver = ExanicDriver.probe(bed.pci, { chunkCount: CHUNK_COUNT, ...(reader ? { reader } : {}) });
      return { driver, target: new Uint8Array(256) };
    },
    body(bed, { driver, target }) {
      for (let number = 1; number <= FRAME_COUNT; number++) bed.wire.send(frameOf(number));
      let last = 0;
      for (let read = 0; read < READ_COUNT && last < FRAME_COUNT; read++) {
        const length = driver.reader.receive(target);
        if (length === 0) bed.pci.cpu.relax();
        // Lapped: frames are lost, and the driver says so. That is all that it can do.
        if (length <= 0) continue;
        const number = target[14] as number;
        const isWhole = length === FRAME_BYTES + 4 && target.subarray(14, FRAME_BYTES).every((byte) => byte === number);
        if (!isWhole) throw new Error("a frame passed for good is a mixture of two");
        if (number <= last) throw new Error(`frame ${number} came behind frame ${last}`);
        if (number > last + 1 && driver.reader.lappedCount === 0)
          throw new Error("frames are missing, and nobody was told");
        last = number;
      }
    },
  };
}
