import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ITCH50_MESSAGES, type ItchField, type ItchKind } from "../../../../emulator/wire/feeds/itch50-messages.ts";
import { ItchReader, NO_MESSAGE } from "../../../../emulator/wire/feeds/itch50-reader.ts";
import { itchText, symbolText } from "../../../../emulator/wire/feeds/itch50-text.ts";
import { encode, SHEET, type SheetField, sheetOf } from "./itch50-data-sheet.ts";

const letters = fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.=+");
const fieldValue = ({ isAlpha, byteLength }: SheetField) =>
  isAlpha
    ? fc.string({ unit: letters, minLength: 1, maxLength: byteLength })
    : fc.bigInt({ min: 0n, max: 2n ** BigInt(8 * byteLength) - 1n });

/** Any message with any values, as the data sheet lays it out. */
const anyMessage = fc.oneof(
  ...SHEET.map((message) => {
    const values = fc.record(Object.fromEntries(message.fields.map((field) => [field.name, fieldValue(field)])));
    return values.map((drawn) => ({ message, values: drawn as Record<string, string | bigint> }));
  }),
);

const unsigned = (word: number): bigint => BigInt(word >>> 0);
const characters = (word: number, count: number): string =>
  Array.from({ length: count }, (_, index) => String.fromCharCode((word >>> (8 * (count - 1 - index))) & 0xff)).join(
    "",
  );

/** What the reader says of a field, by its kind: alphas with their padding, integers as bigint. */
function read(reader: ItchReader, field: ItchField): string | bigint {
  const of = <Kind extends ItchKind>(): ItchField<Kind> => field as ItchField<Kind>;
  switch (field.kind) {
    case "letter":
      return characters(reader.letter(of()), 1);
    case "alpha2":
      return characters(reader.u16(of()), 2);
    case "alpha4":
      return characters(reader.word(of()), 4);
    case "alpha8":
      return characters(reader.high(of()), 4) + characters(reader.low(of()), 4);
    case "u16":
      return BigInt(reader.u16(of()));
    case "u32":
      return unsigned(reader.word(of()));
    case "u48":
      return (BigInt(reader.timestampHigh) << 32n) | unsigned(reader.timestampLow);
    case "u64": {
      const value = (unsigned(reader.high(of())) << 32n) | unsigned(reader.low(of()));
      if (reader.exact(of()) !== value < 2n ** 53n) throw new Error(`${value} is said to be exact, or not to be`);
      if (reader.number(of()) !== Number(value)) throw new Error(`${value} as a Number is ${reader.number(of())}`);
      return value;
    }
  }
}

describe("the fields of ITCH 5.0", () => {
  test("are those of the data sheet, and fill every message without gap or overlap", () => {
    const declared = ITCH50_MESSAGES.map(({ letter, byteLength, fields }) => ({
      letter,
      byteLength,
      fields: Object.entries(fields).map(([name, field]) => ({
        name,
        offset: field.offset,
        byteLength: field.byteLength,
        isAlpha: field.kind === "letter" || field.kind.startsWith("alpha"),
        decimals: field.decimals,
      })),
    }));
    expect(declared).toEqual(SHEET);
    for (const { letter, byteLength, fields } of ITCH50_MESSAGES) {
      let end = 1;
      for (const field of Object.values(fields)) {
        expect(field.offset, `message ${letter}`).toBe(end);
        end += field.byteLength;
      }
      expect(end).toBe(byteLength);
    }
    expect(new Set(ITCH50_MESSAGES.map(({ section }) => section)).size).toBe(23);
  });

  test("give back what an encoder of the data sheet put in, wherever the message lies", () => {
    fc.assert(
      fc.property(
        fc.array(anyMessage, { minLength: 1, maxLength: 4 }),
        fc.nat(9),
        fc.boolean(),
        (sent, offset, isShared) => {
          const reader = new ItchReader();
          const places = sent.map(({ message, values }, index) => {
            const content = encode(message, values);
            // Some messages in arrays of their own, so that the reader changes between arrays.
            const length = offset + content.length + (index % 2);
            const bytes = isShared ? new Uint8Array(new SharedArrayBuffer(length)) : new Uint8Array(length);
            bytes.set(content, offset);
            return bytes;
          });
          // Twice, so that it comes back to arrays.
          for (const [index, { message, values }] of [...sent.entries(), ...sent.entries()]) {
            const type = reader.moveTo(places[index] as Uint8Array, offset, message.byteLength);
            expect(type).toBe(message.letter.charCodeAt(0));
            expect(reader.type).toBe(type);
            const declared = ITCH50_MESSAGES.find(({ letter }) => letter === message.letter);
            const wanted = message.fields.map(({ name, byteLength }) => {
              const value = values[name] as string | bigint;
              return [name, typeof value === "string" ? value.padEnd(byteLength) : value];
            });
            const found = message.fields.map(({ name }) => [name, read(reader, declared?.fields[name] as ItchField)]);
            expect(found).toEqual(wanted);
            expect([reader.stockLocate, reader.trackingNumber, reader.timestampNs]).toEqual(
              [values.stockLocate, values.trackingNumber, values.timestamp].map(Number),
            );
          }
        },
      ),
    );
  });
});

