import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DamageEvent } from "../../../../emulator/wire/damage/damage-plan.ts";
import type { DamageLedger, LedgerEntry } from "../../../../emulator/wire/damage/ledger.ts";
import { ledgerLines } from "../../../../emulator/wire/damage/ledger-text.ts";
import { MoldTracker } from "../../../../emulator/wire/feeds/mold-tracker.ts";
import { MoldUdp64Packet } from "../../../../emulator/wire/feeds/mold-udp64.ts";
import { type Arrival, LINE_A, LINE_B, moldFrame, type Packet, plans, sendThrough, traffic } from "./damage-bench.ts";

/** Bits in which two frames differ; Infinity for different lengths. */
function distance(left: Uint8Array, right: Uint8Array): number {
  if (left.length !== right.length) return Number.POSITIVE_INFINITY;
  return left.reduce((sum, byte, at) => sum + (byte ^ (right[at] as number)).toString(2).replaceAll("0", "").length, 0);
}

/** Index of the packet that each arrival is, by content; a packet and its heartbeat twin differ in line or count. */
function originOf(arrival: Arrival, packets: readonly Packet[], entries: readonly LedgerEntry[]): number[] {
  const flipped = new Set(entries.filter(({ what }) => what === "corrupted").map(({ frame }) => frame));
  return packets.flatMap((packet, index) => {
    const difference = distance(moldFrame(packet), arrival.bytes);
    return difference === (arrival.isBad ? 1 : 0) && (!arrival.isBad || flipped.has(index)) ? [index] : [];
  });
}

/** Each packet has something of its own, so that what arrives says which it is: no two heartbeats are alike. */
const distinct = traffic.map((packets) => packets.filter(({ count }) => count > 0));

const of = (ledger: DamageLedger, frame: number): LedgerEntry[] =>
  ledger.entries().filter((entry) => entry.frame === frame);

