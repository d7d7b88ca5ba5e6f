import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Clock, VirtualClock } from "../../../emulator/clock/clock.ts";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { lineRateFramesPerSecond, wireTimePs } from "../../../emulator/wire/line-rate.ts";
import { OpenWire, WireLane } from "../../../emulator/wire/wire.ts";
import { frameOf, numberIn } from "./numbered-frames.ts";

const frame = MemoryView.ofSize(16384);

/** A lane into a list of what arrived when. */
function laneInto(clock: Clock, gigabitsPerSecond = 10, bufferBytes = 1 << 20) {
  const arrived: { number: number; atNs: number; byteLength: number; flags: number }[] = [];
  const lane = new WireLane(
    clock,
    {
      deliver(memory, offset, byteLength, flags) {
        arrived.push({ number: numberIn(memory, offset, byteLength), atNs: clock.now[0] as number, byteLength, flags });
      },
    },
    gigabitsPerSecond,
    bufferBytes,
  );
  const send = (number: number, byteLength: number, flags = 0): void => {
    frameOf(number, frame, 0, byteLength);
    lane.deliver(frame, 0, byteLength, flags);
  };
  return { lane, arrived, send };
}

/** Moves to the lane's next arrival and lets it happen. False when nothing is on the way. */
function followLane(clock: VirtualClock, lane: WireLane): boolean {
  const next = lane.next[0] as number;
  if (next === Number.POSITIVE_INFINITY) return false;
  clock.advanceTo(next);
  return lane.pump(1);
}

