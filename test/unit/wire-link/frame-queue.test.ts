import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import { FrameQueue } from "../../../emulator/wire/frame-queue.ts";
import { frameOf, numberIn } from "./numbered-frames.ts";

const QUEUE_BYTES = 4096;

const aStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("put" as const), byteLength: fc.integer({ min: 4, max: 1600 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("publish" as const) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("take" as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("acknowledge" as const) }) },
);

interface Sent {
  readonly number: number;
  readonly byteLength: number;
}

/** A producing and a consuming instance over one memory, as two threads have them, and lists of what must be where. */
class Pair {
  readonly buffer = FrameQueue.createBuffer(QUEUE_BYTES);
  readonly producer = new FrameQueue(this.buffer);
  readonly consumer = new FrameQueue(this.buffer);
  readonly put: Sent[] = [];
  readonly published: Sent[] = [];
  readonly #source = MemoryView.ofSize(2048);
  #number = 0;

  tryPut(byteLength: number): boolean {
    this.#number++;
    const at = this.#number % 8;
    frameOf(this.#number, this.#source, at, byteLength);
    const fits = this.producer.put(this.#source, at, byteLength, this.#number & 3, this.#number, -this.#number);
    if (fits) this.put.push({ number: this.#number, byteLength });
    return fits;
  }

  publish(): void {
    this.producer.publish();
    this.published.push(...this.put.splice(0));
  }

  take(): void {
    const expected = this.published.shift();
    expect(this.consumer.peek()).toBe(expected !== undefined);
    if (expected === undefined) return;
    const { memory, offset, byteLength, flags, seconds, nanoseconds } = this.consumer;
    expect({ byteLength, flags, seconds, nanoseconds }).toEqual({
      byteLength: expected.byteLength,
      flags: expected.number & 3,
      seconds: expected.number,
      nanoseconds: -expected.number,
    });
    expect(numberIn(memory, offset, byteLength)).toBe(expected.number);
    this.consumer.release();
  }
}

describe("between two threads", () => {
  test("what was published comes out once, in order, unharmed; what was not stays unseen", () => {
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 1, maxLength: 400, size: "max" }), (steps) => {
        const pair = new Pair();
        let unacknowledged = 0;
        for (const step of steps) {
          if (step.kind === "put") {
            const inUse = pair.put.length + pair.published.length + unacknowledged;
            if (!pair.tryPut(step.byteLength)) expect(inUse, "an empty queue refused a frame").toBeGreaterThan(0);
          } else if (step.kind === "publish") pair.publish();
          else if (step.kind === "take") {
            if (pair.published.length > 0) unacknowledged++;
            pair.take();
          } else {
            pair.consumer.acknowledge();
            unacknowledged = 0;
            expect(pair.producer.isEmpty).toBe(pair.published.length === 0);
          }
        }
        pair.publish();
        while (pair.published.length > 0) pair.take();
        pair.take();
        pair.consumer.acknowledge();
        expect(pair.consumer.isEmpty).toBe(true);
      }),
    );
  });

  test("positions wrap at 2^32 bytes without anybody noticing", () => {
    const buffer = FrameQueue.createBuffer(QUEUE_BYTES);
    // Head and tail stand just below the sign change and just below the wrap; both sides join there.
    for (const position of [0x7fff_f000, -QUEUE_BYTES]) {
      const control = new Int32Array(buffer);
      control[0] = position;
      control[16] = position;
      const [producer, consumer] = [new FrameQueue(buffer), new FrameQueue(buffer)];
      const frame = MemoryView.ofSize(512);
      for (let number = 1; number <= 100; number++) {
        frameOf(number, frame, 0, 300);
        expect(producer.put(frame, 0, 300, 0, 0, 0)).toBe(true);
        producer.publish();
        expect(consumer.peek()).toBe(true);
        expect(numberIn(consumer.memory, consumer.offset, 300)).toBe(number);
        consumer.release();
        consumer.acknowledge();
        expect(consumer.peek()).toBe(false);
      }
    }
  });

  test("room comes back at the acknowledgement, not before", () => {
    const pair = new Pair();
    while (pair.tryPut(500)) pair.publish();
    pair.take();
    expect(pair.tryPut(500)).toBe(false);
    pair.consumer.acknowledge();
    expect(pair.tryPut(500)).toBe(true);
  });

  test("the largest frame fits an empty queue wherever its positions stand; one byte more need not", () => {
    const buffer = FrameQueue.createBuffer(QUEUE_BYTES);
    const [producer, consumer] = [new FrameQueue(buffer), new FrameQueue(buffer)];
    const frame = MemoryView.ofSize(8192);
    expect(producer.largestFrameBytes).toBe(QUEUE_BYTES / 2 - 16);
    for (let round = 0; round < 500; round++) {
      const byteLength = round % 2 === 0 ? producer.largestFrameBytes : 4 + ((round * 52) % 1000);
      expect(producer.put(frame, 0, byteLength, 0, 0, 0)).toBe(true);
      producer.publish();
      expect(consumer.peek()).toBe(true);
      consumer.release();
      consumer.acknowledge();
    }
    expect(producer.put(frame, 0, QUEUE_BYTES, 0, 0, 0)).toBe(false);
  });
});

describe("as the end of a wire", () => {
  test("a full queue loses frames, counts them, and goes on", () => {
    const buffer = FrameQueue.createBuffer(QUEUE_BYTES);
    const [producer, consumer] = [new FrameQueue(buffer), new FrameQueue(buffer)];
    const frame = MemoryView.ofSize(1024);
    for (let sent = 0; sent < 10; sent++) producer.deliver(frame, 0, 1000, 0);
    let taken = 0;
    for (; consumer.peek(); taken++) consumer.release();
    consumer.acknowledge();
    expect(taken).toBe(4);
    expect(consumer.lostCount).toBe(6);
    producer.deliver(frame, 0, 1000, 0);
    expect(consumer.peek()).toBe(true);
  });

  test("the end of the traffic is told, with the last frames visible", () => {
    const buffer = FrameQueue.createBuffer(QUEUE_BYTES);
    const [producer, consumer] = [new FrameQueue(buffer), new FrameQueue(buffer)];
    producer.put(MemoryView.ofSize(64), 0, 60, 0, 0, 0);
    expect([consumer.isClosed, consumer.peek()]).toEqual([false, false]);
    producer.close();
    expect([consumer.isClosed, consumer.peek()]).toEqual([true, true]);
  });

  test.each([0, 2048, 4095, 6000])("a size of %i bytes is refused", (byteLength) => {
    expect(() => FrameQueue.createBuffer(byteLength)).toThrow(/want a power of two, 4096 or more/);
  });
});
