/** Above this, a copy by the engine's own memmove pays for the sub-array that it needs (garbage for every frame). */
const SMALL_COPY_BYTES = 4096;

/**
 * Copies frames out of the buffers of records, which lie at any alignment: four bytes at a time through views, of which
 * that of the source is kept as long as records lie in the same buffer.
 */
export class FrameCopy {
  #from: Uint8Array = new Uint8Array(0);
  #fromView = new DataView(this.#from.buffer);

  /** Copies `byteLength` bytes; `toView` is a view of all of `to`. The ranges do not overlap. */
  copy(
    from: Uint8Array,
    fromOffset: number,
    to: Uint8Array,
    toView: DataView,
    toOffset: number,
    byteLength: number,
  ): void {
    if (byteLength > SMALL_COPY_BYTES) {
      to.set(from.subarray(fromOffset, fromOffset + byteLength), toOffset);
      return;
    }
    if (from !== this.#from) {
      this.#from = from;
      this.#fromView = new DataView(from.buffer, from.byteOffset, from.byteLength);
    }
    const fromView = this.#fromView;
    let done = 0;
    for (; done + 4 <= byteLength; done += 4) {
      toView.setInt32(toOffset + done, fromView.getInt32(fromOffset + done, true), true);
    }
    for (; done < byteLength; done++) to[toOffset + done] = from[fromOffset + done] as number;
  }
}
