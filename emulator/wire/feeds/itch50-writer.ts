import { ITCH50_HEADER, type ItchField, type ItchMessage } from "./itch50-messages.ts";

const TWO_TO_32 = 0x1_0000_0000;
const NO_BYTES = new Uint8Array(0);
const BLANK = " ".charCodeAt(0);

/** Writes messages of ITCH 5.0, field by field, into the caller's buffer: the counterpart of `ItchReader`. */
export class ItchWriter {
  /** [0]: nanoseconds since midnight that the next message is stamped with. The caller moves it on. */
  readonly stampNs: Float64Array = new Float64Array(1);
  #bytes: Uint8Array = NO_BYTES;
  #at = 0;

  /** Starts a message at `at` with type, stock locate (0: no stock), tracking number 0 and the stamp; returns its length. */
  begin(bytes: Uint8Array, at: number, message: ItchMessage<unknown>, stockLocate: number): number {
    this.#bytes = bytes;
    this.#at = at;
    bytes[at] = message.type;
    put16(bytes, at + ITCH50_HEADER.stockLocate.offset, stockLocate);
    put16(bytes, at + ITCH50_HEADER.trackingNumber.offset, 0);
    const stampNs = this.stampNs[0] as number;
    put16(bytes, at + ITCH50_HEADER.timestamp.offset, Math.floor(stampNs / TWO_TO_32));
    put32(bytes, at + ITCH50_HEADER.timestamp.offset + 2, stampNs % TWO_TO_32);
    return message.byteLength;
  }

  /** One character, by its code. */
  letter(field: ItchField<"letter">, code: number): void {
    this.#bytes[this.#at + field.offset] = code;
  }

  word(field: ItchField<"u32">, value: number): void {
    put32(this.#bytes, this.#at + field.offset, value);
  }

  /** A number of up to 53 bits, taken from an array because as an argument it would be boxed. */
  number(field: ItchField<"u64">, numbers: Float64Array, index: number): void {
    const value = numbers[index] as number;
    put32(this.#bytes, this.#at + field.offset, Math.floor(value / TWO_TO_32));
    put32(this.#bytes, this.#at + field.offset + 4, value % TWO_TO_32);
  }

  /** A 64-bit number below 2^31. */
  small(field: ItchField<"u64">, value: number): void {
    put32(this.#bytes, this.#at + field.offset, 0);
    put32(this.#bytes, this.#at + field.offset + 4, value);
  }

  /** Characters, padded with blanks; those that do not fit are left away. */
  text(field: ItchField<"letter" | "alpha2" | "alpha4" | "alpha8">, text: string): void {
    const at = this.#at + field.offset;
    for (let index = 0; index < field.byteLength; index++) {
      this.#bytes[at + index] = index < text.length ? text.charCodeAt(index) : BLANK;
    }
  }
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
