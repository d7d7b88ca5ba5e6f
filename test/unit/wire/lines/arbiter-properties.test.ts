import fc from "fast-check";
import { expect, test } from "vitest";
import { ArbiterBench } from "./arbiter-bench.ts";
import { ArbiterModel, type ModelOptions, type ModelPacket } from "./arbiter-model.ts";

const options: fc.Arbitrary<ModelOptions> = fc.record({
  mode: fc.constantFrom("latency", "reliability"),
  lineCount: fc.integer({ min: 2, max: 3 }),
  gapLimitNs: fc.constantFrom(0, 5, 40, Number.POSITIVE_INFINITY),
  reorderSequences: fc.constantFrom(0, 0, 2),
  windowSequences: fc.constantFrom(8, 16, 256),
  heldPacketLimit: fc.integer({ min: 1, max: 6 }),
});

/** Anything at all: lines out of order, overlaps, repetitions, heartbeats, jumps over more than the window. */
const wild: fc.Arbitrary<ModelPacket[]> = fc
  .array(
    fc.record({
      line: fc.nat(2),
      step: fc.oneof({ weight: 12, arbitrary: fc.integer({ min: -6, max: 8 }) }, { weight: 1, arbitrary: fc.nat(60) }),
      count: fc.nat(8),
      waitNs: fc.nat(12),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((script) => {
    let [first, timeNs] = [100, 0];
    return script.map(({ line, step, count, waitNs }) => {
      first = Math.max(first + step, 50);
      timeNs += waitNs;
      return { line, first, count, timeNs };
    });
  });

test("any packets give what the plain bookkeeping gives: events in order, and every count", () => {
  fc.assert(
    fc.property(options, wild, (chosen, script) => {
      // Nothing here is a restart: lines may go back as they like.
      const bench = new ArbiterBench({ ...chosen, restartDistance: 1_000_000 });
      const model = new ArbiterModel(chosen);
      for (const packet of script.filter(({ line }) => line < chosen.lineCount)) {
        bench.at(packet.timeNs).offer(packet.line, packet.first, packet.count);
        model.offer(packet);
        expect(bench.events).toEqual(model.events);
      }
      bench.arbiter.finish();
      model.finish();
      expect(bench.events).toEqual(model.events);
      for (const [line, { leads, ...counts }] of model.tallies.entries()) {
        const report = bench.arbiter.report()[line];
        expect(report).toMatchObject(counts);
        const sorted = leads.toSorted((left, right) => left - right);
        const rank = (part: number) => sorted[Math.ceil(part * sorted.length) - 1];
        const lead = { minNs: sorted[0], p1Ns: rank(0.01), medianNs: rank(0.5), p99Ns: rank(0.99), maxNs: rank(1) };
        expect(report?.lead).toEqual(sorted.length === 0 ? undefined : { sampleCount: sorted.length, ...lead });
      }
    }),
    { numRuns: 1500 },
  );
});

/** Lines in order over the same messages, each with packets of its own size and losses of its own. */
const copies = fc
  .record({
    messageCount: fc.integer({ min: 1, max: 120 }),
    start: fc.constantFrom(1, 2 ** 32 - 40, 2 ** 45),
    lines: fc.array(
      fc.array(fc.record({ count: fc.integer({ min: 1, max: 5 }), isLost: fc.boolean(), atNs: fc.nat(40) }), {
        minLength: 120,
        maxLength: 120,
      }),
      { minLength: 2, maxLength: 3 },
    ),
  })
  .map(({ messageCount, start, lines }) => {
    const packets: ModelPacket[] = [];
    for (const [line, script] of lines.entries()) {
      let timeNs = 0;
      for (let first = start, index = 0; first < start + messageCount; index++) {
        const { count, isLost, atNs } = script[index] as (typeof script)[number];
        timeNs += atNs;
        const whole = Math.min(count, start + messageCount - first);
        // What is first and last comes on all lines, so that all begin and end alike.
        const isEdge = first === start || first + whole === start + messageCount;
        if (!isLost || isEdge) packets.push({ line, first, count: whole, timeNs });
        first += whole;
      }
    }
    packets.sort((left, right) => left.timeNs - right.timeNs);
    return { start, end: start + messageCount, lineCount: lines.length, packets };
  });

test("with lines in order and time enough, exactly what no line has is lost, and the rest is passed once", () => {
  const modes = fc.constantFrom("latency" as const, "reliability" as const);
  fc.assert(
    fc.property(copies, modes, ({ start, end, lineCount, packets }, mode) => {
      const gapLimitNs = Number.POSITIVE_INFINITY;
      const bench = new ArbiterBench({ mode, lineCount, gapLimitNs, heldPacketLimit: 400, windowSequences: 256 });
      const has = (line: number, sequence: number) =>
        packets.some(
          (packet) => packet.line === line && packet.first <= sequence && sequence < packet.first + packet.count,
        );
      for (const { line, first, count, timeNs } of packets) bench.at(timeNs).offer(line, first, count);
      // Before `finish`: it must not take the end of the stream to know.
      const everything = Array.from({ length: end - start }, (_, index) => start + index);
      const lines = Array.from({ length: lineCount }, (_, line) => line);
      const nowhere = everything.filter((sequence) => !lines.some((line) => has(line, sequence)));
      expect(bench.lost).toEqual(nowhere);
      const ordered = bench.passed.toSorted((left, right) => left - right);
      if (mode === "reliability") expect(bench.passed).toEqual(ordered);
      expect(ordered).toEqual(everything.filter((sequence) => !nowhere.includes(sequence)));
      expect(bench.arbiter.passedCount + bench.arbiter.lostCount).toBe(end - start);
      bench.arbiter.finish();
      for (const line of lines) {
        const missed = everything.filter((sequence) => !has(line, sequence)).length;
        const tally = bench.arbiter.report()[line];
        expect(tally).toMatchObject({ missed, lostOnAll: nowhere.length, filledByOthers: missed - nowhere.length });
        expect(tally?.payloadMismatches).toBe(0);
      }
    }),
    { numRuns: 400 },
  );
});

test("32-bit sequences that wrap give the same as 64-bit ones that do not", () => {
  fc.assert(
    fc.property(copies, fc.constantFrom("latency" as const, "reliability" as const), ({ lineCount, packets }, mode) => {
      const shared = { mode, lineCount, gapLimitNs: 100, windowSequences: 256 };
      const wide = new ArbiterBench(shared);
      const narrow = new ArbiterBench({ ...shared, sequenceBits: 32 });
      for (const { line, first, count, timeNs } of packets) {
        wide.at(timeNs).offer(line, first, count);
        narrow.at(timeNs).offer(line, first % 2 ** 32, count);
      }
      const low = (event: string) => event.replace(/\d{6,}/, (digits) => `${Number(digits) % 2 ** 32}`);
      expect(narrow.events.map(low)).toEqual(wide.events.map(low));
      expect(narrow.arbiter.restartCount).toBe(0);
    }),
    { numRuns: 300 },
  );
});

test("at the time that it names, the oldest hole is lost: for times with fractions as well, on both sides of powers of two", () => {
  const script = fc.record({
    // Packets come around 2^exponent, where the grid of doubles becomes twice as wide.
    exponent: fc.integer({ min: 10, max: 50 }),
    before: fc.integer({ min: 0, max: 40 }),
    stepNs: fc.constantFrom(51.2, 6.4, 1 / 3, 672 / 25, 0.1),
    gapLimitNs: fc.constantFrom(0, 0.7, 100, 1_000 / 3, 1_000_000),
    holes: fc.array(fc.boolean(), { minLength: 20, maxLength: 60 }),
    mode: fc.constantFrom("latency" as const, "reliability" as const),
  });
  fc.assert(
    fc.property(script, ({ exponent, before, stepNs, gapLimitNs, holes, mode }) => {
      const shared = { mode, lineCount: 2, gapLimitNs, reorderSequences: 0, windowSequences: 256, heldPacketLimit: 64 };
      const bench = new ArbiterBench(shared);
      const model = new ArbiterModel(shared);
      const startNs = Math.max(2 ** exponent - before * stepNs, 0);
      const { next } = bench.arbiter;
      // The limit of the oldest hole may pass while packets come: whoever drives the arbiter comes then.
      const expireUntil = (untilNs: number) => {
        while ((next[0] as number) <= untilNs) {
          const dueNs = next[0] as number;
          bench.at(dueNs).arbiter.expire();
          model.expire(dueNs);
          expect(next[0]).toBeGreaterThan(dueNs);
          expect(bench.events).toEqual(model.events);
        }
      };
      for (const [index, isHole] of [false, ...holes].entries()) {
        const timeNs = startNs + index * stepNs;
        expireUntil(timeNs);
        if (isHole) continue;
        bench.at(timeNs).offer(0, 1 + index);
        model.offer({ line: 0, first: 1 + index, count: 1, timeNs });
        expect(next[0]).toBeGreaterThan(timeNs);
      }
      expireUntil(Number.MAX_VALUE);
      expect(bench.events).toEqual(model.events);
      expect(bench.lost).toHaveLength(holes.slice(0, holes.lastIndexOf(false) + 1).filter((isHole) => isHole).length);
    }),
    { numRuns: 500 },
  );
});