describe("a damaged wire", () => {
  test("and its ledger account for every frame", () => {
    fc.assert(
      fc.property(plans, distinct, (plan, packets) => {
        const { damage, arrivals } = sendThrough(plan, packets);
        const { ledger } = damage;
        const origins = arrivals.map((arrival) => originOf(arrival, packets, ledger.entries()));
        for (const index of packets.keys()) {
          const whats = of(ledger, index).map(({ what }) => what);
          const isLost = whats.includes("lost") || whats.includes("burst-lost");
          const good = arrivals.filter((arrival, at) => !arrival.isBad && origins[at]?.includes(index) === true);
          const bad = arrivals.filter((arrival, at) => arrival.isBad && origins[at]?.includes(index) === true);
          const copies = whats.includes("duplicated") ? 1 : 0;
          const isFlipped = whats.includes("corrupted");
          expect([good.length, bad.length]).toEqual(
            isLost ? [0, 0] : [isFlipped ? copies : 1 + copies, isFlipped ? 1 : 0],
          );
          if (isLost) expect(whats).toHaveLength(1);
        }
        const counts = ledger.counts();
        expect(counts.offered).toBe(packets.length);
        expect(counts.passed).toBe(arrivals.length);
        expect(counts.held).toBe(0);
      }),
    );
  });

  test("lets frames out in the order of time, each when the ledger says", () => {
    fc.assert(
      fc.property(plans, distinct, (plan, packets) => {
        const { damage, arrivals } = sendThrough(plan, packets);
        const times = arrivals.map(({ timeNs }) => timeNs);
        expect(times).toEqual([...times].sort((left, right) => left - right));
        const expected = packets.flatMap(({ timeNs }, index) => {
          const entries = of(damage.ledger, index);
          const newTime = (...whats: string[]): number | undefined =>
            entries.findLast(({ what }) => whats.includes(what))?.newTimeNs;
          if (entries.some(({ what }) => what.endsWith("lost"))) return [];
          const first = newTime("delayed", "reordered") ?? timeNs;
          const copy = newTime("duplicated");
          return copy === undefined ? [first] : [first, copy];
        });
        expect([...times]).toEqual(expected.sort((left, right) => left - right));
      }),
    );
  });

  test("bounds what overtakes a frame, by count and by time", () => {
    const reordering = plans.map((plan) => ({
      ...plan,
      rules: plan.rules.map(({ reorder = 0, reorderWindow = 3, reorderTimeNs = 0 }) => ({
        reorder,
        reorderWindow,
        reorderTimeNs,
      })),
    }));
    fc.assert(
      fc.property(reordering, distinct, (plan, packets) => {
        const { damage, arrivals } = sendThrough(plan, packets);
        const order = arrivals.map((arrival) => originOf(arrival, packets, [])[0] as number);
        for (const entry of damage.ledger.entries()) {
          const before = order.slice(0, order.indexOf(entry.frame));
          expect(entry.overtakenBy).toBe(before.filter((index) => index > entry.frame).length);
          const rule = plan.rules[entry.rule - 1];
          expect(entry.overtakenBy).toBeLessThanOrEqual(rule?.reorderWindow ?? 0);
          expect((entry.newTimeNs as number) - entry.timeNs).toBeLessThanOrEqual(rule?.reorderTimeNs ?? 0);
        }
        // Whoever is not in the ledger was overtaken by none.
        const touched = new Set(damage.ledger.entries().map(({ frame }) => frame));
        const untouched = order.filter((index) => !touched.has(index));
        expect(untouched).toEqual([...untouched].sort((left, right) => left - right));
      }),
    );
  });

  test("delays a rule's frames without letting one overtake another, jitter or not", () => {
    const rule = fc.record({ delayNs: fc.constantFrom(500, 1_000, 4_000), jitter: fc.constantFrom(0, 0.5, 1) });
    fc.assert(
      fc.property(rule, fc.nat(), distinct, ({ delayNs, jitter }, seed, packets) => {
        const plan = { seed, rules: [{ line: LINE_B, delayNs, jitterNs: jitter * delayNs }] };
        const { arrivals } = sendThrough(plan, packets);
        const order = arrivals.map((arrival) => originOf(arrival, packets, [])[0] as number);
        for (const line of [LINE_A, LINE_B]) {
          const ofLine = order.filter((index) => packets[index]?.line === line);
          expect(ofLine).toEqual([...ofLine].sort((left, right) => left - right));
        }
        for (const [at, index] of order.entries()) {
          const lateNs = (arrivals[at]?.timeNs ?? 0) - (packets[index]?.timeNs ?? 0);
          if (packets[index]?.line === LINE_A) expect(lateNs).toBe(0);
          // A frame behind one that jitter made late is as late as that one.
          else expect(lateNs).toBeGreaterThanOrEqual(delayNs * (1 - jitter));
          expect(lateNs).toBeLessThanOrEqual(delayNs * (1 + jitter));
        }
      }),
    );
  });

  test("lets what was sent earlier out first, where two frames are due at one moment", () => {
    const packets = [LINE_B, LINE_A].map(
      (line, index): Packet => ({ line, sequence: 1, count: 1, timeNs: 500 * index }),
    );
    const { arrivals } = sendThrough({ rules: [{ line: LINE_B, delayNs: 500 }] }, packets);
    expect(arrivals.map(({ timeNs, bytes }) => [timeNs, parsed(bytes).line])).toEqual([
      [500, LINE_B],
      [500, LINE_A],
    ]);
  });

  test("the same seed gives the same ledger to the byte, and another seed another", () => {
    const packets = Array.from(
      { length: 400 },
      (_, index): Packet => ({
        line: index % 2 === 0 ? LINE_A : LINE_B,
        sequence: 1 + (index >> 1),
        count: 1,
        timeNs: 1000 * index,
      }),
    );
    const text = (seed: number): string => {
      const plan = {
        seed,
        rules: [{ loss: 0.1, duplicate: 0.1, reorder: 0.1, delayNs: 5000, jitterNs: 4000, corrupt: 0.1 }],
      };
      return [...ledgerLines(sendThrough(plan, packets).damage.ledger, plan)].join("");
    };
    const first = text(7);
    for (let run = 0; run < 20; run++) expect(text(7)).toBe(first);
    expect(text(8).replace('"seed":8', '"seed":7')).not.toBe(first);
  });

  test("what one rule draws does not shift what another does", () => {
    fc.assert(
      fc.property(plans, distinct, (plan, packets) => {
        const [first = {}] = plan.rules;
        const alone = sendThrough({ ...plan, rules: [{ loss: first.loss ?? 0 }] }, packets);
        const together = sendThrough({ ...plan, rules: [{ ...first, loss: first.loss ?? 0, burstLoss: 0 }] }, packets);
        const lost = ({ damage }: typeof alone): number[] =>
          damage.ledger.entries().flatMap(({ frame, what }) => (what === "lost" ? [frame] : []));
        // A rule about fewer frames draws less often; one about all of them loses the same.
        if (first.line === undefined && first.sequences === undefined) expect(lost(together)).toEqual(lost(alone));
      }),
    );
  });
});

