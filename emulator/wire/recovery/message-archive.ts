import { SequenceSet } from "../damage/sequence-set.ts";
import type { MessageSource } from "./message-source.ts";

/** A whole session in shared memory. Structured-cloneable; every thread makes its own {@link MessageArchive} over it. */
export interface ArchiveTables {
  readonly firstSequence: number;
  /** The messages, one behind the other. */
  readonly bytes: SharedArrayBuffer;
  /** By sequence less the first: where the message begins, as a double, and its length; -1 where there is none. */
  readonly offsets: SharedArrayBuffer;
  readonly byteLengths: SharedArrayBuffer;
  readonly longestByteLength: number;
}

/** Sequences from first to last: a packet that claims one far away is no message of the session, or a table of gigabytes. */
const SPAN_LIMIT = 1 << 26;

/** Rows that are looked through for a sequence that comes again, where they are in no order: copies are close together. */
const SEARCH_ROWS = 4096;

/** The messages of a session that is over, with holes where nobody has seen one. */
export class MessageArchive implements MessageSource {
  readonly bytes: Uint8Array;
  readonly firstSequence: number;
  readonly nextSequence: number;
  readonly #offsets: Float64Array;
  readonly #byteLengths: Int32Array;

  constructor(tables: ArchiveTables) {
    this.bytes = new Uint8Array(tables.bytes);
    this.#offsets = new Float64Array(tables.offsets);
    this.#byteLengths = new Int32Array(tables.byteLengths);
    this.firstSequence = tables.firstSequence;
    this.nextSequence = tables.firstSequence + this.#byteLengths.length;
  }

  holds(sequence: number): boolean {
    return (this.#byteLengths[sequence - this.firstSequence] ?? -1) >= 0;
  }

  offsetOf(sequence: number): number {
    return this.#offsets[sequence - this.firstSequence] as number;
  }

  byteLengthOf(sequence: number): number {
    return this.#byteLengths[sequence - this.firstSequence] as number;
  }
}

/** Collects a session's messages in any order, each once: of what comes again, the first copy counts. */
export class ArchiveBuilder {
  readonly #known = new SequenceSet();
  #bytes = new Uint8Array(1 << 16);
  #byteLength = 0;
  /** Of each message: sequence, offset, length. */
  #rows = new Float64Array(3 << 10);
  #count = 0;
  #longestByteLength = 0;
  #isAscending = true;
  /** Messages that came under a sequence which another one has. */
  conflictCount = 0;

  /** Messages so far, and the bytes that they take. */
  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  add(sequence: number, bytes: Uint8Array, offset: number, byteLength: number): void {
    const { range } = this.#known;
    range[0] = sequence;
    range[1] = sequence + 1;
    this.#longestByteLength = Math.max(this.#longestByteLength, byteLength);
    if (this.#known.add() === 0) {
      if (!this.#isSame(this.#rowOf(sequence), bytes, offset, byteLength)) this.conflictCount++;
      return;
    }
    if (this.#count > 0 && (this.#rows[3 * this.#count - 3] as number) > sequence) this.#isAscending = false;
    if (this.#byteLength + byteLength > this.#bytes.length) {
      const grown = new Uint8Array(2 * (this.#byteLength + byteLength));
      grown.set(this.#bytes.subarray(0, this.#byteLength));
      this.#bytes = grown;
    }
    if (3 * (this.#count + 1) > this.#rows.length) {
      const grown = new Float64Array(2 * this.#rows.length);
      grown.set(this.#rows);
      this.#rows = grown;
    }
    this.#bytes.set(bytes.subarray(offset, offset + byteLength), this.#byteLength);
    this.#rows.set([sequence, this.#byteLength, byteLength], 3 * this.#count++);
    this.#byteLength += byteLength;
  }

  /** Sequences between the first and the last that never came. */
  get missingCount(): number {
    const ranges = this.#known.ranges();
    return (ranges.at(-1)?.[1] ?? 0) - (ranges[0]?.[0] ?? 0) - this.#count;
  }

  /** The row of a sequence; -1 where it is too far back in an archive that was not filled in order. */
  #rowOf(sequence: number): number {
    const rows = this.#rows;
    if (!this.#isAscending) {
      const least = Math.max(0, this.#count - SEARCH_ROWS);
      for (let row = this.#count - 1; row >= least; row--) if (rows[3 * row] === sequence) return row;
      return -1;
    }
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((rows[3 * middle] as number) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isSame(row: number, bytes: Uint8Array, offset: number, byteLength: number): boolean {
    if (row < 0) return true;
    const start = this.#rows[3 * row + 1] as number;
    if (this.#rows[3 * row + 2] !== byteLength) return false;
    for (let index = 0; index < byteLength; index++) {
      if (this.#bytes[start + index] !== bytes[offset + index]) return false;
    }
    return true;
  }

  /** @throws RangeError for a session without messages, and for sequences that are too far apart to be of one session. */
  tables(): ArchiveTables {
    const ranges = this.#known.ranges();
    const firstSequence = ranges[0]?.[0];
    const span = (ranges.at(-1)?.[1] ?? 0) - (firstSequence ?? 0);
    if (firstSequence === undefined) throw new RangeError("the session has no messages to serve");
    if (span > SPAN_LIMIT) throw new RangeError(`the session's sequences span ${span}, more than ${SPAN_LIMIT}`);
    const bytes = new SharedArrayBuffer(Math.max(1, this.#byteLength));
    new Uint8Array(bytes).set(this.#bytes.subarray(0, this.#byteLength));
    const offsets = new Float64Array(new SharedArrayBuffer(8 * span));
    const byteLengths = new Int32Array(new SharedArrayBuffer(4 * span)).fill(-1);
    for (let row = 0; row < this.#count; row++) {
      const [sequence = 0, offset = 0, byteLength = 0] = this.#rows.subarray(3 * row, 3 * row + 3);
      offsets[sequence - firstSequence] = offset;
      byteLengths[sequence - firstSequence] = byteLength;
    }
    const shared = (array: Float64Array | Int32Array): SharedArrayBuffer => array.buffer as SharedArrayBuffer;
    return {
      firstSequence,
      bytes,
      offsets: shared(offsets),
      byteLengths: shared(byteLengths),
      longestByteLength: this.#longestByteLength,
    };
  }
}
