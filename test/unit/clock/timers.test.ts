import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Timers } from "../../../emulator/clock/timers.ts";

const TIMER_COUNT = 5;

/** Timers as a map from number to deadline. */
class TimersModel {
  readonly deadlines = new Map<number, number>();

  get next(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.deadlines.values());
  }

  takeDue(now: number): number {
    const due = [...this.deadlines].filter(([, deadline]) => deadline <= now);
    // Earliest first; of equal ones the lowest number.
    due.sort(([a, first], [b, second]) => first - second || a - b);
    const timer = due[0]?.[0] ?? -1;
    this.deadlines.delete(timer);
    return timer;
  }
}

const aStep = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("start" as const),
      timer: fc.nat(TIMER_COUNT - 1),
      delayNs: fc.oneof(fc.nat(5), fc.nat(1000), fc.constant(0.4)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("stop" as const), timer: fc.nat(TIMER_COUNT - 1) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("take" as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("pass" as const), ns: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stopAll" as const) }) },
);

describe("timers against a map of deadlines", () => {
  test("any sequence of starts, stops and the passing of time", () => {
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 1, maxLength: 200, size: "max" }), (steps) => {
        const timers = new Timers(TIMER_COUNT);
        const model = new TimersModel();
        const now = new Float64Array(1);
        for (const step of steps) {
          const nowNs = now[0] as number;
          if (step.kind === "start") {
            timers.start(step.timer, now, step.delayNs);
            model.deadlines.set(step.timer, nowNs + step.delayNs);
          } else if (step.kind === "stop") {
            timers.stop(step.timer);
            model.deadlines.delete(step.timer);
          } else if (step.kind === "take") {
            expect(timers.takeDue(now)).toBe(model.takeDue(nowNs));
          } else if (step.kind === "pass") {
            now[0] = nowNs + step.ns;
          } else {
            timers.stopAll();
            model.deadlines.clear();
          }
          expect(timers.next[0]).toBe(model.next);
          for (let timer = 0; timer < TIMER_COUNT; timer++) {
            expect(timers.isArmed(timer)).toBe(model.deadlines.has(timer));
          }
        }
      }),
    );
  });

  test("a device without timers has none due, ever", () => {
    const timers = new Timers(0);
    expect(timers.takeDue(new Float64Array([Number.MAX_VALUE]))).toBe(-1);
  });
});