/** A receiver in so many words: sets and no arithmetic. */
function naiveReceiver(arrivals: readonly Arrival[], line: string) {
  const packets = arrivals
    .filter(({ isBad }) => !isBad)
    .map(({ bytes }) => parsed(bytes))
    .filter((each) => each.line === line);
  const seen = new Set<number>();
  const again: number[] = [];
  const early: number[] = [];
  let first: number | undefined;
  let next = 0;
  let outOfOrder = 0;
  for (const { sequence, count } of packets) {
    first ??= sequence;
    if (sequence < next) outOfOrder++;
    for (let each = sequence; each < sequence + count; each++) {
      if (seen.has(each)) again.push(each);
      else if (each < first) early.push(each);
      seen.add(each);
    }
    next = Math.max(next, sequence + count);
  }
  const missing: number[] = [];
  for (let each = first ?? 0; each < next; each++) if (!seen.has(each)) missing.push(each);
  return { missing, again, early, outOfOrder, seen, first, next };
}

function parsed(bytes: Uint8Array): { line: string; sequence: number; count: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const line = `${bytes.slice(30, 34).join(".")}:${view.getUint16(36)}`;
  return { line, sequence: Number(view.getBigUint64(42 + 10)), count: view.getUint16(42 + 18) };
}

const members = (ranges: readonly (readonly [number, number])[]): number[] =>
  ranges.flatMap(([first, end]) => Array.from({ length: end - first }, (_, index) => first + index));

