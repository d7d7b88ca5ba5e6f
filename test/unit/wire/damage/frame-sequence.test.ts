import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameSequence } from "../../../../emulator/wire/damage/frame-sequence.ts";
import { FEED_FORMATS } from "../../../../emulator/wire/feeds/feed-recogniser.ts";
import { FEED_PAYLOADS } from "../feeds/feed-payloads.ts";
import { LINE_A, LINE_B, moldFrame, type Packet, sendThrough, udpFrame } from "./damage-bench.ts";

const packet = (sequence: number, count: number): Packet => ({ line: LINE_A, sequence, count, timeNs: 0 });

test("a packet carries what its messages are numbered, and a heartbeat nothing", () => {
  const sequence = new FrameSequence("moldudp64");
  const number = fc.integer({ min: 1, max: 30 });
  fc.assert(
    fc.property(number, fc.nat(5), number, fc.nat(8), (first, count, from, extent) => {
      const bytes = moldFrame(packet(first, count));
      sequence.read(bytes, 0, bytes.length);
      const numbers = Array.from({ length: count }, (_, index) => first + index);
      expect(sequence.hasSequence).toBe(true);
      expect(sequence.carries(from, from + extent)).toBe(numbers.some((at) => from <= at && at <= from + extent));
    }),
  );
});

test("a rule for sequences leaves heartbeats alone", () => {
  const packets = [packet(5, 2), packet(7, 0), packet(7, 1), packet(8, 0)];
  const { arrivals } = sendThrough({ rules: [{ sequences: [[6, 9]], loss: 1 }] }, packets);
  expect(arrivals.map(({ bytes }) => bytes)).toEqual([packets[1], packets[3]].map((each) => moldFrame(each as Packet)));
});

test("every line is read as the feed that it carries, from its first packet on, whatever other lines carry", () => {
  const feeds = Object.keys(FEED_PAYLOADS);
  expect(feeds).toEqual(FEED_FORMATS.map(({ name }) => name));
  const number = fc.integer({ min: 1, max: 2 ** 31 });
  const packets = fc.array(fc.tuple(number, fc.integer({ min: 2, max: 5 })), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(fc.constantFrom(...feeds), fc.constantFrom(...feeds), packets, (one, other, numbers) => {
      const sequence = new FrameSequence("auto");
      for (const [first, count] of numbers) {
        for (const [line, feed] of [[LINE_A, one] as const, [LINE_B, other] as const]) {
          const { payload, session, numbersPackets = false } = FEED_PAYLOADS[feed] as (typeof FEED_PAYLOADS)[string];
          const bytes = udpFrame(line, payload(first, count));
          sequence.read(bytes, 0, bytes.length);
          expect([feed, sequence.hasSequence, ...sequence.range]).toEqual([
            feed,
            true,
            first,
            first + (numbersPackets ? 1 : count),
          ]);
          expect(sequence.session).toBe(session);
          const tracker = FEED_FORMATS.find(({ name }) => name === feed)?.openTracker();
          tracker?.track(bytes, 42, bytes.length - 42);
          expect(tracker?.streams[0]?.name).toBe(session === "" ? "channel" : session);
        }
      }
    }),
  );
});

test("what is of no feed has no sequence, and a heartbeat of MoldUDP64 has one before anything else came", () => {
  const sequence = new FrameSequence("auto");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 15 }), (payload) => {
      const bytes = udpFrame(LINE_A, payload);
      sequence.read(bytes, 0, bytes.length);
      expect(sequence.hasSequence).toBe(false);
    }),
  );
  const heartbeat = moldFrame(packet(17, 0));
  sequence.read(heartbeat, 0, heartbeat.length);
  expect([sequence.hasSequence, ...sequence.range, sequence.session]).toEqual([true, 17, 17, "SESSION001"]);
});
