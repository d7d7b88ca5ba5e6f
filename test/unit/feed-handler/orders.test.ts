import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULTS } from "../../../devices/feed-handler/declaration.ts";
import * as reg from "../../../devices/feed-handler/registers.ts";
import { buildUdpFrame } from "../../../emulator/wire/build-frame.ts";
import { checkL4Checksum } from "../../../emulator/wire/checksum.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";
import { TickFeed } from "../../../scenarios/explorations/tick-feed.ts";
import { Card, STAGES_NS } from "./card.ts";

const LOCATE = 9;
const ORDER = new Uint8Array(64).fill(0xab);
const RING_AT = 4096;
const REASONS = { kill: 0, size: 1, price: 2, rate: 3, gap: 4, busy: 5, template: 6 } as const;

/** A card whose slot 0 may trade, with a template that takes price, size and number. */
function ready(): Card {
  const card = Card.following([LOCATE]);
  card.openChannel(6, RING_AT);
  card.allowOrders();
  card.loadTemplate(2, ORDER, 20, 24, 28);
  return card;
}

function send(card: Card, price: number, size: number, template = 2, slot = 0): void {
  card.set(reg.ORDER_PRICE, price);
  card.set(reg.ORDER_SIZE, size);
  card.set(reg.ORDER_DOORBELL, template | (slot << 8));
  card.port.advance(DEFAULTS.transmitNs);
}

function rejected(card: Card): Record<string, number> {
  const counts = Object.entries(REASONS).map(([name, reason]) => [name, card.get(reg.REJECTED, reason)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

describe("an order of the driver", () => {
  test("is its template with price, size and number in their places, and is reported", () => {
    const card = ready();
    card.set(reg.ORDER_SEQUENCE, 77);
    card.set(reg.ORDER_LINE, 1);
    send(card, 0x1234_5678, 300);
    const [order] = card.port.orders;
    const expected = ORDER.slice();
    const view = new DataView(expected.buffer);
    view.setUint32(20, 0x1234_5678);
    view.setUint32(24, 300);
    view.setUint32(28, 77);
    expect(order).toEqual({ atNs: DEFAULTS.transmitNs, line: 1, bytes: expected });
    expect(card.get(reg.ORDER_SEQUENCE)).toBe(78);
    expect(card.get(reg.ORDERS_PENDING)).toBe(0);
    const { words } = card.event(RING_AT, 0);
    expect(words).toEqual([LOCATE | (1 << 16), 77, 0x1234_5678, 300, 0xffff_ffff, 2, DEFAULTS.transmitNs / 4]);
    expect(card.violations()).toEqual([]);
  });

  test("has the right UDP checksum where the template asks for it", () => {
    const flow = { sourceMac: 1, destinationMac: 2, sourceIp: 3, destinationIp: 4, sourcePort: 5, destinationPort: 6 };
    const frame = new Uint8Array(128);
    const frameBytes = frame.slice(0, buildUdpFrame(frame, 0, flow, new Uint8Array(40)));
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.boolean(), (price, checksums) => {
        const card = ready();
        card.loadTemplate(2, frameBytes, 50, 54, 58, checksums);
        send(card, price, 1);
        const bytes = card.port.orders[0]?.bytes ?? expect.fail("nothing was sent");
        const headers = new FrameHeaders();
        headers.parse(bytes, 0, bytes.length);
        expect(checkL4Checksum(headers, bytes, 0)).toBe(checksums ? "right" : "wrong");
      }),
      { numRuns: 20 },
    );
  });
});

describe("the last gate", () => {
  test("lets an order pass exactly when every limit does", () => {
    const price = fc.integer({ min: 0, max: 20 });
    const size = fc.integer({ min: 0, max: 20 });
    const limits = fc.record({ low: price, high: price, sizeMax: size, killed: fc.boolean() });
    fc.assert(
      fc.property(price, size, limits, (orderPrice, orderSize, { low, high, sizeMax, killed }) => {
        const card = ready();
        card.set(reg.COLLAR_LOW, low);
        card.set(reg.COLLAR_HIGH, high);
        card.set(reg.RISK_SIZE_MAX, sizeMax);
        card.set(reg.KILL, killed ? 1 : 0);
        send(card, orderPrice, orderSize);
        const isAllowed = !killed && orderSize > 0 && orderSize <= sizeMax && orderPrice >= low && orderPrice <= high;
        expect(card.port.orders.length).toBe(isAllowed ? 1 : 0);
        const reasons = Object.values(rejected(card));
        expect(reasons).toEqual(isAllowed ? [] : [1]);
        const { words } = card.event(RING_AT, 0);
        expect(((words[0] as number) >>> 16) & 0xff).toBe(isAllowed ? 1 : 2);
      }),
    );
  });

  test("lets as many orders pass in an interval as it may, and the next one begins with the next order", () => {
    const waits = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(waits, fc.integer({ min: 0, max: 4 }), (waitsNs, ordersMax) => {
        const card = ready();
        const intervalNs = 500;
        card.set(reg.RISK_ORDERS_MAX, ordersMax);
        card.set(reg.RISK_INTERVAL_NS, intervalNs);
        let [beganNs, count, expected] = [Number.NEGATIVE_INFINITY, 0, 0];
        for (const waitNs of waitsNs) {
          card.port.advance(waitNs);
          send(card, 1, 1);
          const nowNs = card.port.clock.now[0] as number;
          if (nowNs - beganNs >= intervalNs) [beganNs, count] = [nowNs, 0];
          if (count < ordersMax) [count, expected] = [count + 1, expected + 1];
        }
        expect(card.port.orders.length).toBe(expected);
        expect(card.get(reg.REJECTED, REASONS.rate)).toBe(waitsNs.length - expected);
      }),
      // At the very end of an interval.
      { examples: [[[0, 500 - DEFAULTS.transmitNs], 1]] },
    );
  });

  test("stops what was decided before the kill switch came and is still on its way", () => {
    const card = ready();
    card.set(reg.ORDER_PRICE, 1);
    card.set(reg.ORDER_SIZE, 1);
    card.set(reg.ORDER_DOORBELL, 2);
    card.port.advance(DEFAULTS.transmitNs - 1);
    expect(card.get(reg.ORDERS_PENDING)).toBe(1);
    card.set(reg.KILL, 1);
    card.port.advance(1000);
    expect(card.port.orders).toEqual([]);
    expect(rejected(card)).toEqual({ kill: 1 });
    expect(card.get(reg.ORDERS_PENDING)).toBe(0);
  });

  test("sends no template without a frame, and turns away what its queue does not hold", () => {
    const card = ready();
    send(card, 1, 1, 5);
    expect(rejected(card)).toEqual({ template: 1 });
    for (let order = 0; order < 300; order++) card.set(reg.ORDER_DOORBELL, 2);
    card.port.advance(1000);
    expect(card.port.orders.length).toBe(256);
    expect(rejected(card)).toEqual({ template: 1, busy: 44 });
  });

  test("sends none without a number that it should have: one whose place is not in the frame", () => {
    for (let at = 0; at <= ORDER.length + 4; at++) {
      const fits = at + 4 <= ORDER.length;
      for (const places of [[at], [20, at], [20, 24, at]]) {
        const card = ready();
        card.loadTemplate(2, ORDER, ...places);
        send(card, 1, 1);
        expect(card.port.orders.length, `${places}`).toBe(fits ? 1 : 0);
        expect(rejected(card)).toEqual(fits ? {} : { template: 1 });
      }
    }
  });
});

