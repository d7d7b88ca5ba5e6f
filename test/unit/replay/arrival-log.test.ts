import fc from "fast-check";
import { expect, test } from "vitest";
import { ArrivalLog, ArrivalSearch } from "../../../harness/replay/arrival-log.ts";
import { ReplayChannel } from "../../../harness/replay/replay-channel.ts";

/** Frames of a feed differ in a few bytes; `drop` ones never come out. */
const flow = fc.array(fc.record({ drop: fc.boolean(), lag: fc.nat({ max: 40 }) }), { minLength: 1, maxLength: 400 });

function frameNumber(number: number): Uint8Array {
  const frame = new Uint8Array(60 + (number % 7));
  new DataView(frame.buffer).setUint32(56, number);
  return frame;
}

test("every frame that comes out finds when it went in, whatever was dropped in between", () => {
  fc.assert(
    fc.property(flow, (steps) => {
      const channel = new ReplayChannel(ReplayChannel.createTables());
      const [log, search] = [new ArrivalLog(channel), new ArrivalSearch(channel)];
      const inFlight: { frame: Uint8Array; timeNs: number }[] = [];
      const now = new Float64Array(1);
      const takeDownTo = (count: number): void => {
        while (inFlight.length > count) {
          const { frame, timeNs } = inFlight.shift() as (typeof inFlight)[number];
          expect(search.find(frame, 0, frame.length)).toBe(true);
          expect(search.arrivalNs[0]).toBe(timeNs);
        }
      };
      for (const [number, { drop, lag }] of steps.entries()) {
        const frame = frameNumber(number);
        now[0] = 1e12 + number;
        log.note(frame, 0, frame.length, now);
        if (!drop) inFlight.push({ frame, timeNs: now[0] });
        takeDownTo(lag);
      }
      takeDownTo(0);
      expect(search.missedCount).toBe(0);
    }),
  );
});

test("a consumer that was lapped misses what was overwritten, and measures rightly again afterwards", () => {
  const channel = new ReplayChannel(ReplayChannel.createTables());
  const [log, search] = [new ArrivalLog(channel), new ArrivalSearch(channel)];
  const now = new Float64Array(1);
  const note = (number: number): void => {
    now[0] = number;
    log.note(frameNumber(number), 0, frameNumber(number).length, now);
  };
  const find = (number: number): boolean => search.find(frameNumber(number), 0, frameNumber(number).length);
  for (let number = 0; number < 70_000; number++) note(number);
  expect([find(0), find(1)]).toEqual([false, false]);
  for (let number = 70_000; number < 70_010; number++) note(number);
  for (let number = 70_000; number < 70_010; number++) {
    expect(find(number)).toBe(true);
    expect(search.arrivalNs[0]).toBe(number);
  }
  expect(search.missedCount).toBe(2);
});
