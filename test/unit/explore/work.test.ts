import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { Schedule } from "../../../emulator/explore/schedule.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { AsyncSession } from "../../../harness/explore/async-session.ts";
import { PluggedSession } from "../../../harness/explore/plugged-session.ts";
import type { AnySession } from "../../../harness/explore/search-session.ts";
import { atOnce, inTime, settled, type Work } from "../../../harness/explore/work.ts";

function* twice(session: AnySession): Work<number[]> {
  const schedule = new Schedule();
  return [yield* settled(session.replay("sc", schedule)), yield* settled(session.replay("sc", schedule))];
}

function* caught(answer: number | Promise<number>): Work<string> {
  try {
    return `${yield* settled(answer)}`;
  } catch (error) {
    return String(error);
  }
}

test("the same work is done with both kinds of session, and with the one without a turn of anything", async () => {
  const devices = [await loadDevice(edu())];
  const exploration = { setup: () => undefined, body: () => undefined };
  const plain = new PluggedSession(devices, exploration);
  const tasks = new AsyncSession(devices, exploration);
  expect(twice(plain).next()).toEqual({ done: true, value: [0, 0] });
  expect(atOnce(twice(plain))).toEqual([0, 0]);
  expect(await inTime(twice(plain))).toEqual([0, 0]);
  expect(await inTime(twice(tasks))).toEqual([0, 0]);
  expect(() => atOnce(twice(tasks))).toThrow(TypeError);
});

test("what a session rejects with is thrown where the work waits, and what the work throws is rejected with", async () => {
  expect(await inTime(caught(Promise.reject(new RangeError("no"))))).toBe("RangeError: no");
  expect(await inTime(caught(Promise.resolve(7)))).toBe("7");
  expect(atOnce(caught(7))).toBe("7");
  await expect(inTime(settled(Promise.reject(new RangeError("no"))))).rejects.toThrow(new RangeError("no"));
});
