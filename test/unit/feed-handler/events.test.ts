import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as reg from "../../../devices/feed-handler/registers.ts";
import { TickFeed } from "../../../scenarios/explorations/tick-feed.ts";
import { Card, STAGES_NS } from "./card.ts";

const LOCATE = 5;
const RING_AT = 8192;

/** A card with a ring of 2^`sizeLog2` entries, and ticks that change the top each time. */
class Ticking {
  readonly card = Card.following([LOCATE]);
  readonly #feed = new TickFeed(LOCATE);
  #ticks = 0;

  constructor(sizeLog2: number, stalls = false) {
    this.card.openChannel(sizeLog2, RING_AT, stalls);
  }

  tick(): void {
    const tick = this.#ticks++;
    this.card.receive(
      tick === 0 ? this.#feed.add("S", 1, 1, 1000) : this.#feed.replace(tick, tick + 1, 1, 1000 + tick),
    );
    this.card.port.advance(STAGES_NS);
  }
}

/** What a driver does that reads one event: whether it was there, which message it tells of, and how many were lost. */
class Reader {
  consumed = 0;
  readonly messages: number[] = [];
  lost = 0;
  readonly #card: Card;
  readonly #sizeLog2: number;

  constructor(card: Card, sizeLog2: number) {
    this.#card = card;
    this.#sizeLog2 = sizeLog2;
  }

  read(): boolean {
    const size = 1 << this.#sizeLog2;
    const { words, phase, lost, number } = this.#card.event(RING_AT, this.consumed % size);
    const expectedPhase = Math.floor(this.consumed / size) % 2 === 0 ? 1 : 0;
    if (phase !== expectedPhase) return false;
    expect(number).toBe(this.consumed & 0xffff);
    this.messages.push(words[1] as number);
    this.lost += lost;
    this.consumed++;
    this.#card.set(reg.CHANNEL_CONSUMER, this.consumed);
    return true;
  }
}

const sizes = fc.integer({ min: 1, max: 4 });
/** True: a tick; false: the driver reads. */
const turns = fc.array(fc.boolean(), { minLength: 1, maxLength: 120 });

describe("a ring that is full", () => {
  test("drops events, and says so: what was read, what was lost before it and what waits are all there were", () => {
    fc.assert(
      fc.property(sizes, turns, (sizeLog2, order) => {
        const ticking = new Ticking(sizeLog2);
        const { card } = ticking;
        const reader = new Reader(card, sizeLog2);
        let [ticks, dropped] = [0, 0];
        let waiting = 0;
        for (const isTick of order) {
          if (!isTick) {
            expect(reader.read()).toBe(waiting > 0);
            waiting = Math.max(0, waiting - 1);
            continue;
          }
          ticks++;
          if (waiting === 1 << sizeLog2) dropped++;
          else waiting++;
          ticking.tick();
        }
        expect(card.get(reg.CHANNEL_DROPPED)).toBe(dropped);
        expect(card.get(reg.CHANNEL_PRODUCER)).toBe(ticks - dropped);
        while (reader.read()) {
          // What is left.
        }
        // One more, behind those that were dropped last, tells of them.
        ticking.tick();
        expect(reader.read()).toBe(true);
        expect(reader.lost).toBe(dropped);
        expect(reader.messages.length + reader.lost).toBe(ticks + 1);
        expect(reader.messages).toEqual([...reader.messages].sort((a, b) => a - b));
        expect(card.violations()).toEqual([]);
      }),
    );
  });

  test("or holds the pipeline, and loses nothing that the card has room for", () => {
    fc.assert(
      fc.property(sizes, turns, (sizeLog2, order) => {
        const ticking = new Ticking(sizeLog2, true);
        const { card } = ticking;
        const reader = new Reader(card, sizeLog2);
        let ticks = 0;
        for (const isTick of order) {
          if (isTick) {
            ticks++;
            ticking.tick();
          } else if (reader.read()) card.port.advance(STAGES_NS);
          const isStalled = ticks - reader.consumed > 1 << sizeLog2;
          expect(card.get(reg.STATUS)).toBe(isStalled ? reg.STATUS.fields.STALLED.mask | 1 : 0);
        }
        while (reader.read()) card.port.advance(STAGES_NS);
        expect(reader.messages).toEqual(Array.from({ length: ticks }, (_, index) => index + 1));
        expect(card.get(reg.CHANNEL_DROPPED)).toBe(0);
      }),
    );
  });

  test("that stalls for too long fills the card, and what then comes in is dropped at the line", () => {
    const ticking = new Ticking(1, true);
    const { card } = ticking;
    expect(card.device.hasRoomForFrame?.(0, 100)).toBe(false);
    for (let tick = 0; tick < 5000; tick++) ticking.tick();
    const dropped = card.get(reg.LINE_DROPPED);
    expect(dropped).toBeGreaterThan(0);
    const reader = new Reader(card, 1);
    while (reader.read()) card.port.advance(STAGES_NS);
    expect(reader.messages.length).toBe(5000 - dropped);
    expect(card.get(reg.GAP_COUNT)).toBe(0);
  });
});

