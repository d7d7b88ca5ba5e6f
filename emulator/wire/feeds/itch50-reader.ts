import { ITCH50_BYTE_LENGTHS } from "./itch50.ts";
import { ITCH50_HEADER, type ItchField } from "./itch50-messages.ts";

const TWO_TO_32 = 0x1_0000_0000;
// Constants of the module, because what a hot loop inlines has a budget.
const LOCATE_AT = ITCH50_HEADER.stockLocate.offset;
const TRACKING_AT = ITCH50_HEADER.trackingNumber.offset;
const TIMESTAMP_AT = ITCH50_HEADER.timestamp.offset;
const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

/** What {@link ItchReader.moveTo} returns for bytes that are no message of ITCH 5.0. */
export const NO_MESSAGE = -1;

/**
 * Reads the fields of a message where it lies. One reader moves from message to message; nothing is copied, and nothing
 * allocated a message: only for an array that is not one of the last two it makes a view (reads through a view are twice
 * as fast as byte by byte), so let packets come in one or two buffers.
 *
 * ```ts
 * const { reference, shares, price } = ADD_ORDER.fields;
 * if (reader.moveTo(bytes, packet.messageOffset, packet.messageByteLength) === ADD_ORDER.type) {
 *   book.add(reader.stockLocate, BID, reader.high(reference), reader.low(reference), reader.word(shares), 0, reader.word(price));
 * }
 * ```
 *
 * **Integers.** `u16` and `letter` are small Numbers. `u32` is an int32 word: from 2^31 on it is negative, `>>> 0` gives
 * the Number; sizes of that kind and prices above the 200,000.0000 of the specification are possible in bytes, if not on
 * the feed. `u48` (the time) always fits a Number. `u64` comes as two int32 words by {@link high} and {@link low}; order
 * references, match numbers and shares of a cross are below 2^53 on a real feed, but nothing in the specification says
 * so, and {@link exact} says whether one is.
 *
 * A field must belong to the message that the reader stands at; after {@link NO_MESSAGE} there is none.
 */
export class ItchReader {
  /** Type byte of the message, or {@link NO_MESSAGE}. */
  type: number = NO_MESSAGE;
  #at = 0;
  #bytes: Uint8Array = NO_BYTES;
  #view: DataView = NO_VIEW;
  #otherBytes: Uint8Array = NO_BYTES;
  #otherView: DataView = NO_VIEW;

  /**
   * Moves to the message of `byteLength` bytes at `offset` and returns its type; {@link NO_MESSAGE} when the type is none
   * of ITCH 5.0, the length is not that of the type, or the message is not wholly in the array. The bytes stay the
   * caller's.
   */
  moveTo(bytes: Uint8Array, offset: number, byteLength: number): number {
    this.type = NO_MESSAGE;
    // An empty message may lie behind the last byte.
    if (byteLength === 0 || offset + byteLength > bytes.length) return NO_MESSAGE;
    const type = bytes[offset] as number;
    if (ITCH50_BYTE_LENGTHS[type] !== byteLength) return NO_MESSAGE;
    if (bytes !== this.#bytes) this.#turnTo(bytes);
    this.#at = offset;
    this.type = type;
    return type;
  }

  get stockLocate(): number {
    return this.#view.getUint16(this.#at + LOCATE_AT);
  }

  get trackingNumber(): number {
    return this.#view.getUint16(this.#at + TRACKING_AT);
  }

  /** Nanoseconds since midnight, exact. */
  get timestampNs(): number {
    return this.timestampHigh * TWO_TO_32 + (this.timestampLow >>> 0);
  }

  /** The same as words: bits 47 to 32, and the lower ones as an int32. */
  get timestampHigh(): number {
    return this.#view.getUint16(this.#at + TIMESTAMP_AT);
  }

  get timestampLow(): number {
    return this.#view.getInt32(this.#at + TIMESTAMP_AT + 2);
  }

  /** The character code of a one-letter alpha. */
  letter(field: ItchField<"letter">): number {
    return this.#view.getUint8(this.#at + field.offset);
  }

  /** A number, or two characters, the first in the higher byte. */
  u16(field: ItchField<"u16" | "alpha2">): number {
    return this.#view.getUint16(this.#at + field.offset);
  }

  /** An int32 word: a number, a price, or four characters, the first in the highest byte. */
  word(field: ItchField<"u32" | "alpha4">): number {
    return this.#view.getInt32(this.#at + field.offset);
  }

  /** The upper word of 64 bits; of a symbol the first four characters. */
  high(field: ItchField<"u64" | "alpha8">): number {
    return this.#view.getInt32(this.#at + field.offset);
  }

  /** The lower word of 64 bits; of a symbol the last four characters. */
  low(field: ItchField<"u64" | "alpha8">): number {
    return this.#view.getInt32(this.#at + field.offset + 4);
  }

  /** Whether a 64-bit field is below 2^53, so that {@link number} is exact. */
  exact(field: ItchField<"u64">): boolean {
    return this.high(field) >>> 0 < 1 << 21;
  }

  /** A 64-bit field as a Number: rounded unless {@link exact}. For control planes and reports; a hot loop takes words. */
  number(field: ItchField<"u64">): number {
    return (this.high(field) >>> 0) * TWO_TO_32 + (this.low(field) >>> 0);
  }

  #turnTo(bytes: Uint8Array): void {
    const view =
      bytes === this.#otherBytes ? this.#otherView : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#otherBytes = this.#bytes;
    this.#otherView = this.#view;
    this.#bytes = bytes;
    this.#view = view;
  }
}
