import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../../emulator/clock/clock.ts";
import { StreamArbiter } from "../../../../emulator/wire/lines/stream-arbiter.ts";
import { ArbiterBench } from "./arbiter-bench.ts";

const small = { mode: "latency", windowSequences: 16, gapLimitNs: 1000 } as const;

/** Offers one-message packets "line:sequence", in order. */
function run(bench: ArbiterBench, script: string, session = 0): void {
  for (const step of script.split(" ")) {
    const [line, sequence] = step.split(":").map(Number) as [number, number];
    bench.offer(line, sequence, 1, session);
  }
}

describe("a sender that counts anew within its session", () => {
  test("is followed by the other line; what that one still brings of the old count is not taken for the new one", () => {
    const bench = new ArbiterBench(small);
    run(bench, "0:500 1:500 0:501 0:502 0:1 1:501 1:502 0:2 1:1 1:2 1:3 0:3");
    expect(bench.events).toEqual([
      ...["pass 500 of line 0", "pass 501 of line 0", "pass 502 of line 0"],
      ...["restart at 1", "pass 1 of line 0", "pass 2 of line 0", "pass 3 of line 1"],
    ]);
    const [first, second] = bench.arbiter.report();
    expect(first).toMatchObject({ restarts: 1, stalePackets: 0, firstMessages: 5, secondMessages: 1 });
    expect(second).toMatchObject({ restarts: 1, stalePackets: 2, firstMessages: 1, secondMessages: 3 });
    expect(bench.arbiter.restartCount).toBe(1);
  });

  test("that goes back less than `restartDistance` is a repetition, unless the feed says so", () => {
    const script = "0:1 1:1 0:2 1:2 0:3 1:3 0:1 1:1";
    const silent = new ArbiterBench(small);
    run(silent, script);
    expect(silent.passed).toEqual([1, 2, 3]);
    expect(silent.arbiter.report().map(({ duplicates }) => duplicates)).toEqual([1, 1]);

    const told = new ArbiterBench(small);
    run(told, "0:1 1:1 0:2 1:2 0:3");
    told.arbiter.sequence[0] = 1;
    told.arbiter.restart(0);
    run(told, "0:1 1:3");
    told.arbiter.sequence[0] = 1;
    told.arbiter.restart(1);
    run(told, "1:1 1:2");
    expect(told.passed).toEqual([1, 2, 3, 1, 2]);
    expect(told.arbiter.restartCount).toBe(1);
    expect(told.arbiter.report()[1]).toMatchObject({ stalePackets: 1, restarts: 1 });
  });

  test("ends what was open: holes are lost, and held packets passed before the restart", () => {
    const bench = new ArbiterBench({ ...small, mode: "reliability" });
    run(bench, "0:500 0:502 1:500 0:504 0:1");
    expect(bench.events).toEqual([
      ...["pass 500 of line 0", "lose 501", "pass 502 of line 0", "lose 503", "pass 504 of line 0"],
      ...["restart at 1", "pass 1 of line 0"],
    ]);
  });

  test("of 32 bits: over zero by one is the wrap, over zero by far is a restart", () => {
    const bench = new ArbiterBench({ ...small, sequenceBits: 32 });
    const top = 2 ** 32 - 1;
    run(bench, `0:${top - 1} 1:${top - 1} 0:${top} 0:0 1:${top} 1:0 1:1`);
    expect(bench.passed).toEqual([top - 1, top, top + 1, top + 2]);
    expect(bench.arbiter.restartCount).toBe(0);

    const weekly = new ArbiterBench({ ...small, sequenceBits: 32 });
    run(weekly, `0:${top - 1000} 1:${top - 1000} 0:1 1:1 1:2`);
    expect(weekly.events.slice(1)).toEqual(["restart at 1", "pass 1 of line 0", "pass 2 of line 1"]);
    expect(weekly.lost).toEqual([]);
  });
});

describe("a change of session", () => {
  test("begins anew with whichever line shows it first; the session before is over", () => {
    const bench = new ArbiterBench(small);
    run(bench, "0:7 1:7 0:8", 1);
    run(bench, "1:1 1:2", 2);
    run(bench, "0:9", 1);
    run(bench, "0:1 0:2 0:3 1:3", 2);
    expect(bench.events).toEqual([
      ...["pass 7 of line 0", "pass 8 of line 0"],
      ...["restart at 1", "pass 1 of line 1", "pass 2 of line 1", "pass 3 of line 0"],
    ]);
    expect(bench.arbiter.sessionCount).toBe(2);
    const [first, second] = bench.arbiter.report();
    expect(first).toMatchObject({ sessionChanges: 1, stalePackets: 1 });
    expect(second).toMatchObject({ sessionChanges: 1, stalePackets: 0 });
  });
});

