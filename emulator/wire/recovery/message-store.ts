import type { MessageSource } from "./message-source.ts";

/**
 * The messages of a session as a server keeps them: numbered from `firstSequence`, the oldest forgotten when there are
 * more than `messageLimit`, or more bytes than `byteLimit`. All memory is taken at once.
 */
export class MessageStore implements MessageSource {
  readonly bytes: Uint8Array;
  readonly #offsets: Float64Array;
  readonly #byteLengths: Int32Array;
  // Sequence of the oldest message kept [0], and of the next one to come [1].
  readonly #sequences = new Float64Array(2);
  #head = 0;

  /** @throws RangeError for limits below 1. */
  constructor(messageLimit: number, byteLimit: number, firstSequence = 1) {
    if (!(Number.isInteger(messageLimit) && messageLimit > 0 && Number.isInteger(byteLimit) && byteLimit > 0)) {
      throw new RangeError(`a store of ${messageLimit} messages and ${byteLimit} bytes; want at least one of each`);
    }
    this.bytes = new Uint8Array(byteLimit);
    this.#offsets = new Float64Array(messageLimit);
    this.#byteLengths = new Int32Array(messageLimit);
    this.#sequences.fill(firstSequence);
  }

  /** The oldest message that is kept; `nextSequence` when there is none. */
  get firstSequence(): number {
    return this.#sequences[0] as number;
  }

  /** The sequence that the next message gets. */
  get nextSequence(): number {
    return this.#sequences[1] as number;
  }

  /** Keeps a copy of the message that comes next. @throws RangeError when it alone is longer than the memory. */
  add(bytes: Uint8Array, offset: number, byteLength: number): void {
    const size = this.bytes.length;
    // An empty message takes a byte too: otherwise it would share its place with the one behind it.
    const taken = Math.max(byteLength, 1);
    if (byteLength > size) throw new RangeError(`a message of ${byteLength} bytes; the store has ${size} for all`);
    // A message lies in one piece: at the end of the memory it begins again at its start.
    const start = this.#head + taken > size ? 0 : this.#head;
    this.#makeRoom(start, taken);
    const slot = this.#slotOf(this.#sequences[1] as number);
    this.#offsets[slot] = start;
    this.#byteLengths[slot] = byteLength;
    for (let at = 0; at < byteLength; at++) this.bytes[start + at] = bytes[offset + at] as number;
    this.#head = start + taken;
    this.#sequences[1] = (this.#sequences[1] as number) + 1;
  }

  holds(sequence: number): boolean {
    return sequence >= (this.#sequences[0] as number) && sequence < (this.#sequences[1] as number);
  }

  /** Where in {@link bytes} message `sequence` lies; it must be one that is kept. */
  offsetOf(sequence: number): number {
    return this.#offsets[this.#slotOf(sequence)] as number;
  }

  byteLengthOf(sequence: number): number {
    return this.#byteLengths[this.#slotOf(sequence)] as number;
  }

  /** Forgets the oldest messages until there is a slot, and until none lies in the bytes that are wanted or was skipped. */
  #makeRoom(start: number, byteLength: number): void {
    const sequences = this.#sequences;
    const end = start + byteLength;
    const wraps = start < this.#head;
    while ((sequences[0] as number) < (sequences[1] as number)) {
      const slot = this.#slotOf(sequences[0] as number);
      const oldest = this.#offsets[slot] as number;
      const oldestEnd = oldest + Math.max(this.#byteLengths[slot] as number, 1);
      const isFull = (sequences[1] as number) - (sequences[0] as number) === this.#offsets.length;
      const isOverwritten = oldest < end && oldestEnd > start;
      // What lies between the head and the end of the memory is older than what lies at its start.
      const isSkipped = wraps && oldest >= this.#head;
      if (!isFull && !isOverwritten && !isSkipped) return;
      sequences[0] = (sequences[0] as number) + 1;
    }
  }

  #slotOf(sequence: number): number {
    return sequence % this.#offsets.length;
  }
}
