import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MappedBuffer } from "../../../emulator/driver/dma-buffer.ts";

/** Of the lock: word 2 of the buffer. */
const LOCK = 8;

let word: Int32Array;
let buffer: MappedBuffer;

beforeEach(() => {
  const shared = new SharedArrayBuffer(64);
  word = new Int32Array(shared, LOCK, 1);
  buffer = new MappedBuffer(shared, 0, 64, 0x1000, "table", () => {});
});

afterEach(() => void vi.restoreAllMocks());

/**
 * What other CPUs store to the lock: in front of wait number 1, 2, …, and in front of the try behind it. Undefined: nothing.
 * Waits end as they would, but take no time. Returns how many there were.
 */
function contend(
  beforeWait: (wait: number) => number | undefined,
  beforeTry: (wait: number) => number | undefined,
): () => number {
  let waits = 0;
  vi.spyOn(Atomics, "wait").mockImplementation((_words, _index, value) => {
    word[0] = beforeWait(++waits) ?? (word[0] as number);
    const outcome = word[0] === Number(value) ? "timed-out" : "not-equal";
    word[0] = beforeTry(waits) ?? (word[0] as number);
    return outcome;
  });
  return () => waits;
}

test("a lock that is given back and taken by another CPU first, any number of times, is waited for", () => {
  word[0] = 1;
  const waits = contend(
    () => 0,
    (wait) => (wait <= 30_000 ? 1 : undefined),
  );
  buffer.lock(LOCK);
  expect(waits()).toBe(30_001);
  expect(word[0]).toBe(1);
  buffer.unlock(LOCK);
  expect(word[0]).toBe(0);
});

test("naps before the lock was last seen free do not count", () => {
  word[0] = 1;
  const waits = contend(
    (wait) => (wait % 10_000 === 0 ? 0 : undefined),
    (wait) => (wait < 30_000 ? 1 : undefined),
  );
  buffer.lock(LOCK);
  expect(waits()).toBe(30_000);
});

test.each([1, 2, -1])("a lock whose word stays %i for 10,000 naps is an error, and stays as it is", (value) => {
  word[0] = value;
  const waits = contend(
    () => undefined,
    () => undefined,
  );
  expect(() => buffer.lock(LOCK)).toThrow("table+0x8: a lock that nobody gives back");
  expect(waits()).toBe(10_000);
  expect(word[0]).toBe(value);
});
