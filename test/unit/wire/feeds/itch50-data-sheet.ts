/**
 * The tables of "Nasdaq TotalView-ITCH 5.0" (April 2023), typed from the specification and not from the code: letter,
 * length, then name offset:size of every field behind the header. `a` is alpha, `p4` and `p8` are prices, the rest are
 * integers.
 */
const TABLES = `
S 12 event 11:1a
R 39 stock 11:8a category 19:1a financialStatus 20:1a roundLotSize 21:4 roundLotsOnly 25:1a classification 26:1a
  subtype 27:2a authenticity 29:1a shortSaleThreshold 30:1a ipo 31:1a luldTier 32:1a etp 33:1a leverage 34:4 inverse 38:1a
H 25 stock 11:8a state 19:1a reserved 20:1a reason 21:4a
Y 20 stock 11:8a action 19:1a
L 26 participant 11:4a stock 15:8a primary 23:1a mode 24:1a state 25:1a
V 35 level1 11:8p8 level2 19:8p8 level3 27:8p8
W 12 level 11:1a
K 28 stock 11:8a releaseTime 19:4 qualifier 23:1a price 24:4p4
J 35 stock 11:8a reference 19:4p4 upper 23:4p4 lower 27:4p4 extension 31:4
h 21 stock 11:8a market 19:1a action 20:1a
A 36 reference 11:8 side 19:1a shares 20:4 stock 24:8a price 32:4p4
F 40 reference 11:8 side 19:1a shares 20:4 stock 24:8a price 32:4p4 attribution 36:4a
E 31 reference 11:8 shares 19:4 match 23:8
C 36 reference 11:8 shares 19:4 match 23:8 printable 31:1a price 32:4p4
X 23 reference 11:8 shares 19:4
D 19 reference 11:8
U 35 reference 11:8 newReference 19:8 shares 27:4 price 31:4p4
P 44 reference 11:8 side 19:1a shares 20:4 stock 24:8a price 32:4p4 match 36:8
Q 40 shares 11:8 stock 19:8a price 27:4p4 match 31:8 cross 39:1a
B 19 match 11:8
I 50 paired 11:8 imbalance 19:8 direction 27:1a stock 28:8a far 36:4p4 near 40:4p4 reference 44:4p4 cross 48:1a variation 49:1a
N 20 stock 11:8a interest 19:1a
O 48 stock 11:8a eligibility 19:1a minimum 20:4p4 maximum 24:4p4 near 28:4p4 nearTime 32:8 lower 40:4p4 upper 44:4p4
`;

export interface SheetField {
  readonly name: string;
  readonly offset: number;
  readonly byteLength: number;
  readonly isAlpha: boolean;
  /** −1 for what is no price. */
  readonly decimals: number;
}

export interface SheetMessage {
  readonly letter: string;
  readonly byteLength: number;
  readonly fields: readonly SheetField[];
}

const HEADER = "stockLocate 1:2 trackingNumber 3:2 timestamp 5:6";

function parse(table: string): SheetMessage {
  const [letter = "", byteLength = "", ...rest] = table.trim().split(/\s+/);
  const words = [...HEADER.split(" "), ...rest];
  const fields = Array.from({ length: words.length / 2 }, (_, index): SheetField => {
    const [, offset, size, kind = ""] = /^(\d+):(\d+)(a|p4|p8)?$/.exec(words[2 * index + 1] ?? "") ?? [];
    return {
      name: words[2 * index] as string,
      offset: Number(offset),
      byteLength: Number(size),
      isAlpha: kind === "a",
      decimals: kind.startsWith("p") ? Number(kind.slice(1)) : -1,
    };
  });
  return { letter, byteLength: Number(byteLength), fields };
}

export const SHEET: readonly SheetMessage[] = TABLES.trim()
  .split(/\n(?=\S)/)
  .map(parse);

/** The message with these values: alphas padded with blanks, integers big-endian, byte by byte. */
export function encode(message: SheetMessage, values: Readonly<Record<string, string | bigint>>): Uint8Array {
  const bytes = new Uint8Array(message.byteLength);
  bytes[0] = message.letter.charCodeAt(0);
  for (const { name, offset, byteLength } of message.fields) {
    const value = values[name] ?? 0n;
    for (let index = 0; index < byteLength; index++) {
      bytes[offset + index] =
        typeof value === "string"
          ? value.padEnd(byteLength).charCodeAt(index)
          : Number((value >> BigInt(8 * (byteLength - 1 - index))) & 0xffn);
    }
  }
  return bytes;
}

export function sheetOf(letter: string): SheetMessage {
  const message = SHEET.find((candidate) => candidate.letter === letter);
  if (message === undefined) throw new Error(`the data sheet has no message ${letter}`);
  return message;
}