describe("a session that goes on counting where the one before it ended", () => {
  test("is no count that the other line has left: all of it is current", () => {
    const bench = new ArbiterBench(small);
    run(bench, "0:7 1:7", 1);
    run(bench, "0:8 1:8 1:9 0:9", 2);
    expect(bench.events.slice(1)).toEqual(["restart at 8", "pass 8 of line 0", "pass 9 of line 1"]);
    expect(bench.arbiter.report().map(({ stalePackets }) => stalePackets)).toEqual([0, 0]);
  });
});

describe("lines that disagree", () => {
  test("about bytes are counted, and the first one's are passed", () => {
    const bench = new ArbiterBench(small);
    bench.offer(0, 10, 2);
    bench.offer(1, 10, 2, 0, Uint8Array.of(10, 99));
    bench.offer(1, 12, 2);
    bench.offer(0, 12, 2);
    expect(bench.arbiter.report().map(({ payloadMismatches }) => payloadMismatches)).toEqual([0, 1]);
    const blind = new ArbiterBench({ ...small, comparesPayloads: false });
    blind.offer(0, 10, 2);
    blind.offer(1, 10, 2, 0, Uint8Array.of(10, 99));
    expect(blind.arbiter.report()[1]).toMatchObject({ payloadMismatches: 0, secondMessages: 2 });
  });

  test("about where packets end cannot be compared; each message passes once all the same", () => {
    const bench = new ArbiterBench(small);
    bench.offer(0, 10, 2);
    bench.offer(1, 10, 3);
    bench.offer(0, 12, 4);
    expect(bench.events).toEqual([
      ...["pass 10 of line 0", "pass 11 of line 0", "pass 12 of line 1"],
      ...["pass 13 of line 0", "pass 14 of line 0", "pass 15 of line 0"],
    ]);
    expect(bench.arbiter.report().map(({ uncomparedPackets }) => uncomparedPackets)).toEqual([0, 1]);
  });
});

describe("a hole", () => {
  test("is declared lost when its time is up, although no packet comes, and what comes later is not passed", () => {
    const bench = new ArbiterBench({ ...small, mode: "reliability" });
    bench.at(100).offer(0, 1);
    bench.at(200).offer(0, 3);
    expect(bench.arbiter.next[0]).toBe(1200);
    bench.at(1199).arbiter.expire();
    expect(bench.events).toEqual(["pass 1 of line 0"]);
    bench.at(1200).arbiter.expire();
    expect(bench.events.slice(1)).toEqual(["lose 2", "pass 3 of line 0"]);
    expect(bench.arbiter.next[0]).toBe(Number.POSITIVE_INFINITY);
    bench.offer(1, 2);
    expect(bench.passed).toEqual([1, 3]);
    expect(bench.arbiter.report()[1]).toMatchObject({ lateMessages: 1, firstMessages: 0 });
  });

  test("shows in a heartbeat, and is lost once both lines are past it", () => {
    const bench = new ArbiterBench(small);
    bench.offer(0, 1);
    bench.offer(1, 1);
    bench.offer(0, 4, 0);
    expect(bench.lost).toEqual([]);
    bench.offer(1, 4, 0);
    expect(bench.lost).toEqual([2, 3]);
    expect(bench.arbiter.report().map(({ heartbeats }) => heartbeats)).toEqual([1, 1]);
  });

  test("of ten thousand million sequences is one range", () => {
    const lost: [number, number][] = [];
    const sink = {
      pass: () => {},
      lose: (_key: number, range: Float64Array) => lost.push([range[0] as number, range[1] as number]),
    };
    const arbiter = new StreamArbiter(new VirtualClock(), sink, small);
    for (const sequence of [1, 1e10]) {
      arbiter.sequence[0] = sequence;
      arbiter.offer(0, 0, Uint8Array.of(1), 0, 1, 1);
    }
    arbiter.finish();
    expect(lost.reduce((sum, [first, end]) => sum + end - first, 0)).toBe(1e10 - 2);
    expect(lost.length).toBeLessThan(4);
    expect(arbiter.report()[0]).toMatchObject({ missed: 1e10 - 2, lostOnAll: 1e10 - 2 });
    expect(arbiter.passedCount + arbiter.lostCount).toBe(1e10);
  });
});

test("what cannot be is refused by name", () => {
  expect(() => new ArbiterBench({ ...small, lineCount: 9 })).toThrow(
    "arbiter: lineCount is 9; want an integer from 2 to 8",
  );
  expect(() => new ArbiterBench({ ...small, windowSequences: 100 })).toThrow(
    "windowSequences is 100; want a power of two",
  );
  expect(() => new ArbiterBench({ ...small, gapLimitNs: -1 })).toThrow("gapLimitNs is -1");
  const bench = new ArbiterBench({ ...small, mode: "reliability", packetByteLimit: 4 });
  expect(() => bench.offer(0, 1, 17)).toThrow("a packet of 17 messages exceeds windowSequences, 16");
  expect(() => bench.offer(0, 1, 5)).toThrow("a packet of 5 bytes exceeds packetByteLimit, 4");
});