test("CLEAR_BOOK begins anew in one step: no gap, no book, no order that the old one set off; the driver's own goes on", () => {
  const card = ready();
  const { ENABLE, CLEAR_BOOK } = reg.CONTROL.fields;
  const { GAP } = reg.STATUS.fields;
  const feed = new TickFeed(LOCATE);
  card.set(reg.TRIGGER_PRICE, 1000, 4);
  card.set(reg.TRIGGER_ORDER_SIZE, 3, 4);
  card.set(reg.TRIGGER_CONTROL, 1 | 2 | (2 << 16), 4);
  card.receive(feed.add("S", 1, 10, 100));
  card.port.advance(STAGES_NS - 1);
  // A packet behind a hole waits, an order of the trigger and one of the driver are on their way.
  feed.sequence++;
  card.receive(feed.add("S", 2, 10, 90));
  card.set(reg.ORDER_PRICE, 77);
  card.set(reg.ORDER_SIZE, 1);
  card.set(reg.ORDER_DOORBELL, 2);
  expect(card.get(reg.ORDERS_PENDING)).toBe(2);
  card.set(reg.CONTROL, ENABLE.mask | CLEAR_BOOK.mask);
  card.port.advance(1_000_000);
  expect(card.port.orders.map(({ bytes }) => new DataView(bytes.buffer).getUint32(20))).toEqual([77]);
  expect(rejected(card)).toEqual({ gap: 1 });
  expect(card.top(0)).toEqual([0, 0, 0, 0]);
  expect(card.get(reg.GAP_COUNT)).toBe(0);

  // The next packet is the first, whatever its sequence; behind a hole that nobody fills there is a gap, which goes with the book.
  feed.sequence = 500;
  card.receive(feed.add("S", 3, 5, 101));
  feed.sequence += 2;
  card.receive(feed.add("S", 4, 5, 102));
  card.port.advance(1_000_000);
  expect(card.top(0)).toEqual([0, 0, 101, 5]);
  expect(card.get(reg.STATUS) & GAP.mask).toBe(GAP.mask);
  card.set(reg.CONTROL, ENABLE.mask | CLEAR_BOOK.mask);
  expect(card.get(reg.STATUS)).toBe(0);
  expect(card.get(reg.CONTROL)).toBe(ENABLE.mask);
  expect((card.entry(0)[0] as number) & 1).toBe(0);
});