describe("bytes that are no message", () => {
  test("are told by type, by length and by the end of the array; nothing is read outside", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(60),
        fc.nat(70),
        fc.constantFrom(-1, ...SHEET.keys()),
        (bytes, at, byteLength, which) => {
          // Mostly with a type that there is.
          if (which >= 0 && at < bytes.length) bytes[at] = SHEET[which]?.letter.charCodeAt(0) as number;
          const message = SHEET.find(({ letter }) => letter.charCodeAt(0) === bytes[at]);
          const isMessage = message?.byteLength === byteLength && at + byteLength <= bytes.length;
          const reader = new ItchReader();
          const type = reader.moveTo(bytes, at, byteLength);
          expect(type).toBe(isMessage ? bytes[at] : NO_MESSAGE);
          expect(reader.type).toBe(type);
          if (!isMessage) return;
          // A view ends where the array ends: a read behind it would throw.
          const declared = ITCH50_MESSAGES.find(({ letter }) => letter === message?.letter);
          for (const field of Object.values(declared?.fields ?? {})) read(reader, field);
          expect(itchText(bytes, at, byteLength)).not.toMatch(/^\?/);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("a reader that met none forgets the message before", () => {
    const reader = new ItchReader();
    const bytes = encode(sheetOf("D"), {});
    expect(reader.moveTo(bytes, 0, 19)).toBe(0x44);
    expect(reader.moveTo(bytes, 0, 18)).toBe(NO_MESSAGE);
    expect(reader.moveTo(bytes, 1, 19)).toBe(NO_MESSAGE);
    expect(reader.moveTo(bytes, 0, 0)).toBe(NO_MESSAGE);
    expect(reader.type).toBe(NO_MESSAGE);
  });
});

describe("the text form", () => {
  const timestamp = 34_200_000_000_123n;
  const order = {
    stockLocate: 13n,
    timestamp,
    stock: "AAPL",
    reference: 2n ** 63n + 5n,
    side: "B",
    shares: 100n,
    price: 1_234_500n,
  };
  const line = (letter: string, values: Record<string, string | bigint>): string => {
    const bytes = encode(sheetOf(letter), { ...order, ...values });
    return itchText(bytes, 0, bytes.length);
  };

  test("says what the message says, in the words of the specification", () => {
    expect(line("A", {})).toBe("A  09:30:00.000000123  AAPL      B 100 @ 123.4500 ref 9223372036854775813");
    expect(line("F", { attribution: "SBAR" })).toMatch(/ref 9223372036854775813 by SBAR$/);
    expect(line("E", { match: 17n })).toBe("E  09:30:00.000000123  #13       100 of ref 9223372036854775813 match 17");
    expect(line("U", { newReference: 6n, price: 5n })).toMatch(/100 @ 0\.0005 ref 6 for ref 9223372036854775813$/);
    expect(line("V", { level1: 123_456_789_012n, level2: 1n })).toMatch(
      /levels 1234\.56789012 0\.00000001 0\.00000000$/,
    );
    expect(line("K", { releaseTime: 36_000n, qualifier: "A" })).toMatch(/release 10:00:00 A @ 123\.4500$/);
    expect(line("O", { nearTime: timestamp })).toMatch(/set 09:30:00\.000000123 collar/);
    expect(line("H", { state: "T", reason: "" })).toMatch(/state T reason ·$/);
  });

  test("has no field left out: every value of every message is in its line", () => {
    fc.assert(
      fc.property(anyMessage, ({ message, values }) => {
        const bytes = encode(message, values);
        const shown = itchText(bytes, 0, bytes.length);
        expect(shown).not.toMatch(/[{}]/);
        // Where a stock is named its locate is left out; the tracking number means nothing outside of Nasdaq.
        const quiet = ["trackingNumber", "reserved", ...("stock" in values ? ["stockLocate"] : [])];
        for (const { name, decimals } of message.fields) {
          if (quiet.includes(name) || /timestamp|Time$/.test(name)) continue;
          const value = values[name] as string | bigint;
          const digits = `${value}`.padStart(decimals + 1, "0");
          const wanted = decimals < 0 ? `${value}` : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
          expect(shown, name).toContain(wanted);
        }
      }),
    );
  });

  test("what is no message is shown in hex", () => {
    expect(itchText(Uint8Array.of(0x41, 0xff), 0, 2)).toBe("?  2 bytes that are no message of ITCH 5.0: 41 ff");
    expect(itchText(new Uint8Array(99), 0, 99)).toMatch(/^\? {2}99 bytes .* 00 …$/);
    expect(itchText(new Uint8Array(0), 0, 0)).toMatch(/^\? {2}0 bytes/);
  });

  test("a symbol as two words is its characters without the padding", () => {
    expect(symbolText(0x4141_504c, 0x2020_2020)).toBe("AAPL");
    expect(symbolText(0x4252_4b2e, 0x4120_2020)).toBe("BRK.A");
  });
});
