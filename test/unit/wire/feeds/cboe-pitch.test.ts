import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PITCH_MESSAGES, type PitchFields, PitchMessage } from "../../../../emulator/wire/feeds/cboe-pitch.ts";
import { boundedBytes } from "../bounded-bytes.ts";

/** Bytes from a line of the published sample capture: an exchange's own software wrote them. */
const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

function parsed(bytes: Uint8Array, message: PitchMessage = new PitchMessage()): PitchMessage {
  expect(message.parse(boundedBytes(bytes, 0, bytes.length), 0, bytes.length)).toBe(true);
  return message;
}

const WIDTHS: Readonly<Record<keyof PitchFields, number>> = {
  time: 4,
  orderId: 8,
  side: 1,
  quantity4: 4,
  quantity2: 2,
  symbol6: 6,
  symbol8: 8,
  price8: 8,
  price2: 2,
  executionId: 8,
  remaining4: 4,
  flags: 1,
  state: 1,
};

describe("PITCH messages", () => {
  test("the fields of every message lie inside it and do not overlap", () => {
    for (const { name, byteLength, maxByteLength, at } of PITCH_MESSAGES) {
      const fields = Object.entries(at).map(([field, offset]) => [offset, offset + WIDTHS[field as keyof PitchFields]]);
      fields.sort(([a = 0], [b = 0]) => a - b);
      let end = 2;
      for (const [first = 0, behind = 0] of fields) {
        expect(first, name).toBeGreaterThanOrEqual(end);
        end = behind;
      }
      expect(end, name).toBeLessThanOrEqual(byteLength);
      expect(maxByteLength, name).toBeGreaterThanOrEqual(byteLength);
    }
    expect(new Set(PITCH_MESSAGES.map(({ type }) => type)).size).toBe(PITCH_MESSAGES.length);
  });

  test("an add in its long and its short form are one order: quantity and price are normalised", () => {
    const short = "1a22103a1622131074e9ea9e680342e803412020202020d40701"; // B 1000 A at 20.04
    const long = "2221103a1622131074e9ea9e680342e8030000412020202020d00e03000000000001"; // … at 20.0400
    const fields = {
      orderIdHigh: 0x03689eea,
      orderIdLow: 0xe9741013 | 0,
      side: "B".charCodeAt(0),
      quantity: 1000,
      price: 200_400,
      flags: 1,
      symbolWord0: 0x4120_2020,
      symbolWord1: 0x2020_2020,
      timeNs: 0x22163a10,
    };
    expect(parsed(bytesOf(short))).toMatchObject({ type: 0x22, ...fields });
    expect(parsed(bytesOf(long))).toMatchObject({ type: 0x21, ...fields });
    const expanded = "242f103a1622131074e9ea9e680342e80300004120202020202020d00e03000000000001";
    expect(parsed(bytesOf(expanded))).toMatchObject({ type: 0x2f, ...fields, symbolByteLength: 8 });
  });

  test("executions, reductions, modifications, deletes and trades of the sample", () => {
    const message = new PitchMessage();
    const order = { orderIdHigh: 0x03689eea };
    expect(parsed(bytesOf("062013290100"), message).secondsSinceMidnight).toBe(76_051); // 21:07:31
    parsed(bytesOf("1a239804a310011074e9ea9e68036400000001b8e03522000000"), message);
    expect(message).toMatchObject({
      ...order,
      quantity: 100,
      executionIdLow: 0x35e0b801,
      executionIdHigh: 0x22,
      price: 0,
    });
    parsed(bytesOf("1328a063af1f111074e9ea9e68039001d50701"), message);
    expect(message).toMatchObject({ ...order, quantity: 400, price: 200_500, flags: 1, symbolOffset: -1 });
    parsed(bytesOf("10263077b205131074e9ea9e68036400"), message);
    expect(message).toMatchObject({ ...order, quantity: 100, side: 0 });
    parsed(bytesOf("292ae8d0b6170f1074e9ea9e68034264000000412020202020190000000000000005b8e03522000000"), message);
    expect(message).toMatchObject({ ...order, quantity: 100, price: 25, executionIdLow: 0x35e0b805 });
    parsed(bytesOf("0e2970df3200111074e9ea9e6803"), message);
    expect(message).toMatchObject({ ...order, quantity: 0, price: 0, executionIdLow: 0, secondsSinceMidnight: 76_051 });
  });

  test("what rare messages say: auctions, trading status, retail interest, symbol mappings, breaks", () => {
    const build = (type: number, write: (view: DataView, bytes: Uint8Array) => void): PitchMessage => {
      const byteLength = PITCH_MESSAGES.find((kind) => kind.type === type)?.byteLength ?? 0;
      const bytes = new Uint8Array(byteLength);
      bytes.set([byteLength, type]);
      write(new DataView(bytes.buffer), bytes);
      return parsed(bytes);
    };
    const text = (bytes: Uint8Array, at: number, content: string): void =>
      bytes.set(new TextEncoder().encode(content), at);
    const auction = build(0x95, (view, bytes) => {
      text(bytes, 6, "ZVZZT   O");
      view.setBigUint64(15, 100_000n, true);
      view.setUint32(23, 600, true);
      view.setUint32(27, 2 ** 32 - 1, true);
      view.setBigUint64(31, 101_000n, true);
      view.setBigUint64(39, 102_000n, true);
    });
    expect(auction).toMatchObject({ symbolWord0: 0x5a565a5a, symbolWord1: 0x54202020, state: "O".charCodeAt(0) });
    expect(auction).toMatchObject({ referencePrice: 100_000, price: 101_000, auctionOnlyPrice: 102_000 });
    expect(auction).toMatchObject({ buyShares: 600, sellShares: 2 ** 32 - 1 });
    const summary = build(0x96, (view, bytes) => {
      text(bytes, 6, "ZVZZT   C");
      view.setBigUint64(15, 101_000n, true);
      view.setUint32(23, 700, true);
    });
    expect(summary).toMatchObject({
      state: "C".charCodeAt(0),
      price: 101_000,
      quantity: 700,
      referencePrice: 0,
      buyShares: 0,
    });
    const status = build(0x31, (_, bytes) => text(bytes, 6, "ZVZZT   H1"));
    expect(status).toMatchObject({ state: "H".charCodeAt(0), regShoAction: "1".charCodeAt(0), osiSymbol: "" });
    expect(build(0x98, (_, bytes) => text(bytes, 6, "ZVZZT   A"))).toMatchObject({
      state: "A".charCodeAt(0),
      regShoAction: 0,
    });
    const mapping = build(0x2e, (_, bytes) => text(bytes, 2, "000001MSFT  140118C00047000C"));
    expect(mapping).toMatchObject({
      symbolByteLength: 6,
      osiSymbol: "MSFT  140118C00047000",
      state: "C".charCodeAt(0),
    });
    const broken = build(0x2c, (view) => view.setBigUint64(6, 0x22_35e0_b801n, true));
    expect(broken).toMatchObject({ executionIdHigh: 0x22, executionIdLow: 0x35e0_b801, orderIdLow: 0 });
  });

  test("any bytes are read inside their bounds; known types are taken from their full length on", () => {
    const byteLengths = new Map(PITCH_MESSAGES.map(({ type, byteLength }) => [type, byteLength]));
    const types = fc.oneof(fc.constantFrom(...byteLengths.keys()), fc.nat(255));
    fc.assert(
      fc.property(types, fc.uint8Array({ minLength: 2, maxLength: 60 }), (type, bytes) => {
        bytes[1] = type;
        const message = new PitchMessage();
        const isTaken = message.parse(boundedBytes(bytes, 0, bytes.length), 0, bytes.length);
        for (const field of [
          "referencePrice",
          "buyShares",
          "sellShares",
          "auctionOnlyPrice",
          "regShoAction",
        ] as const) {
          expect(message[field]).toBeGreaterThanOrEqual(field.endsWith("Price") ? Number.NEGATIVE_INFINITY : 0);
        }
        expect(message.osiSymbol.length).toBeLessThanOrEqual(21);
        expect(isTaken).toBe(bytes.length >= (byteLengths.get(type) ?? Number.POSITIVE_INFINITY));
      }),
    );
  });
});
