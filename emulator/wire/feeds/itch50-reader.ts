import { ITCH50_BYTE_LENGTHS } from "./itch50.ts";
import { ITCH50_HEADER, type ItchField } from "./itch50-messages.ts";

const TWO_TO_32 = 0x1_0000_0000;
const NO_BYTES = new Uint8Array(0);

/** What {@link ItchReader.moveTo} returns for bytes that are no message of ITCH 5.0. */
export const NO_MESSAGE = -1;

/**
 * Reads the fields of a message where it lies. One reader moves from message to message; nothing is copied or allocated.
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
  #bytes: Uint8Array = NO_BYTES;
  #at = 0;

  /**
   * Moves to the message of `byteLength` bytes at `offset` and returns its type; {@link NO_MESSAGE} when the type is none
   * of ITCH 5.0 or the length is not that of the type. The bytes stay the caller's.
   */
  moveTo(bytes: Uint8Array, offset: number, byteLength: number): number {
    // An empty message may lie behind the last byte.
    const type = byteLength > 0 ? (bytes[offset] as number) : 0;
    if (byteLength === 0 || ITCH50_BYTE_LENGTHS[type] !== byteLength) {
      this.type = NO_MESSAGE;
      return NO_MESSAGE;
    }
    this.#bytes = bytes;
    this.#at = offset;
    this.type = type;
    return type;
  }

  get stockLocate(): number {
    return this.u16(ITCH50_HEADER.stockLocate);
  }

  get trackingNumber(): number {
    return this.u16(ITCH50_HEADER.trackingNumber);
  }

  /** Nanoseconds since midnight, exact. */
  get timestampNs(): number {
    return this.timestampHigh * TWO_TO_32 + (this.timestampLow >>> 0);
  }

  /** The same as words: bits 47 to 32, and the lower ones as an int32. */
  get timestampHigh(): number {
    const at = this.#at + ITCH50_HEADER.timestamp.offset;
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  get timestampLow(): number {
    return wordAt(this.#bytes, this.#at + ITCH50_HEADER.timestamp.offset + 2);
  }

  /** The character code of a one-letter alpha. */
  letter(field: ItchField<"letter">): number {
    return this.#bytes[this.#at + field.offset] as number;
  }

  u16(field: ItchField<"u16" | "alpha2">): number {
    const at = this.#at + field.offset;
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  /** An int32 word: a number, a price, or four characters, the first in the highest byte. */
  word(field: ItchField<"u32" | "alpha4">): number {
    return wordAt(this.#bytes, this.#at + field.offset);
  }

  /** The upper word of 64 bits; of a symbol the first four characters. */
  high(field: ItchField<"u64" | "alpha8">): number {
    return wordAt(this.#bytes, this.#at + field.offset);
  }

  /** The lower word of 64 bits; of a symbol the last four characters. */
  low(field: ItchField<"u64" | "alpha8">): number {
    return wordAt(this.#bytes, this.#at + field.offset + 4);
  }

  /** Whether a 64-bit field is below 2^53, so that {@link number} is exact. */
  exact(field: ItchField<"u64">): boolean {
    return this.high(field) >>> 0 < 1 << 21;
  }

  /** A 64-bit field as a Number: rounded unless {@link exact}. For control planes and reports; a hot loop takes words. */
  number(field: ItchField<"u64">): number {
    return (this.high(field) >>> 0) * TWO_TO_32 + (this.low(field) >>> 0);
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
