import { MemoryView } from "../../emulator/memory/memory-view.ts";
import { DmaRequests, type DmaSink, type RequestTarget } from "./dma-requests.ts";
import { DmaTable } from "./dma-table.ts";
import { DMA_FLAG_READ, DMA_FLAG_WRITE } from "./protocol.ts";
import { SLICE_BYTES } from "./shared-memory.ts";

/** Why an access did not go through: nobody will answer it. */
export type Refusal = "unmapped" | "shrunk";

/** A device asks for no more at once. */
const SCRATCH_BYTES = 1 << 20;

/**
 * The client's memory as the device reaches it: in place where the client handed its memory over, by copies where that
 * may shrink, by messages where there is none. Writes keep their order; a read that went by message is answered when its
 * reply comes, and never waited for: the client may itself wait for a register of ours and serve our reads only then.
 */
export class ClientMemory {
  readonly ranges: DmaTable = new DmaTable();
  /** What goes by messages. */
  readonly requests: DmaRequests;
  readonly #sink: DmaSink;
  /** What was copied, its words standing as they do in the client's memory. */
  readonly #scratch = MemoryView.ofSize(SCRATCH_BYTES + 8);

  constructor(target: RequestTarget, sink: DmaSink) {
    this.requests = new DmaRequests(target, sink);
    this.#sink = sink;
  }

  /** Asks for bytes. A range that was handed over is answered within the call. */
  read(address: number, byteLength: number, tag: number, context: number): Refusal | undefined {
    const range = this.ranges.find(address, byteLength, DMA_FLAG_READ);
    if (range === undefined) return "unmapped";
    const { slices, file } = range;
    if (slices !== undefined) {
      const at = address - range.address;
      this.#sink.onData(tag, context, sliceAt(slices, at), at % SLICE_BYTES, byteLength);
      return undefined;
    }
    if (file !== undefined) {
      const at = address % 4;
      if (!file.read(address - range.address, this.#scratch, at, byteLength)) return "shrunk";
      this.#sink.onData(tag, context, this.#scratch, at, byteLength);
      return undefined;
    }
    this.requests.read(address, byteLength, tag, context);
    return undefined;
  }

  /** Posts bytes, the word at `flagOffset` last if that is not below 0. */
  write(
    address: number,
    from: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): Refusal | undefined {
    const range = this.ranges.find(address, byteLength, DMA_FLAG_WRITE);
    if (range === undefined) return "unmapped";
    const { slices, file } = range;
    const at = address - range.address;
    if (slices !== undefined) store(sliceAt(slices, at), at % SLICE_BYTES, from, offset, byteLength, flagOffset);
    else if (file === undefined) this.requests.write(address, from, offset, byteLength, flagOffset);
    else if (!file.write(at, from, offset, byteLength, flagOffset)) return "shrunk";
    return undefined;
  }

  /** Whether a read is answered within the call: of a range that was handed over. */
  isAtHand(address: number, byteLength: number): boolean {
    const range = this.ranges.find(address, byteLength, DMA_FLAG_READ);
    return range?.slices !== undefined || range?.file !== undefined;
  }
}

/** The view that holds an access which begins there. */
function sliceAt(slices: readonly MemoryView[], at: number): MemoryView {
  return slices[Math.floor(at / SLICE_BYTES)] as MemoryView;
}

/** Stores into the client's own memory, the flag's word last and atomically. */
function store(
  to: MemoryView,
  toOffset: number,
  from: MemoryView,
  offset: number,
  byteLength: number,
  flagOffset: number,
): void {
  if (flagOffset < 0) {
    to.bytes.set(from.bytes.subarray(offset, offset + byteLength), toOffset);
    return;
  }
  const behind = flagOffset + 4;
  to.bytes.set(from.bytes.subarray(offset, offset + flagOffset), toOffset);
  to.bytes.set(from.bytes.subarray(offset + behind, offset + byteLength), toOffset + behind);
  Atomics.store(to.words, (toOffset + flagOffset) >> 2, from.words[(offset + flagOffset) >> 2] as number);
}
