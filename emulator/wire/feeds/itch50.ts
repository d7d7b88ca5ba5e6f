/**
 * Nasdaq TotalView-ITCH 5.0: the 23 messages, by type letter and length ("Nasdaq TotalView-ITCH 5.0", section 1), and
 * counters by type. All integers are big-endian; every message begins with type, stock locate (2 bytes), tracking number
 * (2) and nanoseconds since midnight (6).
 */

export interface ItchMessage {
  /** The type byte as a letter. */
  readonly letter: string;
  readonly name: string;
  readonly byteLength: number;
}

export const ITCH50_MESSAGES: readonly ItchMessage[] = [
  { letter: "S", name: "system event", byteLength: 12 },
  { letter: "R", name: "stock directory", byteLength: 39 },
  { letter: "H", name: "stock trading action", byteLength: 25 },
  { letter: "Y", name: "Reg SHO restriction", byteLength: 20 },
  { letter: "L", name: "market participant position", byteLength: 26 },
  { letter: "V", name: "MWCB decline level", byteLength: 35 },
  { letter: "W", name: "MWCB status", byteLength: 12 },
  { letter: "K", name: "IPO quoting period update", byteLength: 28 },
  { letter: "J", name: "LULD auction collar", byteLength: 35 },
  { letter: "h", name: "operational halt", byteLength: 21 },
  { letter: "A", name: "add order", byteLength: 36 },
  { letter: "F", name: "add order with MPID", byteLength: 40 },
  { letter: "E", name: "order executed", byteLength: 31 },
  { letter: "C", name: "order executed with price", byteLength: 36 },
  { letter: "X", name: "order cancel", byteLength: 23 },
  { letter: "D", name: "order delete", byteLength: 19 },
  { letter: "U", name: "order replace", byteLength: 35 },
  { letter: "P", name: "trade", byteLength: 44 },
  { letter: "Q", name: "cross trade", byteLength: 40 },
  { letter: "B", name: "broken trade", byteLength: 19 },
  { letter: "I", name: "net order imbalance", byteLength: 50 },
  { letter: "N", name: "retail price improvement", byteLength: 20 },
  { letter: "O", name: "direct listing with capital raise", byteLength: 48 },
];

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
