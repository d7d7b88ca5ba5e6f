import type { TraceEdge } from "./trace-event.ts";

/** Of a longer write only the first word is remembered: descriptors and flags are read word by word, frames are copied. */
const WORDWISE_BYTES = 64;
/** Words that are remembered for each device; all are forgotten at once when there are more. */
const WORD_LIMIT = 1 << 18;
/** The writer is a device. */
const DEVICE = -1;

interface Writer {
  seq: number;
  value: number;
  /** The CPU, or {@link DEVICE}. */
  writer: number;
  /** False where only that it was written is known. */
  hasValue: boolean;
}

/** Who has written each word of host memory last, as far as the trace knows. Addresses are those of a device. */
export class MemoryWriters {
  readonly #words: Map<number, Writer>[] = [];

  /** A device writes; of its bytes the first `known` are there. */
  deviceWrites(
    device: number,
    iova: number,
    byteLength: number,
    bytes: Uint8Array,
    offset: number,
    known: number,
    seq: number,
  ): void {
    if (byteLength > WORDWISE_BYTES) {
      this.#note(device, iova, seq, DEVICE, 0, false);
      return;
    }
    for (let done = 0; done + 4 <= known; done += 4)
      this.#note(device, iova + done, seq, DEVICE, wordAt(bytes, offset + done), true);
  }

  cpuWrites(device: number, iova: number, cpu: number, seq: number): void {
    this.#note(device, iova, seq, cpu, 0, false);
  }

  /** The DMA write that a load has seen; undefined when it cannot be said, or a CPU wrote there since. */
  seenByLoad(device: number, iova: number, byteLength: number, value: number): TraceEdge | undefined {
    const found = this.#words[device]?.get(Math.floor(iova / 4));
    if (found === undefined || found.writer !== DEVICE || !found.hasValue) return undefined;
    const shift = 8 * (iova % 4);
    const mask = byteLength >= 4 ? -1 : (1 << (8 * byteLength)) - 1;
    return ((found.value >>> shift) & mask) === (value & mask) ? { from: found.seq, why: "reads" } : undefined;
  }

  /** The DMA write that a copy has taken bytes of. */
  seenByCopy(device: number, iova: number): TraceEdge | undefined {
    const found = this.#words[device]?.get(Math.floor(iova / 4));
    return found?.writer === DEVICE ? { from: found.seq, why: "reads" } : undefined;
  }

  /** The newest store of a CPU among what a device has read. */
  seenByDevice(device: number, iova: number, byteLength: number): TraceEdge | undefined {
    const words = this.#words[device];
    if (words === undefined) return undefined;
    let newest = -1;
    for (let done = 0; done < Math.min(byteLength, 4 * WORDWISE_BYTES); done += 4) {
      const found = words.get(Math.floor((iova + done) / 4));
      if (found !== undefined && found.writer !== DEVICE && found.seq > newest) newest = found.seq;
    }
    return newest < 0 ? undefined : { from: newest, why: "reads" };
  }

  #note(device: number, iova: number, seq: number, writer: number, value: number, hasValue: boolean): void {
    this.#words[device] ??= new Map();
    const words = this.#words[device] as Map<number, Writer>;
    const key = Math.floor(iova / 4);
    const known = words.get(key);
    if (known === undefined) {
      if (words.size === WORD_LIMIT) words.clear();
      words.set(key, { seq, value, writer, hasValue });
      return;
    }
    known.seq = seq;
    known.value = value;
    known.writer = writer;
    known.hasValue = hasValue;
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
