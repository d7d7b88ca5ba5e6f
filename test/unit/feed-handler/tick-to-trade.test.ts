import fc from "fast-check";
import { expect, test } from "vitest";
import * as reg from "../../../devices/feed-handler/registers.ts";
import { Card } from "./card.ts";
import { locateOf, sessionFrames, softwareBook, topOf } from "./session.ts";

const STOCKS = [1, 2, 3, 4];
const latency = fc.integer({ min: 0, max: 500 });
const latencies = fc.record({
  arbitrationNs: latency,
  parseNs: latency,
  bookNs: latency,
  triggerNs: latency,
  transmitNs: latency,
});
/** What a trigger that buys everything sends: when, for which stock, at which price. */
interface Expected {
  readonly atNs: number;
  readonly slot: number;
  readonly price: number;
}

/** A trigger for each stock that fires at each new top with an offer; its template's number is the slot's. */
function trading(options: ConstructorParameters<typeof Card>[0]): Card {
  const card = Card.following(STOCKS, options);
  for (const slot of STOCKS.keys()) {
    card.allowOrders(slot);
    card.loadTemplate(slot, new Uint8Array(60).fill(slot), 40);
    card.set(reg.TRIGGER_PRICE, -1, slot);
    card.set(reg.TRIGGER_ORDER_SIZE, 1, slot);
    card.set(reg.TRIGGER_CONTROL, 0b011 | (slot << 8) | (slot << 16), slot);
  }
  return card;
}

test("every order of a session leaves exactly the sum of the stages after its tick, however close the ticks are", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 30, maxLength: 30 });
  const example = { arbitrationNs: 40, parseNs: 13, bookNs: 100, triggerNs: 8, transmitNs: 27 };
  let mostOrders = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), latencies, gaps, (seed, stages, gap) => {
      const card = trading(stages);
      const sumNs = Object.values(stages).reduce((sum, ns) => sum + ns, 0);
      const book = softwareBook();
      const expected: Expected[] = [];
      for (const [index, { bytes, messages }] of sessionFrames(seed, 150, STOCKS.length).entries()) {
        card.receive(bytes, index % 2);
        const arrivedNs = card.port.clock.now[0] as number;
        for (const message of messages) {
          const locate = locateOf(message);
          const before = topOf(book, locate);
          book.apply(message, 0, message.length);
          const top = topOf(book, locate);
          const [, , price = 0, size = 0] = top;
          if (String(before) !== String(top) && size > 0)
            expected.push({ atNs: arrivedNs + sumNs, slot: STOCKS.indexOf(locate), price });
        }
        card.port.advance(gap[index % gap.length] as number);
      }
      card.port.advance(10_000);
      const sent = card.port.orders.map(({ atNs, bytes }) => ({
        atNs,
        slot: bytes[0],
        price: new DataView(bytes.buffer).getUint32(40),
      }));
      expect(sent).toEqual(expected);
      mostOrders = Math.max(mostOrders, sent.length);
      expect(card.get(reg.ORDERS_SENT)).toBe(sent.length);
    }),
    { numRuns: 25, examples: [[1, example, Array.from({ length: 30 }, (_, index) => 10 * index)]] },
  );
  // The session of the example triggers as many.
  expect(mostOrders).toBeGreaterThan(10);
});

test("the latency registers hold the cycles of each stage, and the time of the card counts cycles", () => {
  const stages = { arbitrationNs: 40, parseNs: 13, bookNs: 100, triggerNs: 8, transmitNs: 27 };
  const card = trading(stages);
  for (const { bytes } of sessionFrames(3, 100, STOCKS.length)) {
    card.receive(bytes);
    card.port.advance(1000);
  }
  for (const [stage, ns] of Object.values(stages).entries()) {
    const cycles = Math.floor(ns / 4);
    expect(card.get(reg.LATENCY_LAST, stage)).toBe(cycles);
    expect(card.get(reg.LATENCY_MIN, stage)).toBe(cycles);
    expect(card.get(reg.LATENCY_MAX, stage)).toBe(cycles);
    expect(card.get(reg.LATENCY_COUNT, stage)).toBeGreaterThan(0);
  }
  expect(card.get(reg.LATENCY_COUNT, 0)).toBe(100);
  expect(card.get(reg.LATENCY_COUNT, 1)).toBe(card.get(reg.MESSAGES));
  expect(card.get(reg.LATENCY_COUNT, 4)).toBe(card.get(reg.ORDERS_SENT));
  expect(card.get(reg.TIME_LOW)).toBe(100_000 / 4);
  // Half a minute: the lower half has run over.
  card.port.advance(2 ** 35);
  expect(card.get(reg.TIME_HIGH)).toBe(2);
  expect(card.get(reg.TIME_LOW)).toBe(100_000 / 4);
});

test("a card that is put together again out of its snapshot, in the middle of everything, goes on alike", () => {
  const seeds = fc.integer({ min: 1, max: 1_000_000 });
  fc.assert(
    fc.property(seeds, fc.integer({ min: 20, max: 110 }), fc.integer({ min: 0, max: 100 }), (seed, cut, pauseNs) => {
      const whole = trading({});
      const frames = sessionFrames(seed, 130, STOCKS.length);
      const feed = (card: Card, from: number, to: number): void => {
        for (const { bytes } of frames.slice(from, to)) {
          card.receive(bytes);
          card.port.advance(30);
        }
      };
      feed(whole, 0, cut);
      // A packet behind a hole is held back, too.
      if (cut % 2 === 1) whole.receive(frames[cut + 1]?.bytes ?? new Uint8Array(60), 1);
      whole.port.advance(pauseNs);
      const other = new Card();
      other.device.restore(structuredClone(whole.device.snapshot()));
      other.port.clock.advanceTo(whole.port.clock.now[0] as number);
      other.port.timers.deadlines.set(whole.port.timers.deadlines);
      other.port.timers.next[0] = whole.port.timers.next[0] as number;
      const sentBefore = whole.port.orders.length;
      for (const card of [whole, other]) {
        feed(card, cut, frames.length);
        card.port.advance(1_000_000);
      }
      expect(other.port.orders).toEqual(whole.port.orders.slice(sentBefore));
      for (const slot of STOCKS.keys()) expect(other.entry(slot)).toEqual(whole.entry(slot));
      for (const register of [reg.MESSAGES, reg.GAP_COUNT, reg.ORDERS_SENT, reg.STATUS])
        expect(other.get(register), register.name).toBe(whole.get(register));
    }),
    { numRuns: 25 },
  );
});
