/** Two bytes of length, big-endian, that do not count themselves. */
const PREFIX_BYTE_LENGTH = 2;
const LONGEST_BODY = 0xffff;
const NO_BYTES = new Uint8Array(0);

/**
 * Cuts a stream of bytes, which comes in chunks of any size, into the bodies that a two-byte length stands in front of:
 * what SoupBinTCP and Nasdaq's BinaryFILE have in common. A body that lies in one chunk is given in place; one that is
 * split over chunks is put together in a buffer of the framer, made once. Nothing is allocated afterwards.
 *
 * ```ts
 * framer.push(chunk, 0, chunk.length);
 * while (framer.next()) handle(framer.bytes, framer.bodyOffset, framer.bodyByteLength);
 * ```
 */
export class LengthPrefixFramer {
  /** After {@link next}: where the body lies; good until the next call of {@link next} or {@link push}. */
  bytes: Uint8Array = NO_BYTES;
  bodyOffset = 0;
  bodyByteLength = 0;
  readonly #carried = new Uint8Array(PREFIX_BYTE_LENGTH + LONGEST_BODY);
  #carriedByteLength = 0;
  #chunk: Uint8Array = NO_BYTES;
  #at = 0;
  #end = 0;

  /** Bytes of a body, or of its length, that has begun and not ended: more than 0 when the stream stops is a cut. */
  get pendingByteLength(): number {
    return this.#carriedByteLength + this.#end - this.#at;
  }

  /**
   * Gives the next `byteLength` bytes of the stream. They stay the caller's and must not change until {@link next} has
   * returned false.
   * @throws Error when the chunk before has not been read to its end: its rest would be lost.
   */
  push(bytes: Uint8Array, offset: number, byteLength: number): void {
    if (this.#at !== this.#end) {
      throw new Error(
        `${this.#end - this.#at} bytes of the chunk before were not taken. Call next() until it is false before push().`,
      );
    }
    this.#chunk = bytes;
    this.#at = offset;
    this.#end = offset + byteLength;
  }

  /** Moves to the next whole body; false when more of the stream is needed. */
  next(): boolean {
    if (this.#carriedByteLength > 0) return this.#complete();
    const at = this.#at;
    const available = this.#end - at;
    if (available >= PREFIX_BYTE_LENGTH) {
      const byteLength = lengthAt(this.#chunk, at);
      if (available >= PREFIX_BYTE_LENGTH + byteLength) {
        this.#at = at + PREFIX_BYTE_LENGTH + byteLength;
        return this.#give(this.#chunk, at + PREFIX_BYTE_LENGTH, byteLength);
      }
    }
    this.#carry(available);
    return false;
  }

  /** Forgets a body that has begun, and the rest of the chunk: the connection is a new one. */
  reset(): void {
    this.#carriedByteLength = 0;
    this.#at = this.#end;
  }

  /** Goes on with a body that began in a chunk before. */
  #complete(): boolean {
    if (!this.#carryUpTo(PREFIX_BYTE_LENGTH)) return false;
    const byteLength = lengthAt(this.#carried, 0);
    if (!this.#carryUpTo(PREFIX_BYTE_LENGTH + byteLength)) return false;
    this.#carriedByteLength = 0;
    return this.#give(this.#carried, PREFIX_BYTE_LENGTH, byteLength);
  }

  #carryUpTo(byteLength: number): boolean {
    const missing = byteLength - this.#carriedByteLength;
    if (missing > 0) this.#carry(Math.min(missing, this.#end - this.#at));
    return this.#carriedByteLength >= byteLength;
  }

  #carry(byteLength: number): void {
    // Byte by byte: a copy of the engine's would need a view of the chunk, which is an object a chunk.
    for (let index = 0; index < byteLength; index++) {
      this.#carried[this.#carriedByteLength++] = this.#chunk[this.#at++] as number;
    }
  }

  #give(bytes: Uint8Array, offset: number, byteLength: number): true {
    this.bytes = bytes;
    this.bodyOffset = offset;
    this.bodyByteLength = byteLength;
    return true;
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}
