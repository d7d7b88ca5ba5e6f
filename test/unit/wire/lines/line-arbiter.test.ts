import fc from "fast-check";
import { expect, test } from "vitest";
import { VirtualClock } from "../../../../emulator/clock/clock.ts";
import { LineArbiter } from "../../../../emulator/wire/lines/line-arbiter.ts";
import { ArbiterBench, packetBytes } from "./arbiter-bench.ts";

const KEYS = [0, -7, 15_340];

test("streams that share their lines do not see each other", () => {
  const packets = fc.array(
    fc.record({ stream: fc.nat(2), line: fc.nat(1), sequence: fc.integer({ min: 1, max: 40 }), waitNs: fc.nat(30) }),
    { minLength: 1, maxLength: 80 },
  );
  fc.assert(
    fc.property(packets, fc.constantFrom("latency" as const, "reliability" as const), (script, mode) => {
      const options = { mode, gapLimitNs: 50, windowSequences: 16, heldPacketLimit: 3, streamLimit: 3 };
      const clock = new VirtualClock();
      const events = new Map<number, string[]>(KEYS.map((key) => [key, []]));
      const note = (key: number, event: string) => events.get(key)?.push(event);
      const together = new LineArbiter(
        clock,
        {
          pass: (key, line, range) => {
            for (let at = range[0] as number; at < (range[1] as number); at++) note(key, `pass ${at} of line ${line}`);
          },
          lose: (key, range) => {
            for (let at = range[0] as number; at < (range[1] as number); at++) note(key, `lose ${at}`);
          },
          restart: (key, range) => note(key, `restart at ${range[0]}`),
        },
        options,
      );
      const apart = KEYS.map(() => new ArbiterBench(options));
      for (const { stream, line, sequence, waitNs } of script) {
        clock.advanceBy(waitNs);
        together.expire();
        for (const bench of apart) bench.at(clock.now[0] as number).arbiter.expire();
        together.sequence[0] = sequence;
        together.offer(line, KEYS[stream] as number, 0, packetBytes(sequence, 1), 0, 1, 1);
        apart[stream]?.offer(line, sequence);
        expect(together.nextNs()).toBe(Math.min(...apart.map(({ arbiter }) => arbiter.next[0] as number)));
      }
      together.finish();
      for (const [index, bench] of apart.entries()) {
        bench.arbiter.finish();
        expect(events.get(KEYS[index] as number)).toEqual(bench.events);
        const stream = together.streams.find(({ streamKey }) => streamKey === KEYS[index]);
        if (bench.events.length > 0) expect(stream?.report()).toEqual(bench.arbiter.report());
        else expect(stream).toBeUndefined();
      }
    }),
    { numRuns: 100 },
  );
});

test("a stream beyond the limit is refused and counted; those that are known go on", () => {
  const passed: string[] = [];
  const sink = {
    pass: (key: number, _line: number, range: Float64Array) => passed.push(`${key}:${range[0]}`),
    lose() {},
  };
  const arbiter = new LineArbiter(new VirtualClock(), sink, { mode: "latency", streamLimit: 2 });
  for (const [key, sequence] of [
    [10, 1],
    [20, 1],
    [30, 1],
    [10, 2],
    [30, 2],
    [20, 2],
  ] as const) {
    arbiter.sequence[0] = sequence;
    arbiter.offer(0, key, 0, packetBytes(sequence, 1), 0, 1, 1);
  }
  expect(passed).toEqual(["10:1", "20:1", "10:2", "20:2"]);
  expect([arbiter.refusedPackets, arbiter.streamCount]).toEqual([2, 2]);
  arbiter.sequence[0] = 1;
  arbiter.restart(0, 10);
  arbiter.offer(0, 10, 0, packetBytes(1, 1), 0, 1, 1);
  expect(passed.at(-1)).toBe("10:1");
});
