/** Bits 0–7 of a slot's flags: the lines that brought the sequence. */
export const BROUGHT_BY_ANY = 0xff;
/** The sequence was declared lost. */
export const DECLARED_LOST = 0x100;

/**
 * What is remembered of each of the last sequences, one slot each: sequence n is slot n modulo the size. Plain arrays; the
 * arbiter decides what they mean.
 */
export class SequenceWindow {
  readonly size: number;
  /** A bit for each line that brought it, and {@link DECLARED_LOST}. */
  readonly flags: Uint16Array;
  /** When it was brought first; when it was found missing, while nobody has brought it. */
  readonly timeNs: Float64Array;
  /** The line that brought it first. */
  readonly firstLine: Uint8Array;
  /** Messages in the packet that first began here, 0 when none did, and the CRC-32 of that packet. */
  readonly packetMessageCount: Int32Array;
  readonly packetCrc: Int32Array;
  /** Index of the held packet that has it, -1 when it is not held. */
  readonly heldIndex: Int32Array;
  readonly #mask: number;

  /** `size` is a power of two. */
  constructor(size: number) {
    this.size = size;
    this.#mask = size - 1;
    this.flags = new Uint16Array(size);
    this.timeNs = new Float64Array(size);
    this.firstLine = new Uint8Array(size);
    this.packetMessageCount = new Int32Array(size);
    this.packetCrc = new Int32Array(size);
    this.heldIndex = new Int32Array(size).fill(-1);
  }

  /** The slot of sequence `sequences[at]`. ToInt32 takes integers below 2^53 modulo 2^32, so the mask is exact. */
  slotOf(sequences: Float64Array, at: number): number {
    return (sequences[at] as number) & this.#mask;
  }

  /** The slot behind `slot`. */
  after(slot: number): number {
    return (slot + 1) & this.#mask;
  }

  /** Makes a slot ready for the sequence that comes a window later. */
  forget(slot: number): void {
    this.flags[slot] = 0;
    this.packetMessageCount[slot] = 0;
    this.heldIndex[slot] = -1;
  }
}
