import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rng } from "../../../../emulator/run/rng.ts";
import { type BenchOptions, MoldBench } from "./mold-bench.ts";

const range = (first: number, end: number): number[] =>
  Array.from({ length: end - first }, (_, index) => first + index);

/** A session in packets, each of which comes on line 0, on line 1, on both or on none. */
const sessions = fc.record({
  arbitration: fc.constantFrom(
    undefined,
    { mode: "latency" as const },
    { mode: "reliability" as const, gapLimitNs: 50_000 },
  ),
  seed: fc.nat(2 ** 31),
  packetCount: fc.integer({ min: 1, max: 80 }),
  first: fc.constantFrom(1, 2 ** 32 - 100, 2 ** 45),
  lineLoss: fc.constantFrom(0, 0.1, 0.5, 0.95),
  wireLoss: fc.constantFrom(0, 0.1, 0.4),
  refusal: fc.constantFrom(0, 0.3),
  partial: fc.constantFrom(0, 0.5, 1),
  windowMessages: fc.constantFrom(8, 32, 1024),
  requestMessageLimit: fc.constantFrom(1, 5, 256),
  isTwoLines: fc.boolean(),
  requestsPerSecond: fc.constantFrom(Number.POSITIVE_INFINITY, 400),
});

type Session = typeof sessions extends fc.Arbitrary<infer Value> ? Value : never;

/** The option, where there are lines to arbitrate. */
const arbitrationOf = ({ arbitration, isTwoLines }: Session): BenchOptions["client"] =>
  arbitration === undefined || !isTwoLines ? {} : { arbitration };

/** Plays a session; returns the bench, the sequences of it, and those that came on no line. */
function play(bench: MoldBench, { seed, packetCount, first, lineLoss, isTwoLines }: Session) {
  const rng = new Rng(seed);
  const onNoLine: number[] = [];
  let next = first;
  for (let packet = 0; packet < packetCount; packet++) {
    const count = rng.below(7);
    const on = (isTwoLines ? [0, 1] : [0]).filter(() => !rng.chance(lineLoss));
    bench.send(next, count, on);
    if (on.length === 0) onNoLine.push(...range(next, next + count));
    next += count;
    bench.run((bench.clock.now[0] as number) + rng.below(400_000));
  }
  // The sender repeats it for a while.
  bench.endSession(next);
  return { all: range(first, next), onNoLine };
}

test("whatever gets lost on lines, in requests and in answers, everything is delivered in order, once", () => {
  fc.assert(
    fc.property(sessions, (session) => {
      const { first, seed, wireLoss, refusal, partial, windowMessages, requestMessageLimit, requestsPerSecond } =
        session;
      const bench = new MoldBench({
        // So many attempts that chance does not use them up.
        client: {
          firstSequence: first,
          windowMessages,
          requestMessageLimit,
          attemptLimit: 255,
          ...arbitrationOf(session),
        },
        server: {
          seed,
          refusalProbability: refusal,
          partialProbability: partial,
          firstSequence: first,
          requestsPerSecond,
        },
        seed,
        lossProbability: wireLoss,
      });
      const { all } = play(bench, session);
      bench.settle();
      expect(bench.events).toEqual(all);
      expect(bench.client.isOver).toBe(true);
      const report = bench.client.report();
      expect(report).toMatchObject({ delivered: all.length, lost: 0, recovered: report.missing });
      expect(bench.client.recovery.schedule.askedCount).toBe(0);
    }),
    { numRuns: 100 },
  );
});

test("a server that refuses for ever: exactly what no line brought is reported lost, in its place", () => {
  fc.assert(
    fc.property(sessions, (session) => {
      const { first, windowMessages, requestMessageLimit } = session;
      const bench = new MoldBench({
        client: {
          firstSequence: first,
          windowMessages,
          requestMessageLimit,
          attemptLimit: 3,
          ...arbitrationOf(session),
        },
        server: { refusalProbability: 1, firstSequence: first },
      });
      const { all, onNoLine } = play(bench, session);
      bench.settle();
      // A window too small also loses what came too early to be kept, and could not be asked for again.
      fc.pre(bench.client.report().beyondWindow === 0);
      expect(bench.delivered).toEqual(all.filter((sequence) => !onNoLine.includes(sequence)));
      expect(bench.client.isOver).toBe(true);
      const { lost, lostRanges, requests } = bench.client.report();
      expect(lost).toBe(onNoLine.length);
      expect(lostRanges.flatMap(([start, end]) => range(start, end))).toEqual(onNoLine);
      const inOrder = bench.events.flatMap((event) => {
        if (typeof event === "number") return [event];
        const [start, last] = event.slice(5).split("–").map(Number) as [number, number];
        return range(start, last + 1);
      });
      expect(inOrder).toEqual(all);
      expect(bench.server.report()).toMatchObject({ refused: requests, answered: 0 });
    }),
    { numRuns: 100 },
  );
});

