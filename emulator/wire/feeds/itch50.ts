/**
 * Nasdaq TotalView-ITCH 5.0: lengths and counters by type byte. The messages with all their fields are declared in
 * itch50-messages.ts; `ItchReader` reads them.
 */
import { ITCH50_MESSAGES } from "./itch50-messages.ts";

/** Length by type byte; 0 where ITCH 5.0 has no message. */
export const ITCH50_BYTE_LENGTHS: Uint8Array = new Uint8Array(256);
for (const { letter, byteLength } of ITCH50_MESSAGES) ITCH50_BYTE_LENGTHS[letter.charCodeAt(0)] = byteLength;

/** Counts messages by type. No allocation per message. */
export class ItchCounters {
  /** Well-formed messages by type byte. */
  readonly byType: Float64Array = new Float64Array(256);
  /** Of a known type but not of its length, or empty. */
  malformed = 0;
  /** Of a type that ITCH 5.0 does not have. */
  unknown = 0;

  /** Counts the message of `byteLength` bytes at `offset` and returns its type, or -1 when it is malformed or unknown. */
  count(bytes: Uint8Array, offset: number, byteLength: number): number {
    if (byteLength === 0) {
      this.malformed++;
      return -1;
    }
    const type = bytes[offset] as number;
    const expectedByteLength = ITCH50_BYTE_LENGTHS[type] as number;
    if (expectedByteLength === byteLength) {
      (this.byType[type] as number)++;
      return type;
    }
    if (expectedByteLength === 0) this.unknown++;
    else this.malformed++;
    return -1;
  }

  /** Well-formed messages of one type, by its letter. */
  of(letter: string): number {
    return this.byType[letter.charCodeAt(0)] ?? 0;
  }

  /** Well-formed messages of all types. */
  get total(): number {
    return this.byType.reduce((sum, count) => sum + count, 0);
  }

  /** The types that were seen, for reports: `{ A: 4997, … }` in the order of the specification. */
  toObject(): Record<string, number> {
    const seen = ITCH50_MESSAGES.filter(({ letter }) => this.of(letter) > 0);
    return Object.fromEntries(seen.map(({ letter }) => [letter, this.of(letter)]));
  }
}
