import { iovaName } from "../memory/iommu.ts";

/** Stores are noted in pieces of 16 bytes: no descriptor is smaller. */
const PIECE_SHIFT = 4;
/** Larger buffers are no rings; what was stored in them is not noted. */
const NOTED_BYTES_MAX: number = 1 << 20;

/** A DMA buffer of the driver as the sanitizers know it. */
export class Allocation {
  readonly iova: number;
  readonly byteLength: number;
  readonly label: string;
  /** The driver has its raw memory: what goes through that is seen by nobody, so nothing is said of this buffer. */
  isRaw: boolean;
  /** A bit by piece: stored to since it was handed over last. Empty where nothing is noted. */
  readonly #stored: Int32Array;

  constructor(iova: number, byteLength: number, label: string, isRaw: boolean) {
    this.iova = iova;
    this.byteLength = byteLength;
    this.label = label === "" ? "buffer" : label;
    this.isRaw = isRaw;
    const pieceCount = byteLength > NOTED_BYTES_MAX ? 0 : (byteLength >> PIECE_SHIFT) + 1;
    this.#stored = new Int32Array((pieceCount + 31) >> 5);
  }

  get end(): number {
    return this.iova + this.byteLength;
  }

  noteStore(offset: number, byteLength: number): void {
    const last = (offset + byteLength - 1) >> PIECE_SHIFT;
    for (let piece = offset >> PIECE_SHIFT; piece <= last; piece++) this.#note(piece, 1);
  }

  /** Whether any of the bytes at an IOVA was stored to since they were last handed over, or may have been: it was not noted. */
  wasStored(iova: number, byteLength: number): boolean {
    const stored = this.#stored;
    if (stored.length === 0) return true;
    const last = (iova - this.iova + byteLength - 1) >> PIECE_SHIFT;
    for (let piece = (iova - this.iova) >> PIECE_SHIFT; piece <= last; piece++)
      if ((((stored[piece >> 5] as number) >>> (piece & 31)) & 1) !== 0) return true;
    return false;
  }

  /** Whether each of some descriptors certainly was: a whole ring that was written anew is meant to be handed over. */
  isEachStored(iova: number, descriptorBytes: number, count: number): boolean {
    if (this.#stored.length === 0) return false;
    for (let slot = 0; slot < count; slot++)
      if (!this.wasStored(iova + slot * descriptorBytes, descriptorBytes)) return false;
    return true;
  }

  noteHandedOver(iova: number, byteLength: number): void {
    const last = (iova - this.iova + byteLength - 1) >> PIECE_SHIFT;
    for (let piece = (iova - this.iova) >> PIECE_SHIFT; piece <= last; piece++) this.#note(piece, 0);
  }

  /** "tx ring 0+0x30 (IOVA 0x1_0000_0030)". */
  nameAt(iova: number): string {
    return `${this.label}+0x${(iova - this.iova).toString(16)} (IOVA ${iovaName(iova)})`;
  }

  save(): unknown {
    return { isRaw: this.isRaw, stored: this.#stored.slice() };
  }

  restore(state: unknown): void {
    const { isRaw, stored } = state as { isRaw: boolean; stored: Int32Array };
    this.isRaw = isRaw;
    this.#stored.set(stored);
  }

  #note(piece: number, isStored: number): void {
    const at = piece >> 5;
    // In the empty array of a buffer that is too large, an assignment does nothing.
    this.#stored[at] = ((this.#stored[at] ?? 0) & ~(1 << (piece & 31))) | (isStored << (piece & 31));
  }
}
