import fc from "fast-check";
import { expect, test } from "vitest";
import * as reg from "../../../devices/feed-handler/registers.ts";
import { Card, STAGES_NS } from "./card.ts";
import { locateOf, type SessionFrame, sessionFrames, softwareBook, topOf } from "./session.ts";

const STOCKS = [1, 2, 3, 4, 5, 6];
const seeds = fc.integer({ min: 1, max: 1_000_000 });
/** Longer than a packet is held back. */
const GAP_WAIT_NS = 100_000;

test("the book in the BAR is the software's after every frame, and its entry names the message", () => {
  let mostStocks = 0;
  fc.assert(
    fc.property(seeds, (seed) => {
      const card = Card.following(STOCKS);
      const book = softwareBook();
      let sequence = 0;
      const lastChange = new Map<number, number>();
      for (const { bytes, messages } of sessionFrames(seed, 150, STOCKS.length)) {
        card.receive(bytes);
        card.port.advance(STAGES_NS);
        for (const message of messages) {
          sequence++;
          const locate = locateOf(message);
          const before = topOf(book, locate);
          book.apply(message, 0, message.length);
          if (String(before) !== String(topOf(book, locate))) lastChange.set(locate, sequence);
        }
        for (const [slot, locate] of STOCKS.entries()) {
          const entry = card.entry(slot);
          expect(entry.slice(2, 6)).toEqual(topOf(book, locate));
          expect((entry[0] as number) & 1).toBe(0);
          expect(entry[1]).toBe(locate);
          expect(entry[6]).toBe(lastChange.get(locate) ?? 0);
        }
      }
      expect(card.get(reg.MESSAGES)).toBe(sequence);
      expect(card.get(reg.BOOK_FAULTS)).toBe(0);
      mostStocks = Math.max(mostStocks, lastChange.size);
    }),
    { numRuns: 15, examples: [[1]] },
  );
  // In the session of the example.
  expect(mostStocks).toBe(STOCKS.length);
});

test("message by message: each one that changes a top has an event with the top behind it, in order", () => {
  let mostEvents = 0;
  fc.assert(
    fc.property(seeds, (seed) => {
      const card = Card.following(STOCKS);
      const ringAt = 4096;
      card.openChannel(12, ringAt);
      const book = softwareBook();
      let [sequence, events] = [0, 0];
      for (const { bytes, messages } of sessionFrames(seed, 200, STOCKS.length)) {
        card.receive(bytes);
        card.port.advance(STAGES_NS);
        for (const message of messages) {
          sequence++;
          const locate = locateOf(message);
          const before = topOf(book, locate);
          book.apply(message, 0, message.length);
          const top = topOf(book, locate);
          if (String(before) === String(top)) continue;
          const { words, phase, lost, number } = card.event(ringAt, events);
          expect(words.slice(0, 6)).toEqual([locate | ((message[0] as number) << 16), sequence, ...top]);
          expect([phase, lost, number]).toEqual([1, 0, events]);
          events++;
        }
      }
      expect(card.get(reg.CHANNEL_PRODUCER)).toBe(events);
      mostEvents = Math.max(mostEvents, events);
    }),
    { numRuns: 10, examples: [[1]] },
  );
  // The session of the example has as many.
  expect(mostEvents).toBeGreaterThan(20);
});

test("with losses on both lines, as long as one of them has each frame, it is the same book", () => {
  const fates = fc.constantFrom("A", "B", "AB", "BA", "late A", "late B");
  fc.assert(
    fc.property(seeds, fc.array(fates, { minLength: 50, maxLength: 50 }), (seed, fate) => {
      const card = Card.following(STOCKS);
      const book = softwareBook();
      const late: (readonly [SessionFrame, number])[] = [];
      for (const [index, frame] of sessionFrames(seed, 150, STOCKS.length).entries()) {
        const how = fate[index % fate.length] as string;
        // A frame that is late on its only line comes behind the next one, which is held back for it.
        if (how.startsWith("late") && late.length < 3) late.push([frame, how.endsWith("A") ? 0 : 1]);
        else {
          for (const line of how.replace("late ", "")) card.receive(frame.bytes, line === "A" ? 0 : 1);
          for (const [before, line] of late.splice(0)) card.receive(before.bytes, line);
        }
        for (const message of frame.messages) book.apply(message, 0, message.length);
        card.port.advance(STAGES_NS);
        if (late.length > 0) continue;
        for (const [slot, locate] of STOCKS.entries()) expect(card.top(slot)).toEqual(topOf(book, locate));
      }
      for (const [before, line] of late.splice(0)) card.receive(before.bytes, line);
      card.port.advance(STAGES_NS);
      for (const [slot, locate] of STOCKS.entries()) expect(card.top(slot)).toEqual(topOf(book, locate));
      expect(card.get(reg.GAP_COUNT)).toBe(0);
      expect(card.get(reg.STATUS)).toBe(0);
    }),
    { numRuns: 30 },
  );
});