describe("the doorbell", () => {
  test("takes what lies between itself and the producer, and says of all else that it is wrong", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.integer(), (first, written) => {
        const ticking = new Ticking(3);
        const { card } = ticking;
        for (let tick = 0; tick < 6; tick++) ticking.tick();
        card.set(reg.CHANNEL_CONSUMER, first);
        card.set(reg.CHANNEL_CONSUMER, written);
        const isRight = written >= first && written <= 6;
        expect(card.get(reg.CHANNEL_CONSUMER)).toBe(isRight ? written : first);
        expect(card.violations()).toEqual(isRight ? [] : ["consumer-out-of-range"]);
      }),
      { examples: [[2, 4]] },
    );
  });
});

describe("the interrupt", () => {
  test("comes once for an arming, with the first event behind it", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 30 }), (order) => {
        const ticking = new Ticking(6);
        const { card } = ticking;
        let [isArmed, expected] = [false, 0];
        for (const isTick of order) {
          if (!isTick) {
            card.set(reg.CHANNEL_INTERRUPT, 1);
            isArmed = true;
            continue;
          }
          ticking.tick();
          if (isArmed) expected++;
          isArmed = false;
        }
        expect(card.port.raised).toEqual(Array<number>(expected).fill(0));
        expect(card.get(reg.CHANNEL_INTERRUPT)).toBe(isArmed ? 1 : 0);
      }),
    );
  });
});

test("a channel without a proper ring stays off, and a ring is not moved under the card without a word", () => {
  const card = new Card();
  card.openChannel(0, RING_AT);
  expect(card.get(reg.CHANNEL_CONTROL)).toBe(0);
  expect(card.violations()).toEqual(["channel-without-ring"]);
  card.openChannel(4, RING_AT, false, 2);
  card.set(reg.CHANNEL_RING_LOW, 0, 2);
  expect(card.violations()).toEqual(["channel-without-ring", "ring-changed-while-enabled"]);
});

test("slots give their events to their channels", () => {
  const card = new Card();
  for (const [slot, channel] of [3, 1].entries()) {
    card.set(reg.SLOT_FILTER, reg.SLOT_FILTER.fields.VALID.mask | (channel << 16) | (10 + slot), slot);
    card.openChannel(4, RING_AT + 4096 * channel, false, channel);
  }
  card.set(reg.CONTROL, 1);
  const [first, second] = [new TickFeed(10), new TickFeed(11)];
  second.sequence = 2;
  card.receive(first.add("B", 1, 5, 50));
  card.receive(second.add("B", 2, 6, 60));
  card.port.advance(STAGES_NS);
  expect(card.event(RING_AT + 3 * 4096, 0).words.slice(0, 4)).toEqual([10 | (0x41 << 16), 1, 50, 5]);
  expect(card.event(RING_AT + 4096, 0).words.slice(0, 4)).toEqual([11 | (0x41 << 16), 2, 60, 6]);
});