describe("faults that clients have had", () => {
  // paritytrading/nassau#23: a client that does not keep the highest sequence asks, or goes on, only with the next packet.
  test("a gap is asked for, filled and delivered although no further packet comes", () => {
    const bench = new MoldBench({ client: { firstSequence: 1 } });
    bench.send(1, 2);
    bench.send(3, 2, []);
    bench.send(5, 2);
    expect(bench.events).toEqual([1, 2]);
    bench.settle();
    expect(bench.events).toEqual([1, 2, 3, 4, 5, 6]);
    expect(bench.requests).toEqual([[3, 2]]);
  });

  test("a heartbeat is enough to see that the last packet was lost, and so is the end of the session", () => {
    for (const isEnd of [false, true]) {
      const bench = new MoldBench({ client: { firstSequence: 1 } });
      bench.send(1, 2);
      bench.send(3, 4, []);
      if (isEnd) bench.endSession(7);
      else bench.send(7, 0);
      bench.settle();
      expect(bench.events).toEqual([1, 2, 3, 4, 5, 6]);
      expect(bench.client.isOver).toBe(isEnd);
    }
  });

  // paritytrading/nassau#11: synchronised with the first packet that is not ahead, while the highest one is not reached.
  test("it is synchronised when everything known is delivered, and not before", () => {
    const bench = new MoldBench({ client: { firstSequence: 1 } });
    bench.send(1, 1);
    expect(bench.client.recovery.isSynchronized).toBe(true);
    bench.send(2, 3, []);
    bench.send(5, 1);
    bench.send(1, 1, [1]);
    expect(bench.client.recovery.isSynchronized).toBe(false);
    bench.server.deliver = () => {};
    bench.send(2, 1, [1]);
    expect(bench.client.recovery.isSynchronized).toBe(false);
    bench.send(3, 2, [1]);
    expect(bench.client.recovery.isSynchronized).toBe(true);
  });

  // paritytrading/nassau#25: requests for what is there, or under way. The bench throws for the first kind.
  test("what has come meanwhile, or is under way, is not asked for", () => {
    const bench = new MoldBench({ client: { firstSequence: 1, graceNs: 1000 }, server: { latencyNs: 1_000_000 } });
    bench.send(1, 1);
    bench.send(2, 6, []);
    bench.send(8, 1);
    bench.run(500);
    bench.send(4, 2, [1]);
    bench.run(100_000);
    expect(bench.requests).toEqual([
      [2, 2],
      [6, 2],
    ]);
    for (let again = 0; again < 5; again++) bench.send(9 + again, 1);
    bench.send(8, 1);
    bench.settle();
    expect(bench.requests).toHaveLength(2);
    expect(bench.events).toEqual(range(1, 14));
  });

  // penberg/helix#40: messages that waited are handed on from memory that has meanwhile another packet's bytes. The bench
  // overwrites every frame once it was received, and compares every byte that is handed on.
  test("what waits behind a gap keeps its bytes", () => {
    const bench = new MoldBench({ client: { firstSequence: 1, windowMessages: 128 } });
    bench.send(1, 1, []);
    for (let first = 2; first < 100; first += 7) bench.send(first, 7, [0, 1]);
    bench.settle();
    expect(bench.events).toEqual(range(1, 100));
    // What waits and comes once more is a duplicate, and fills nothing.
    expect(bench.client.report()).toMatchObject({ duplicates: 98, missing: 1, recovered: 1 });
  });

  // paritytrading/nassau#16: the count of an end-of-session packet is no number of messages.
  test("the end of the session announces its own sequence, not 65,535 more", () => {
    const bench = new MoldBench({ client: { firstSequence: 1 } });
    bench.send(1, 3);
    bench.endSession(4);
    bench.settle();
    expect(bench.client.isOver).toBe(true);
    expect(bench.client.recovery.knownSequence).toBe(4);
    expect(bench.requests).toEqual([]);
  });
});