describe("a trigger", () => {
  const tick = (card: Card, frame: Uint8Array): void => {
    card.receive(frame);
    card.port.advance(STAGES_NS);
  };

  test("fires on the other side's price and size, as its rule says, and says where it looked", () => {
    const rules = fc.record({
      sells: fc.boolean(),
      threshold: fc.integer({ min: 90, max: 110 }),
      sizeMin: fc.integer({ min: 1, max: 20 }),
    });
    const ticks = fc.array(
      fc.record({ price: fc.integer({ min: 90, max: 110 }), size: fc.integer({ min: 1, max: 20 }) }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(rules, ticks, fc.boolean(), ({ sells, threshold, sizeMin }, list, repeats) => {
        const card = ready();
        card.set(reg.TRIGGER_PRICE, threshold, 4);
        card.set(reg.TRIGGER_SIZE_MIN, sizeMin, 4);
        card.set(reg.TRIGGER_ORDER_SIZE, 3, 4);
        card.set(reg.TRIGGER_CONTROL, 1 | (repeats ? 2 : 0) | (sells ? 4 : 0) | (2 << 16), 4);
        const feed = new TickFeed(LOCATE);
        const expected: number[] = [];
        let before = "";
        for (const [index, { price, size }] of list.entries()) {
          tick(
            card,
            index === 0 ? feed.add(sells ? "B" : "S", 1, size, price) : feed.replace(index, index + 1, size, price),
          );
          const fires = size >= sizeMin && (sells ? price >= threshold : price <= threshold);
          const isNew = before !== `${price} ${size}`;
          before = `${price} ${size}`;
          if (fires && isNew && (repeats || expected.length === 0)) expected.push(price);
        }
        const prices = card.port.orders.map(({ bytes }) => new DataView(bytes.buffer).getUint32(20));
        expect(prices).toEqual(expected);
        expect(card.get(reg.TRIGGER_FIRED, 4)).toBe(expected.length);
        expect(card.get(reg.TRIGGER_CONTROL, 4) & 1).toBe(repeats || expected.length === 0 ? 1 : 0);
      }),
    );
  });

  test("holds still behind a gap until the driver has acknowledged it", () => {
    const card = ready();
    card.set(reg.TRIGGER_PRICE, -1);
    card.set(reg.TRIGGER_ORDER_SIZE, 1);
    card.set(reg.TRIGGER_CONTROL, 0b011 | (2 << 16));
    const feed = new TickFeed(LOCATE);
    tick(card, feed.add("S", 1, 10, 100));
    feed.add("S", 2, 10, 99);
    card.receive(feed.add("S", 3, 10, 98));
    card.port.advance(200_000);
    expect(card.port.orders.length).toBe(1);
    expect(rejected(card)).toEqual({ gap: 1 });
    // The driver's own orders are his to answer for.
    send(card, 1, 1);
    expect(card.port.orders.length).toBe(2);
    card.set(reg.STATUS, reg.STATUS.fields.GAP.mask);
    tick(card, feed.add("S", 4, 10, 97));
    expect(card.port.orders.length).toBe(3);
  });

  test("and its template are one: writing it while it is armed or on its way breaks a rule", () => {
    const card = ready();
    card.set(reg.TRIGGER_CONTROL, 1 | (2 << 16));
    card.loadTemplate(3, ORDER);
    expect(card.violations()).toEqual([]);
    card.loadTemplate(2, ORDER);
    expect(new Set(card.violations())).toEqual(new Set(["template-in-use"]));
    const other = ready();
    other.set(reg.ORDER_DOORBELL, 2);
    other.set(reg.TEMPLATE_FRAME, 60, 2);
    expect(other.violations()).toEqual(["template-in-use"]);
  });
});
