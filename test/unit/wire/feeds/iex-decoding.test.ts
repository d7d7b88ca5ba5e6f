import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  IEX_DEEP_MESSAGES,
  IEX_DEEP_PLUS_MESSAGES,
  IEX_TOPS_MESSAGES,
  IexMessage,
  iexByteLength,
} from "../../../../emulator/wire/feeds/iex-messages.ts";
import { IexTpPacket } from "../../../../emulator/wire/feeds/iex-tp.ts";
import { boundedBytes } from "../bounded-bytes.ts";
import { iexPacket, letterMessage, SEND_TIME_NS } from "./feed-packets.ts";

/** A message with everything that all have; `more` writes the rest. */
function message(letter: string, flags: number, symbol: string, more: (view: DataView) => void = () => {}): Uint8Array {
  const bytes = letterMessage(letter, iexByteLength(letter.charCodeAt(0)));
  const view = new DataView(bytes.buffer);
  bytes[1] = flags;
  view.setBigUint64(2, SEND_TIME_NS, true);
  bytes.set(new TextEncoder().encode(symbol.padEnd(8)), 10);
  more(view);
  return bytes;
}

function parsed(bytes: Uint8Array): IexMessage {
  const decoded = new IexMessage();
  expect(decoded.parse(boundedBytes(bytes, 0, bytes.length), 0, bytes.length)).toBe(true);
  return decoded;
}

const ZIEXT = { symbolWord0: 0x5a494558, symbolWord1: 0x54202020 };

describe("an IEX-TP segment", () => {
  test("gives header and messages back, without a read outside", () => {
    const lists = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 });
    const numbers = fc.oneof(fc.nat(1000), fc.maxSafeNat());
    fc.assert(
      fc.property(
        fc.nat(2 ** 32 - 1),
        numbers,
        numbers,
        lists,
        fc.nat(9),
        (session, sequence, streamOffset, messages, offset) => {
          const content = iexPacket({ protocolId: 0x8004, session, sequence, streamOffset }, messages);
          const bytes = new Uint8Array(offset + content.length);
          bytes.set(content, offset);
          const packet = new IexTpPacket();
          expect(packet.parse(boundedBytes(bytes, offset, content.length), offset, content.length)).toBe(true);
          expect(packet).toMatchObject({
            protocolId: 0x8004,
            channel: 1,
            session: session | 0,
            sequence,
            streamOffset,
          });
          expect(packet).toMatchObject({ messageCount: messages.length, isHeartbeat: messages.length === 0 });
          expect(packet.sendTime).toMatchObject({ seconds: 1_710_513_000, nanoseconds: 123_456_789 });
          const read: Uint8Array[] = [];
          while (packet.nextMessage()) {
            read.push(bytes.slice(packet.messageOffset, packet.messageOffset + packet.messageByteLength));
          }
          expect(read).toEqual(messages);
        },
      ),
    );
  });

  test("of another version, with a payload length that its messages contradict, or beyond 2^53 it is refused", () => {
    for (const [at, value] of [
      [0, 2],
      [12, 39],
      [12, 41],
      [14, 0],
      [14, 2],
      [23, 0x80],
      [22, 0x20],
      [30, 0x20],
    ] as const) {
      const content = iexPacket({ sequence: 1 }, [letterMessage("T", 38)]);
      const packet = new IexTpPacket();
      expect(packet.parse(content, 0, content.length)).toBe(true);
      content[at] = value;
      expect(packet.parse(content, 0, content.length), `byte ${at} = ${value}`).toBe(false);
      expect(packet.nextMessage()).toBe(false);
    }
  });
});

describe("messages of IEX", () => {
  test("a quote has both sides", () => {
    const quote = message("Q", 0x40, "ZIEXT", (view) => {
      view.setUint32(18, 9700, true);
      view.setBigInt64(22, 990_500n, true);
      view.setBigInt64(30, 990_700n, true);
      view.setUint32(38, 2 ** 32 - 1, true);
    });
    expect(parsed(quote)).toMatchObject({
      ...ZIEXT,
      flags: 0x40,
      size: 9700,
      price: 990_500,
      askPrice: 990_700,
      askSize: -1,
    });
  });

  test("a trade and its break have size, price and trade id; prices below zero keep their sign", () => {
    for (const letter of ["T", "B"]) {
      const trade = message(letter, 0, "ZIEXT", (view) => {
        view.setUint32(18, 100, true);
        view.setBigInt64(22, -5n, true);
        view.setBigInt64(30, 429_974n, true);
      });
      expect(parsed(trade)).toMatchObject({ ...ZIEXT, size: 100, price: -5, tradeIdLow: 429_974, tradeIdHigh: 0 });
    }
  });

  test("a price level says whether the event is complete; nothing else does", () => {
    const level = (letter: string, flags: number): IexMessage =>
      parsed(
        message(letter, flags, "ZIEXT", (view) => {
          view.setUint32(18, 0, true);
          view.setBigInt64(22, 990_500n, true);
        }),
      );
    expect(level("8", 1)).toMatchObject({ ...ZIEXT, size: 0, price: 990_500, isEventComplete: true });
    expect(level("5", 0).isEventComplete).toBe(false);
    expect(parsed(message("T", 1, "ZIEXT")).isEventComplete).toBe(false);
  });

  test("the orders of DEEP+", () => {
    const order = (letter: string, flags: number): IexMessage =>
      parsed(
        message(letter, flags, "ZIEXT", (view) => {
          view.setBigUint64(18, 0x0123_4567_89ab_cdefn, true);
          if (letter !== "R") view.setUint32(26, 300, true);
          if (letter !== "R") view.setBigInt64(30, 12_345n, true);
          if (letter === "L") view.setBigUint64(38, 99n, true);
        }),
      );
    const id = { ...ZIEXT, orderIdHigh: 0x0123_4567, orderIdLow: 0x89ab_cdef | 0 };
    expect(order("a", "8".charCodeAt(0))).toMatchObject({
      ...id,
      flags: 0x38,
      size: 300,
      price: 12_345,
      tradeIdLow: 0,
    });
    expect(order("M", 1)).toMatchObject({ ...id, flags: 1, size: 300, price: 12_345 });
    expect(order("R", 0)).toMatchObject({ ...id, size: 0, price: 0 });
    expect(order("L", 0)).toMatchObject({ ...id, size: 300, price: 12_345, tradeIdLow: 99 });
  });

  test("no letter has two layouts, which the one table of the decoder relies on", () => {
    const all = [...IEX_TOPS_MESSAGES, ...IEX_DEEP_MESSAGES, ...IEX_DEEP_PLUS_MESSAGES];
    for (const { letter, byteLength, at } of all) {
      for (const other of all) if (other.letter === letter) expect(other).toMatchObject({ byteLength, at });
    }
  });

  test("any bytes are read inside their bounds, and taken from the full length of their type on", () => {
    const types = fc.oneof(fc.constantFrom(..."SDHIOPETBXAQ85aMRLC"), fc.constantFrom("?", "\0"));
    fc.assert(
      fc.property(types, fc.uint8Array({ minLength: 1, maxLength: 100 }), (letter, bytes) => {
        bytes[0] = letter.charCodeAt(0);
        const wanted = iexByteLength(letter.charCodeAt(0));
        const isTaken = new IexMessage().parse(boundedBytes(bytes, 0, bytes.length), 0, bytes.length);
        expect(isTaken).toBe(wanted > 0 && bytes.length >= wanted);
      }),
    );
  });
});