describe("an arbiter before the recovery", () => {
  const arbitration = { mode: "latency", gapLimitNs: 300_000 } as const;

  test("has what both lines lost asked for at once, and what one lost not at all", () => {
    const bench = new MoldBench({ client: { firstSequence: 1, arbitration } });
    bench.send(1, 2, [0, 1]);
    bench.send(3, 2, [1]);
    bench.send(5, 2, [0, 1]);
    bench.send(7, 2, []);
    bench.send(9, 2, [0]);
    bench.run(1000);
    expect(bench.requests).toEqual([]);
    bench.send(9, 2, [1]);
    bench.run(1000);
    expect(bench.requests).toEqual([[7, 2]]);
    bench.settle();
    expect(bench.events).toEqual(range(1, 11));
    expect(bench.client.report().lines).toMatchObject([{ packets: 3 }, { packets: 4, firstPackets: 1 }]);
  });

  test("takes of a packet what the other line has not brought, where they end differently", () => {
    const bench = new MoldBench({ client: { firstSequence: 1, arbitration } });
    bench.send(1, 2, [0]);
    bench.send(1, 5, [1]);
    bench.send(4, 4, [0]);
    expect(bench.events).toEqual(range(1, 8));
    expect(bench.client.report()).toMatchObject({ duplicates: 0, missing: 0 });
  });

  test("has it asked for when the silent line's time is up", () => {
    const bench = new MoldBench({ client: { firstSequence: 1, arbitration } });
    bench.send(1, 2, [0, 1]);
    bench.send(3, 2, []);
    bench.send(5, 2, [0]);
    bench.run(299_999);
    expect(bench.requests).toEqual([]);
    bench.run(300_000);
    expect(bench.requests).toEqual([[3, 2]]);
  });
});

