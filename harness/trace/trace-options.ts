import type { TraceFilterOptions } from "./trace-filter.ts";
import type { TraceDetail } from "./trace-header.ts";

/** A frame whole, as far as a record holds it. */
const WHOLE_FRAME_BYTES = 16_384;
const DMA_BYTES = 64;

/** What a trace of a testbed is to hold, and where it goes. */
export interface TraceOptions {
  /** A file that gets the trace as JSON lines while it comes, whole once the testbed is closed. Without it, it is kept in memory. */
  readonly file?: string;
  /** How much of each frame is kept. Default: all of it; 0 for none. */
  readonly frameBytes?: number;
  /** How much of each DMA transfer and of each copy by the driver is kept. Default 64: descriptors, and the begin of frames. */
  readonly dmaBytes?: number;
  /** Which events are kept; all of them without it. They are numbered as if all were. */
  readonly filter?: TraceFilterOptions;
  /** How many events are kept in memory, the first ones; what comes behind is counted as lost. Default 1,000,000. */
  readonly eventLimit?: number;
  /** For people. Default: the devices' names. */
  readonly title?: string;
  /** Shared memory for each thread that is traced, a power of two from 1 MiB on. Default 4 MiB, some 80,000 events. */
  readonly ringBytes?: number;
}

/** @throws RangeError for numbers that make no sense. */
export function detailOf({ frameBytes = WHOLE_FRAME_BYTES, dmaBytes = DMA_BYTES }: TraceOptions): TraceDetail {
  for (const [name, value] of Object.entries({ frameBytes, dmaBytes })) {
    if (Number.isInteger(value) && value >= 0 && value <= WHOLE_FRAME_BYTES) continue;
    throw new RangeError(`trace: ${name} is ${value}; want a whole number from 0 to ${WHOLE_FRAME_BYTES}`);
  }
  return { frameBytes, dmaBytes, memory: true };
}
