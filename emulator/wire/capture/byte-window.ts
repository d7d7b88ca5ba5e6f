/**
 * The part of a file that a push parser works on: bytes that have arrived and were not consumed. Chunks of any size go
 * in at the end, parsed bytes leave at the start; file offsets are kept for messages.
 */
export class ByteWindow {
  /** The buffer; the window is its range `start` to `end`. Replaced when it must grow, so do not keep it. */
  bytes: Uint8Array = new Uint8Array(0);
  /** A view of the same buffer, for the parser's multi-byte reads. */
  view: DataView = new DataView(this.bytes.buffer);
  start = 0;
  end = 0;
  #fileOffsetOfBufferStart = 0;

  get byteLength(): number {
    return this.end - this.start;
  }

  /** Where in the file the window starts. */
  get fileOffset(): number {
    return this.#fileOffsetOfBufferStart + this.start;
  }

  /** Bytes of memory held. At most twice the largest unconsumed rest plus the largest chunk so far. */
  get capacityByteLength(): number {
    return this.bytes.length;
  }

  /** Copies `chunk` to the end of the window. The chunk stays the caller's. */
  append(chunk: Uint8Array): void {
    if (this.end + chunk.length > this.bytes.length) this.#makeRoom(chunk.length);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Drops bytes at the start. The caller has seen that they are there. */
  consume(byteLength: number): void {
    this.start += byteLength;
  }

  #makeRoom(byteLength: number): void {
    const kept = this.byteLength;
    const needed = kept + byteLength;
    this.#fileOffsetOfBufferStart += this.start;
    if (needed > this.bytes.length) {
      // Growing by half at least keeps the copying linear when a long record arrives in small chunks.
      const grown = new Uint8Array(
        Math.max(needed, Math.min(2 * needed, this.bytes.length + (this.bytes.length >> 1))),
      );
      grown.set(this.bytes.subarray(this.start, this.end));
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    } else {
      this.bytes.copyWithin(0, this.start, this.end);
    }
    this.start = 0;
    this.end = kept;
  }
}