describe("virtual time", () => {
  test.each([
    [10, 60, 14_880_952],
    [10, 1514, 812_743],
    [1, 60, 1_488_095],
    [100, 1514, 8_127_438],
  ])(
    "at %d Gb/s, %d-byte frames back to back: %d in a second, the last one on the picosecond",
    (rate, bytes, perSecond) => {
      expect(Math.floor(lineRateFramesPerSecond(bytes, rate))).toBe(perSecond);
      const clock = new VirtualClock();
      let count = 0;
      const sink = { deliver: () => void count++ };
      const lane = new WireLane(clock, sink, rate, 1 << 20);
      // A tenth of a second is enough to see a drift, and quick.
      const frames = Math.floor(perSecond / 10);
      for (let sent = 0; sent < frames; ) {
        for (let burst = 0; burst < 64 && sent < frames; burst++, sent++) lane.deliver(frame, 0, bytes, 0);
        while (followLane(clock, lane)) {
          // Each frame at its own time.
        }
        // The next burst is handed over as the last bit leaves: the wire never rests.
      }
      expect(count).toBe(frames);
      expect(lane.lostCount).toBe(0);
      expect(Math.round((clock.now[0] as number) * 1000)).toBe(frames * wireTimePs(bytes, rate));
    },
  );

  test("a frame arrives when its last bit does: its own time after the later of sending and the wire being free", () => {
    const aSending = fc.record({ gapNs: fc.nat(3000), byteLength: fc.integer({ min: 4, max: 1514 }) });
    fc.assert(
      fc.property(
        fc.array(aSending, { minLength: 1, maxLength: 40 }),
        fc.constantFrom(1, 10, 25, 100),
        (sendings, rate) => {
          const clock = new VirtualClock();
          const { lane, arrived, send } = laneInto(clock, rate);
          const expected: number[] = [];
          let freeNs = 0;
          for (const [number, { gapNs, byteLength }] of sendings.entries()) {
            const sendNs = (clock.now[0] as number) + gapNs;
            while ((lane.next[0] as number) <= sendNs) followLane(clock, lane);
            clock.advanceTo(sendNs);
            send(number, byteLength, number & 1);
            freeNs = Math.max(sendNs, freeNs) + wireTimePs(byteLength, rate) / 1000;
            expected.push(freeNs);
          }
          while (followLane(clock, lane)) {
            // Until the wire is empty.
          }
          expect(arrived.map(({ number, byteLength, flags }) => ({ number, byteLength, flags }))).toEqual(
            sendings.map(({ byteLength }, number) => ({ number, byteLength, flags: number & 1 })),
          );
          for (const [index, { atNs }] of arrived.entries()) expect(atNs).toBeCloseTo(expected[index] as number, 5);
        },
      ),
    );
  });

  test("nothing arrives early, and the lane says when the next one does", () => {
    const clock = new VirtualClock();
    const { lane, arrived, send } = laneInto(clock);
    expect([lane.isEmpty, lane.isIdle, lane.next[0]]).toEqual([true, true, Number.POSITIVE_INFINITY]);
    send(1, 60);
    send(2, 60);
    expect([lane.isEmpty, lane.isIdle, lane.next[0]]).toEqual([false, true, 67.2]);
    clock.advanceTo(67.1);
    expect(lane.pump(64)).toBe(false);
    clock.advanceTo(67.2);
    expect(lane.isIdle).toBe(false);
    expect(lane.pump(64)).toBe(true);
    expect(arrived.map(({ number }) => number)).toEqual([1]);
    expect(lane.next[0]).toBe(134.4);
    clock.advanceTo(1000);
    expect(lane.pump(64)).toBe(true);
    expect(lane.next[0]).toBe(Number.POSITIVE_INFINITY);
  });

  test("a pump takes at most its budget", () => {
    const clock = new VirtualClock();
    const { lane, arrived, send } = laneInto(clock);
    for (let number = 0; number < 10; number++) send(number, 60);
    clock.advanceTo(10_000);
    lane.pump(3);
    expect(arrived).toHaveLength(3);
    expect(lane.next[0]).toBeCloseTo(4 * 67.2, 9);
    lane.pump(64);
    expect(arrived.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("a receiver that sends on the same wire at once does not disturb it", () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const lane: WireLane = new WireLane(
      clock,
      {
        deliver(memory, offset, byteLength) {
          const number = numberIn(memory, offset, byteLength);
          seen.push(number);
          if (number >= 20) return;
          frameOf(number + 2, frame, 0, 60 + number);
          lane.deliver(frame, 0, 60 + number, 0);
        },
      },
      10,
      4096,
    );
    for (const number of [0, 1]) {
      frameOf(number, frame, 0, 60);
      lane.deliver(frame, 0, 60, 0);
    }
    while (followLane(clock, lane)) {
      // Two frames go round.
    }
    expect(seen).toEqual(Array.from({ length: 22 }, (_, index) => index));
  });

  test("a sender faster than the wire loses what the lane has no room for, and only that", () => {
    const clock = new VirtualClock();
    const { lane, arrived, send } = laneInto(clock, 10, 4096);
    for (let number = 0; number < 100; number++) send(number, 500);
    expect(lane.lostCount).toBe(92);
    while (followLane(clock, lane)) {
      // Until the wire is empty.
    }
    expect(arrived.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

test("on a clock that nobody steps, frames arrive at the next look", () => {
  const clock: Clock = { kind: "wall", now: new Float64Array([5e15]), refresh: () => {} };
  const { lane, arrived, send } = laneInto(clock);
  send(1, 1514);
  send(2, 60);
  expect(lane.isIdle).toBe(false);
  expect(lane.pump(64)).toBe(true);
  expect(arrived.map(({ number }) => number)).toEqual([1, 2]);
});

describe("the backlog that a sender asks for", () => {
  test("is the line's time of what was sent and has not left, in whole nanoseconds", () => {
    const clock = new VirtualClock();
    const { lane, send } = laneInto(clock);
    expect(lane.backlogNs()).toBe(0);
    send(1, 60);
    expect(lane.backlogNs()).toBe(68);
    send(2, 1514);
    expect(lane.backlogNs()).toBe(Math.ceil(67.2 + 1230.4));
    clock.advanceTo(100);
    lane.pump(64);
    expect(lane.backlogNs()).toBe(1198);
    clock.advanceTo(1_000_000);
    lane.pump(64);
    expect(lane.backlogNs()).toBe(0);
    send(3, 60);
    expect(lane.backlogNs()).toBe(68);
  });

  test("on the wall clock counts what nobody has taken, however long ago it was sent", () => {
    const clock: Clock = { kind: "wall", now: new Float64Array([5e15]), refresh: () => {} };
    const { lane, send } = laneInto(clock);
    for (let number = 0; number < 100; number++) send(number, 1514);
    clock.now[0] = 6e15;
    expect(lane.backlogNs()).toBeGreaterThan(100 * 1514 * 0.8);
    lane.pump(50);
    expect(lane.backlogNs()).toBeLessThan(51 * 1538 * 0.8);
    lane.pump(50);
    expect(lane.backlogNs()).toBe(0);
  });

  test("of a wire to the test is the line's time too, though frames are taken at once", () => {
    const clock: Clock = { kind: "wall", now: new Float64Array([5e15]), refresh: () => {} };
    const wire = new OpenWire(clock, undefined, 10);
    for (let number = 0; number < 100; number++) wire.deliver(frame, 0, 1514, 0);
    expect(wire.frameCount).toBe(100);
    expect(wire.backlogNs()).toBe(123_040);
    clock.now[0] = 5e15 + 23_040;
    expect(wire.backlogNs()).toBe(100_000);
    // After a rest the line begins anew: rest is not saved up.
    clock.now[0] = 5e15 + 1e9;
    expect(wire.backlogNs()).toBe(0);
    wire.deliver(frame, 0, 60, 0);
    expect(wire.backlogNs()).toBeGreaterThanOrEqual(67);
    // A sender that never asks piles up hours: the number stays an int32.
    for (let number = 0; number < 2_000_000; number++) wire.deliver(frame, 0, 1514, 0);
    expect(wire.backlogNs()).toBe(2 ** 31 - 1);
  });

  test("of a wire to the test is right within some kilobytes for every pace of sending", () => {
    const aSending = fc.record({
      gapNs: fc.nat(4000),
      byteLength: fc.integer({ min: 20, max: 1514 }),
      asks: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(aSending, { minLength: 1, maxLength: 200, size: "max" }), (sendings) => {
        const clock: Clock = { kind: "wall", now: new Float64Array([7e12]), refresh: () => {} };
        const wire = new OpenWire(clock, undefined, 10);
        let freeNs = 0;
        for (const { gapNs, byteLength, asks } of sendings) {
          clock.now[0] = (clock.now[0] as number) + gapNs;
          freeNs = Math.max(freeNs, clock.now[0]) + wireTimePs(byteLength, 10) / 1000;
          wire.deliver(frame, 0, byteLength, 0);
          if (!asks) continue;
          const exact = freeNs - clock.now[0];
          expect(wire.backlogNs()).toBeLessThanOrEqual(Math.ceil(exact));
          expect(wire.backlogNs()).toBeGreaterThanOrEqual(Math.floor(exact - (4096 + 1538) * 0.8));
        }
      }),
    );
  });
});
