/** Reads the little-endian and variable-length numbers of WebAssembly binaries and DWARF, from `at` on. Throws RangeError at the end. */
export class ByteCursor {
  at: number;
  readonly end: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at: number = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  byte(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  signedByte(): number {
    return this.#view.getInt8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** LEB128; exact below 2^53. */
  unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  signed(): number {
    let value = 0;
    for (let scale = 1; ; ) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return (byte & 0x40) === 0 ? value : value - scale;
    }
  }

  /** UTF-8 of a given length. */
  text(byteLength: number): string {
    const from = this.#advance(byteLength);
    return new TextDecoder().decode(this.#bytes.subarray(from, from + byteLength));
  }

  /** UTF-8 up to a zero, which is read too. */
  zeroTerminated(): string {
    const stop = this.#bytes.indexOf(0, this.at);
    if (stop < 0 || stop >= this.end) throw new RangeError("a text without an end");
    const text = this.text(stop - this.at);
    this.at = stop + 1;
    return text;
  }

  skip(byteLength: number): void {
    this.#advance(byteLength);
  }

  #advance(byteLength: number): number {
    const from = this.at;
    if (byteLength < 0 || from + byteLength > this.end) throw new RangeError("a section is shorter than it says");
    this.at = from + byteLength;
    return from;
  }
}