describe("the ledger says what a correct receiver must report", () => {
  test("on each line, as a receiver made of sets does", () => {
    fc.assert(
      fc.property(plans, traffic, (plan, packets) => {
        const { damage, arrivals } = sendThrough(plan, packets);
        for (const report of damage.ledger.lines()) {
          const receiver = naiveReceiver(arrivals, report.line);
          expect(members(report.missing)).toEqual(receiver.missing);
          expect(report.duplicates.flatMap(({ range }) => members([range]))).toEqual(receiver.again);
          expect(report.outOfOrder).toHaveLength(receiver.outOfOrder);
          expect(report.firstSequence).toBe(receiver.first);
          expect(report.arrivedCount).toBe(receiver.seen.size);
          const sent = packets.filter(({ line }) => line === report.line);
          expect(report.sentCount).toBe(sent.reduce((sum, { count }) => sum + count, 0));
          expect(members(report.lost).every((each) => !receiver.seen.has(each))).toBe(true);
          expect(members(report.lost)).toHaveLength(report.sentCount - report.arrivedCount);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("on the union of two lines", () => {
    fc.assert(
      fc.property(plans, traffic, (plan, packets) => {
        const { damage, arrivals } = sendThrough(plan, packets);
        const [a, b] = [naiveReceiver(arrivals, LINE_A), naiveReceiver(arrivals, LINE_B)];
        const first = Math.min(a.first ?? Number.POSITIVE_INFINITY, b.first ?? Number.POSITIVE_INFINITY);
        const expected: number[] = [];
        for (let each = first; each < Math.max(a.next, b.next); each++) {
          if (!a.seen.has(each) && !b.seen.has(each)) expected.push(each);
        }
        const union = damage.ledger.missingOnAll([LINE_A, LINE_B]);
        expect(union.flatMap(({ missing }) => members(missing))).toEqual(expected);
      }),
    );
  });

  test("as the tracker at the far end counts it", () => {
    fc.assert(
      fc.property(plans, traffic, (plan, packets) => {
        const { damage, arrivals } = sendThrough(plan, packets);
        for (const report of damage.ledger.lines()) {
          const tracker = new MoldTracker();
          const packet = new MoldUdp64Packet();
          for (const { bytes, isBad } of arrivals) {
            if (isBad || parsed(bytes).line !== report.line) continue;
            // Behind Ethernet, IPv4 and UDP; the padding of a short frame is not the packet's.
            expect(packet.parse(bytes, 42, new DataView(bytes.buffer).getUint16(38) - 8)).toBe(true);
            tracker.track(packet);
          }
          const [session] = tracker.sessions;
          if (session === undefined) {
            expect(report.firstSequence).toBeUndefined();
            continue;
          }
          // A heartbeat that says "1 is next" and comes late looks like a sender that has begun again: nobody could tell.
          if (session.restarts > 0) continue;
          const { early, again } = naiveReceiver(arrivals, report.line);
          expect(session.missing - session.recovered).toBe(members(report.missing).length);
          expect(session.outOfOrder).toBe(report.outOfOrder.length);
          // What came before the receiver joined is a duplicate to the tracker, which cannot know better.
          expect(session.duplicates).toBe(again.length + early.length);
        }
      }),
    );
  });

  test("when exactly 17 to 19 of line B are dropped", () => {
    const packets = [LINE_A, LINE_B].flatMap((line) =>
      Array.from({ length: 30 }, (_, index): Packet => ({ line, sequence: index + 1, count: 1, timeNs: index })),
    );
    packets.sort((left, right) => left.timeNs - right.timeNs);
    const { damage } = sendThrough({ rules: [{ line: LINE_B, sequences: [[17, 19]], loss: 1 }] }, packets);
    const [a, b] = damage.ledger.lines();
    expect(a?.missing).toEqual([]);
    expect(b?.missing).toEqual([[17, 20]]);
    expect(damage.ledger.missingOnAll([LINE_A, LINE_B])).toEqual([{ session: "SESSION001", missing: [] }]);
    expect(damage.ledger.entries().map(({ frame, line, sequences }) => ({ frame, line, sequences }))).toEqual(
      [17, 18, 19].map((each) => ({ frame: 2 * each - 1, line: LINE_B, sequences: [each, each + 1] })),
    );
  });
});

describe("a script of events", () => {
  test("does what a ledger tells: whatever chance did can be done again outright", () => {
    fc.assert(
      fc.property(plans, distinct, (plan, packets) => {
        const rules = plan.rules.map((rule) => ({ ...rule, delayNs: 0, jitterNs: 0, reorder: 0 }));
        const byChance = sendThrough({ ...plan, rules }, packets);
        const events = byChance.damage.ledger.entries().map(eventOf);
        const byScript = sendThrough({ events }, packets);
        expect(byScript.arrivals).toEqual(byChance.arrivals);
        expect(byScript.damage.ledger.lines()).toEqual(byChance.damage.ledger.lines());
      }),
    );
  });
});

function eventOf({ frame, what, bit = 0, timeNs, newTimeNs = 0 }: LedgerEntry): DamageEvent {
  if (what === "corrupted") return { frame, what, bit };
  if (what === "duplicated") return { frame, what, delayNs: newTimeNs - timeNs };
  return { frame, what: "lost" };
}

describe("burst loss", () => {
  test("has the stationary loss and the mean burst of a Gilbert-Elliott channel", () => {
    const packets = Array.from(
      { length: 40_000 },
      (_, index): Packet => ({
        line: LINE_A,
        sequence: index + 1,
        count: 1,
        timeNs: index,
      }),
    );
    const [p, length] = [0.01, 5];
    const { damage } = sendThrough({ seed: 3, rules: [{ burstLoss: p, burstLength: length }] }, packets);
    const { lost } = damage.ledger.counts();
    const expected = p / (p + 1 / length);
    expect(lost / packets.length).toBeGreaterThan(0.85 * expected);
    expect(lost / packets.length).toBeLessThan(1.15 * expected);
    const bursts = damage.ledger.lines()[0]?.lost ?? [];
    const mean = lost / bursts.length;
    expect(mean).toBeGreaterThan(0.85 * length);
    expect(mean).toBeLessThan(1.15 * length);
  });
});