test("each message counts once as first and as often as it came again as a duplicate", () => {
  const lines = fc.array(fc.constantFrom("A", "B", "AB", "BA"), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(seeds, lines, (seed, fate) => {
      const card = Card.following(STOCKS);
      const first = [0, 0];
      const duplicates = [0, 0];
      for (const [index, { bytes, messages }] of sessionFrames(seed, 60, STOCKS.length).entries()) {
        for (const [copy, name] of [...(fate[index % fate.length] as string)].entries()) {
          const line = name === "A" ? 0 : 1;
          card.receive(bytes, line);
          const counts = copy === 0 ? first : duplicates;
          counts[line] = (counts[line] as number) + messages.length;
        }
        card.port.advance(STAGES_NS);
      }
      for (const line of [0, 1]) {
        expect(card.get(reg.LINE_FIRST, line)).toBe(first[line]);
        expect(card.get(reg.LINE_DUPLICATES, line)).toBe(duplicates[line]);
      }
    }),
    { numRuns: 10 },
  );
});

test("what neither line has is a gap: counted, said in STATUS and in events, and no trigger fires behind it", () => {
  const frames = sessionFrames(5, 120, 2);
  const card = Card.following([1, 2]);
  const lost = 60;
  let lostMessages = 0;
  for (const [index, { bytes, messages }] of frames.entries()) {
    if (index === lost) lostMessages = messages.length;
    else card.receive(bytes, index % 2);
    card.port.advance(index === lost + 1 ? STAGES_NS + GAP_WAIT_NS : STAGES_NS);
  }
  expect(lostMessages).toBeGreaterThan(0);
  expect(card.get(reg.GAP_COUNT)).toBe(1);
  expect(card.get(reg.GAP_MESSAGES)).toBe(lostMessages);
  expect(card.get(reg.STATUS)).toBe(reg.STATUS.fields.GAP.mask);
  card.set(reg.STATUS, reg.STATUS.fields.GAP.mask);
  expect(card.get(reg.STATUS)).toBe(0);
});

test("stocks that no slot follows are filtered; a damaged frame, another flow and another session are counted", () => {
  const frames = sessionFrames(7, 100, 4);
  const card = Card.following([3]);
  let [all, other] = [0, 0];
  for (const { bytes, messages } of frames) {
    card.receive(bytes);
    card.port.advance(STAGES_NS);
    all += messages.length;
    other += messages.filter((message) => locateOf(message) !== 3).length;
  }
  expect([card.get(reg.MESSAGES), card.get(reg.FILTERED), card.get(reg.MALFORMED)]).toEqual([all, other, 0]);
  const [first] = frames;
  const bytes = first?.bytes ?? expect.fail("no frame");
  card.receive(bytes, 1, 1);
  card.port.advance(STAGES_NS);
  expect(card.get(reg.LINE_BAD, 1)).toBe(1);
  const session = bytes.slice();
  session[42] = 0x58;
  card.receive(session, 1);
  card.set(reg.LINE_PORT, 1234, 1);
  card.port.advance(STAGES_NS);
  expect(card.get(reg.LINE_OTHER, 1)).toBe(1);
  card.receive(bytes, 1);
  card.port.advance(STAGES_NS);
  expect(card.get(reg.LINE_OTHER, 1)).toBe(2);
  card.set(reg.CONTROL, 0);
  card.receive(bytes, 0);
  expect(card.get(reg.LINE_DROPPED, 0)).toBe(1);
});
