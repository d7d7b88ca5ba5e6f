import type { DmaBuffer } from "../../../emulator/pcie/driver-view.ts";

/** The buffers whose raw memory a driver has taken, one behind the other in that order: what it reads there nobody sees. */
export class RawMemory {
  /** Whole words in all of them. */
  wordCount = 0;
  readonly #views = new Map<DmaBuffer, DataView>();

  /** Takes a buffer in, if it is not in already. */
  take(buffer: DmaBuffer): void {
    if (this.#views.has(buffer)) return;
    const { bytes } = buffer;
    this.#views.set(buffer, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength & ~3));
    this.#count();
  }

  /** Nobody writes into a buffer that is freed. */
  giveBack(buffer: DmaBuffer): void {
    this.#views.delete(buffer);
    this.#count();
  }

  /** The word at a byte of all of them; undefined behind their end. */
  read(at: number): number | undefined {
    const place = this.#placeOf(at);
    return place?.view.getUint32(place.offset, true);
  }

  write(at: number, word: number): void {
    const place = this.#placeOf(at);
    place?.view.setUint32(place.offset, word, true);
  }

  #placeOf(at: number): { readonly view: DataView; readonly offset: number } | undefined {
    let offset = at & ~3;
    for (const view of this.#views.values()) {
      if (offset < view.byteLength) return { view, offset };
      offset -= view.byteLength;
    }
    return undefined;
  }

  #count(): void {
    this.wordCount = 0;
    for (const view of this.#views.values()) this.wordCount += view.byteLength >> 2;
  }
}
