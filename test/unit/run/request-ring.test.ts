import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/clock/clock.ts";
import { createRequestRing, RequestRing, RING_ENTRY_COUNT } from "../../../emulator/run/request-ring.ts";
import { RingLink } from "../../../emulator/run/ring-link.ts";
import { STATUS_RUNNING, ThreadStatus } from "../../../emulator/run/thread-status.ts";
import { EndpointBench } from "../pcie/endpoint-bench.ts";

/** Both ends of a ring in one thread: posted writes need nobody to answer. */
function bothEnds() {
  const bench = new EndpointBench();
  const buffer = createRequestRing();
  const status = new ThreadStatus(ThreadStatus.createBuffer());
  status.status = STATUS_RUNNING;
  const link = new RingLink({
    name: "probe",
    cpuIndex: 0,
    ring: buffer,
    status,
    controller: bench.interrupts,
    clock: new VirtualClock(),
    wantedNs: new SharedArrayBuffer(8),
    port: undefined as never,
    bars: {},
    onMap: () => {},
    answerLimitMs: 1000,
  });
  const ring = new RequestRing(
    buffer,
    bench.endpoint,
    () => false,
    () => {},
  );
  return { bench, link, ring, status };
}

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const aWrite = fc
  .tuple(fc.constantFrom(0, 2), fc.nat(0x1ff), fc.constantFrom(1, 2, 4, 8), int32, int32)
  .map(([bar, slot, byteLength, low, high]) => [bar, slot * 8, byteLength, low, high] as const);

describe("a ring of posted writes", () => {
  test("every field of every write arrives once, in order, whenever the device looks", () => {
    const bursts = fc.array(fc.record({ writes: fc.array(aWrite, { maxLength: 60 }), polls: fc.nat(3) }), {
      minLength: 1,
      maxLength: 40,
      size: "max",
    });
    fc.assert(
      fc.property(fc.nat(3000), bursts, (lead, steps) => {
        const { bench, link, ring } = bothEnds();
        // Somewhere in some lap of the ring, with old entries everywhere.
        for (let write = 0; write < lead; write++) {
          link.write(0, 0, 4, write, 0);
          if (write % 64 === 63) ring.poll();
        }
        ring.poll();
        bench.device.take();
        const expected: unknown[] = [];
        const seen: unknown[] = [];
        let waiting = 0;
        for (const { writes, polls } of steps) {
          // What does not fit would wait for a device that runs in this very thread.
          while (waiting + writes.length + 128 > RING_ENTRY_COUNT) {
            expect(ring.poll()).toBe(true);
            waiting = Math.max(0, waiting - 256);
          }
          for (const write of writes) {
            link.write(...write);
            expected.push(["write", ...write]);
          }
          waiting += writes.length;
          if (writes.length > 0) expect(ring.isIdle()).toBe(false);
          for (let poll = 0; poll < polls; poll++) {
            ring.poll();
            waiting = Math.max(0, waiting - 256);
          }
          seen.push(...bench.device.take());
        }
        while (ring.poll()) {
          // Until all of them have been taken.
        }
        seen.push(...bench.device.take());
        expect(seen).toEqual(expected);
        expect(ring.isIdle()).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("a turn takes a bounded number, so that another CPU's ring has its turn", () => {
    const { bench, link, ring } = bothEnds();
    for (let write = 0; write < 800; write++) link.write(0, 0, 4, write, 0);
    const perPoll: number[] = [];
    while (ring.poll()) perPoll.push(bench.device.take().length);
    expect(perPoll.reduce((sum, count) => sum + count, 0)).toBe(800);
    expect(Math.max(...perPoll)).toBeLessThanOrEqual(256);
  });

  test("a writer wakes a device thread that has announced its sleep, and leaves one alone that has not", async () => {
    const { link, status } = bothEnds();
    let ticket = status.fallAsleep();
    status.awake();
    link.write(0, 0, 4, 1, 0);
    // Nobody was asleep: the word that sleepers wait on has not moved.
    expect(status.fallAsleep()).toBe(ticket);
    link.write(0, 0, 4, 2, 0);
    // The write came between the announcement and the sleep: there is no sleep.
    const before = performance.now();
    await status.sleep(ticket, 10_000);
    expect(performance.now() - before).toBeLessThan(5000);
    status.awake();
    ticket = status.fallAsleep();
    const sleeping = status.sleep(ticket, 10_000);
    link.write(0, 0, 4, 3, 0);
    await sleeping;
    expect(performance.now() - before).toBeLessThan(5000);
    status.awake();
  });
});
