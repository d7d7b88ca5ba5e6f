const INITIAL_BYTE_LENGTH = 64 * 1024;

/** A file that is written into memory: a buffer that grows by doubling, and a place in it. */
export class FileBytes {
  /** The buffer, and a view of it. Both are replaced when it grows, so do not keep them over {@link reserve}. */
  buffer: Uint8Array = new Uint8Array(INITIAL_BYTE_LENGTH);
  view: DataView = new DataView(this.buffer.buffer);
  /** Bytes written. */
  byteLength = 0;

  /** What was written, not copied: good until the next `reserve`. */
  get written(): Uint8Array {
    return this.buffer.subarray(0, this.byteLength);
  }

  /** Makes room for so many bytes more, which the caller fills; returns where they begin. They may hold anything. */
  reserve(byteLength: number): number {
    const at = this.byteLength;
    const end = at + byteLength;
    if (end > this.buffer.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.buffer.length));
      grown.set(this.written);
      this.buffer = grown;
      this.view = new DataView(grown.buffer);
    }
    this.byteLength = end;
    return at;
  }

  /** Gives what was written as bytes of its own, and begins anew with the same buffer. */
  drain(): Uint8Array {
    const drained = this.written.slice();
    this.byteLength = 0;
    return drained;
  }
}
