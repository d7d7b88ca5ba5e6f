/** The options behind a block's fixed part: code u16, length u16, value, padded to four bytes; code 0 ends the list. */

const OPTION_END = 0;
/** Of a name or description; longer ones are cut, so that a file of a thousand interfaces stays small in memory. */
const TEXT_BYTE_LENGTH_MAX = 256;
const TWO_TO_32 = 0x1_0000_0000;

/**
 * A cursor over the options of one block, moved over one block after the other. Allocates nothing.
 *
 * ```ts
 * options.begin(view, at, end, littleEndian);
 * while (options.next()) if (options.code === 9) resolution = view.getUint8(options.valueAt);
 * ```
 */
export class PcapngOptions {
  code = 0;
  /** Where the value lies in the view. */
  valueAt = 0;
  byteLength = 0;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  #end = 0;
  #littleEndian = true;

  /** The options lie at `at` to `end` in the view. */
  begin(view: DataView, at: number, end: number, littleEndian: boolean): void {
    this.#view = view;
    this.#at = at;
    this.#end = end;
    this.#littleEndian = littleEndian;
  }

  /** False at the end option, which may be missing where the block ends; an option that runs over that end is none. */
  next(): boolean {
    if (this.#at + 4 > this.#end) return false;
    const code = this.#view.getUint16(this.#at, this.#littleEndian);
    const byteLength = this.#view.getUint16(this.#at + 2, this.#littleEndian);
    if (code === OPTION_END || this.#at + 4 + byteLength > this.#end) return false;
    this.code = code;
    this.byteLength = byteLength;
    this.valueAt = this.#at + 4;
    this.#at += 4 + ((byteLength + 3) & ~3);
    return true;
  }

  /** The value as an unsigned word; 0 when it is shorter. */
  uint32(): number {
    return this.byteLength < 4 ? 0 : this.#view.getUint32(this.valueAt, this.#littleEndian);
  }

  /** The value as an unsigned 64-bit count, exact below 2^53; 0 when it is shorter. */
  uint64(): number {
    if (this.byteLength < 8) return 0;
    const first = this.#view.getUint32(this.valueAt, this.#littleEndian);
    const second = this.#view.getUint32(this.valueAt + 4, this.#littleEndian);
    return this.#littleEndian ? second * TWO_TO_32 + first : first * TWO_TO_32 + second;
  }

  /** The value as UTF-8, without what ends it or does not show. */
  text(): string {
    const byteLength = Math.min(this.byteLength, TEXT_BYTE_LENGTH_MAX);
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.valueAt, byteLength);
    // A terminal must not be steered by a file.
    return new TextDecoder()
      .decode(bytes)
      .replace(/\p{Cc}/gu, "")
      .trim();
  }
}
