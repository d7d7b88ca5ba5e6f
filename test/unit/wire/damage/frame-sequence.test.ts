import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameSequence } from "../../../../emulator/wire/damage/frame-sequence.ts";
import { LINE_A, moldFrame, type Packet, sendThrough } from "./damage-bench.ts";

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