describe("asking", () => {
  test("what a partial answer leaves is asked for at once, and that is no attempt in vain", () => {
    const bench = new MoldBench({
      client: { firstSequence: 1, attemptLimit: 1, requestIntervalNs: 0 },
      server: { partialProbability: 1, seed: 5 },
    });
    bench.send(1, 40, []);
    bench.send(41, 1);
    bench.settle();
    expect(bench.events).toEqual(range(1, 42));
    expect(bench.clock.now[0]).toBeLessThan(1_000_000);
    const report = bench.client.report();
    expect(report).toMatchObject({ unansweredRequests: 0, lost: 0, partialAnswers: report.requests - 1 });
    expect(bench.requests.length).toBeGreaterThan(2);
    for (const [index, [first, count]] of bench.requests.entries()) {
      expect(first + count).toBe(41);
      if (index > 0) expect(first).toBeGreaterThan((bench.requests[index - 1] as [number, number])[0]);
    }
  });

  test("again after the answer limit, with back-off that doubles up to its limit, and then no more", () => {
    const bench = new MoldBench({
      client: {
        firstSequence: 1,
        graceNs: 100,
        answerLimitNs: 1000,
        backOffNs: 200,
        backOffLimitNs: 500,
        attemptLimit: 4,
        requestIntervalNs: 0,
      },
      server: { refusalProbability: 1 },
    });
    const times: number[] = [];
    bench.requests.push = ((request: [number, number]) => {
      times.push(bench.clock.now[0] as number);
      return request.length;
    }) as never;
    bench.send(1, 1, []);
    bench.send(2, 1);
    bench.settle();
    expect(times).toEqual([100, 1300, 2700, 4200]);
    expect(bench.events).toEqual(["lost 1–1", 2]);
    expect(bench.client.report()).toMatchObject({ requests: 4, unansweredRequests: 4, lost: 1 });
    expect(bench.clock.now[0]).toBe(5200);
  });

  test("in pieces of the limit, so far apart as it must be, and with no more under way than may be", () => {
    const bench = new MoldBench({
      client: { firstSequence: 1, requestMessageLimit: 10, askedMessageLimit: 20, requestIntervalNs: 1000, graceNs: 0 },
      server: { latencyNs: 50_000 },
    });
    bench.send(1, 60, []);
    bench.send(61, 1);
    bench.run(40_000);
    expect(bench.requests).toEqual([
      [1, 10],
      [11, 10],
    ]);
    bench.settle();
    expect(bench.requests).toEqual([1, 11, 21, 31, 41, 51].map((first) => [first, 10]));
    // What is held back goes out when answers come, not when they would be too late.
    expect(bench.clock.now[0]).toBeLessThan(1_000_000);
    expect(bench.events).toEqual(range(1, 62));
  });

  test("a client that joins late gets the session from its beginning, window by window", () => {
    const bench = new MoldBench({ client: { firstSequence: 1, windowMessages: 64 } });
    for (let first = 1; first < 1000; first += 9) bench.send(first, 9, []);
    bench.send(1000, 1);
    bench.settle();
    expect(bench.events).toEqual(range(1, 1001));
    // The message that it joined with came too early to be kept, and was asked for in its turn.
    expect(bench.client.report()).toMatchObject({ beyondWindow: 1, missing: 1000, recovered: 1000 });
  });

  test("what comes into the window is asked for as soon as it does", () => {
    const bench = new MoldBench({ client: { firstSequence: 1, windowMessages: 8, requestIntervalNs: 0 } });
    bench.send(1, 9, []);
    bench.send(10, 0);
    bench.settle();
    expect(bench.events).toEqual(range(1, 10));
    expect(bench.requests).toEqual([
      [1, 8],
      [9, 1],
    ]);
    expect(bench.clock.now[0]).toBeLessThan(1_000_000);
  });

  test("a sequence has all its attempts, whatever the one in its place before it used up", () => {
    const bench = new MoldBench({ client: { firstSequence: 1, windowMessages: 8, attemptLimit: 2 } });
    const serve = bench.server.deliver.bind(bench.server);
    let asked = 0;
    bench.server.deliver = (memory, offset, byteLength) => {
      if (++asked % 2 === 0) serve(memory, offset, byteLength);
    };
    for (const first of [1, 9, 17]) {
      bench.send(first, 1, []);
      bench.send(first + 1, 7);
      bench.settle();
    }
    expect(bench.events).toEqual(range(1, 25));
    expect(bench.client.report()).toMatchObject({ requests: 6, unansweredRequests: 3, lost: 0 });
  });

  test("or begins with the first packet that it sees, where nothing else is wanted", () => {
    const bench = new MoldBench();
    bench.send(1, 500, []);
    bench.send(501, 2);
    bench.settle();
    expect(bench.events).toEqual([501, 502]);
    expect(bench.requests).toEqual([]);
  });

  test("packets of another session are not taken, and nonsense does no harm", () => {
    const bench = new MoldBench({ client: { firstSequence: 1 } });
    bench.send(1, 1);
    const other = new Uint8Array(20).fill(0x41);
    other[19] = 0;
    bench.receive(other.fill(0, 10));
    bench.receive(new Uint8Array(19));
    bench.receiveAnswer(new Uint8Array(3));
    bench.client.receive(new Uint8Array(60), 0, 60);
    expect(bench.client.report()).toMatchObject({ otherSession: 1, unreadable: 2, otherFrames: 1, packets: 1 });
  });

  test("a message too long to be kept is an error that names the limit", () => {
    const bench = new MoldBench({ client: { firstSequence: 1, messageByteLimit: 20 } });
    bench.send(1, 12);
    expect(() => bench.send(13, 1)).toThrow("a message of 21 bytes exceeds messageByteLimit, 20");
  });

  test("options that cannot be are refused by name", () => {
    expect(() => new MoldBench({ client: { windowMessages: 100 } })).toThrow(
      "windowMessages is 100; want a power of two",
    );
    expect(() => new MoldBench({ client: { attemptLimit: 0 } })).toThrow(
      "attemptLimit is 0; want an integer from 1 to 255",
    );
    expect(() => new MoldBench({ client: { askedMessageLimit: 1 } })).toThrow("askedMessageLimit is 1");
    expect(() => new MoldBench({ client: { graceNs: -1 } })).toThrow("graceNs is -1");
    expect(() => new MoldBench({ server: { refusalProbability: 2 } })).toThrow("refusalProbability is 2");
    expect(() => new MoldBench({ server: { requestsPerSecond: 0 } })).toThrow("requestsPerSecond is 0");
    expect(() => new MoldBench({ server: { latencyNs: -1 } })).toThrow("latencyNs is -1");
  });
});
