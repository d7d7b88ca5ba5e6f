import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/clock/clock.ts";
import { WallClock } from "../../../emulator/clock/wall-clock.ts";
import { DeviceHost, type EventSource } from "../../../emulator/run/device-host.ts";
import { EndpointBench } from "../pcie/endpoint-bench.ts";

/** A source that does one thing at each of the given times. */
function planned(clock: VirtualClock, times: readonly number[], act: (timeNs: number) => void): EventSource {
  const left = [...times];
  const next = new Float64Array([left[0] ?? Number.POSITIVE_INFINITY]);
  return {
    next,
    isIdle: () => true,
    poll() {
      if ((next[0] as number) > (clock.now[0] as number)) return false;
      act(left.shift() as number);
      next[0] = left[0] ?? Number.POSITIVE_INFINITY;
      return true;
    },
  };
}

describe("virtual time", () => {
  test("leaps from event to event, each at its own time, and stops at the limit", () => {
    const bench = new EndpointBench();
    const { clock, endpoint, device } = bench;
    const host = new DeviceHost(clock);
    host.endpoints.push(endpoint);
    const seen: [string, number][] = [];
    device.onTimer = () => seen.push(["timer", clock.now[0] as number]);
    host.sources.push(
      planned(clock, [30, 70, 70, 400], (timeNs) => seen.push([`planned ${timeNs}`, clock.now[0] as number])),
    );
    endpoint.startTimer(0, 50);
    expect(host.nextEventNs()).toBe(30);
    while (host.leap(100)) {
      // One event at a time.
    }
    expect(seen).toEqual([
      ["planned 30", 30],
      ["timer", 50],
      ["planned 70", 70],
      ["planned 70", 70],
    ]);
    expect(clock.now[0]).toBe(100);
    expect(host.leap()).toBe(true);
    expect(clock.now[0]).toBe(400);
    // Nothing is planned any more: time stands.
    expect(host.leap()).toBe(false);
    expect(clock.now[0]).toBe(400);
  });

  test("two devices that keep each other busy are told apart from a long run", () => {
    const host = new DeviceHost(new VirtualClock());
    host.sources.push({ poll: () => true, isIdle: () => false });
    expect(() => host.settle(1000)).toThrow(/keep each other busy/);
  });

  test("the wall clock does not leap", () => {
    const host = new DeviceHost(new WallClock());
    expect(host.leap()).toBe(false);
  });
});

describe("a turn", () => {
  test("polls every source and answers at most a burst of reads, so that nobody is starved", () => {
    const bench = new EndpointBench();
    const host = new DeviceHost(bench.clock);
    host.endpoints.push(bench.endpoint);
    const polls = [0, 0];
    for (const index of [0, 1]) {
      host.sources.push({
        poll: () => {
          polls[index] = (polls[index] ?? 0) + 1;
          return false;
        },
        isIdle: () => true,
      });
    }
    const [high, low] = bench.mapText("x");
    for (let read = 0; read < 600; read++) bench.endpoint.dmaRead(high, low, 1, read, 0);
    expect(host.isIdle()).toBe(false);
    expect(host.turn()).toBe(true);
    expect(polls).toEqual([1, 1]);
    const answered = bench.device.take().length;
    expect(answered).toBeGreaterThan(0);
    expect(answered).toBeLessThan(600);
    host.settle();
    expect(answered + bench.device.take().length).toBe(600);
    expect(host.isIdle()).toBe(true);
    expect(host.turn()).toBe(false);
  });

  test("a source that joins during a turn is polled, and one that is not idle is work", () => {
    const host = new DeviceHost(new VirtualClock());
    let polled = 0;
    host.sources.push({
      poll() {
        if (host.sources.length === 1) host.sources.push({ poll: () => ++polled < 3, isIdle: () => polled >= 3 });
        return false;
      },
      isIdle: () => true,
    });
    host.settle();
    expect(polled).toBe(3);
    expect(host.isIdle()).toBe(true);
  });
});
