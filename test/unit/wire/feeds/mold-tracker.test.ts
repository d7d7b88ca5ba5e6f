import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MoldTracker } from "../../../../emulator/wire/feeds/mold-tracker.ts";
import { MoldUdp64Packet } from "../../../../emulator/wire/feeds/mold-udp64.ts";
import { SequenceGaps } from "../../../../emulator/wire/feeds/sequence-gaps.ts";
import type { SequenceOrder } from "../../../../emulator/wire/feeds/sequence-tally.ts";
import { moldPacket } from "./mold-packet.ts";
import { TallyOracle } from "./tally-oracle.ts";

function send(
  tracker: MoldTracker,
  session: string,
  sequence: number,
  count: number,
  isEnd = false,
): SequenceOrder | "refused" {
  const messages = Array.from({ length: count }, () => Uint8Array.of(1));
  const content = moldPacket(session, sequence, messages, isEnd ? 0xffff : count);
  const packet = new MoldUdp64Packet();
  expect(packet.parse(content, 0, content.length)).toBe(true);
  return tracker.track(packet);
}

describe("tracking one session", () => {
  test("any packets in any order give the tallies of the plain bookkeeping, and the same open gaps", () => {
    const packets = fc.array(fc.tuple(fc.nat(60), fc.nat(5)), { minLength: 1, maxLength: 60 });
    // Above 1: packets from 1 on may be a restart, which the plain bookkeeping does not know.
    const bases = fc.constantFrom(2, 2 ** 32 - 30, 2 ** 45);
    fc.assert(
      fc.property(packets, bases, (sent, base) => {
        const tracker = new MoldTracker();
        const oracle = new TallyOracle();
        for (const [sequence, count] of sent) {
          const expected = oracle.next;
          const order = send(tracker, "S", base + sequence, count);
          oracle.receive(base + sequence, count);
          const wanted = base + sequence === expected ? "in-order" : base + sequence > expected ? "gap" : "behind";
          expect(order).toBe(expected < 0 ? "first" : wanted);
        }
        const session = tracker.sessions[0];
        expect(session).toMatchObject({ ...oracle.tallies, nextSequence: oracle.next });
        expect(session?.firstSequence).toBe(base + (sent[0]?.[0] as number));
        const open = session?.openGaps.list().flatMap(([first, end]) => {
          return Array.from({ length: end - first }, (_, index) => first + index);
        });
        expect(open).toEqual([...oracle.skipped].sort((left, right) => left - right));
      }),
      { numRuns: 500 },
    );
  });

  test("a heartbeat shows a gap before the next message does, and the end of the session is counted", () => {
    const tracker = new MoldTracker();
    send(tracker, "S", 1, 3);
    expect(send(tracker, "S", 4, 0)).toBe("in-order");
    expect(send(tracker, "S", 10, 0)).toBe("gap");
    expect(send(tracker, "S", 10, 0, true)).toBe("in-order");
    expect(tracker.current).toMatchObject({ heartbeats: 2, endOfSession: 1, gaps: 1, missing: 6, nextSequence: 10 });
  });
});

describe("several sessions", () => {
  test("each has its own tallies, also when they alternate; changes are counted", () => {
    const tracker = new MoldTracker();
    for (const [session, sequence] of [
      ["A", 1],
      ["A", 2],
      ["B", 1],
      ["A", 3],
      ["B", 5],
    ] as const) {
      send(tracker, session, sequence, 1);
    }
    expect(tracker.sessionChanges).toBe(3);
    expect(tracker.sessions.map(({ name, packets, gaps }) => [name, packets, gaps])).toEqual([
      ["A         ", 3, 0],
      ["B         ", 2, 1],
    ]);
  });

  test("sessions that differ in the last character are different", () => {
    const tracker = new MoldTracker();
    send(tracker, "000010059A", 1, 1);
    send(tracker, "000010059B", 1, 1);
    expect(tracker.sessions.map(({ name }) => name)).toEqual(["000010059A", "000010059B"]);
  });

  test("the 65th session is refused: noise may not take memory", () => {
    const tracker = new MoldTracker();
    for (let n = 0; n < 64; n++) expect(send(tracker, `${n}`, 1, 1)).toBe("first");
    expect(send(tracker, "64", 1, 1)).toBe("refused");
    expect(send(tracker, "0", 2, 1)).toBe("in-order");
    expect(tracker).toMatchObject({ refused: 1 });
    expect(tracker.sessions).toHaveLength(64);
  });
});

describe("the table of open gaps", () => {
  test("when it is full the oldest hole is forgotten", () => {
    const gaps = new SequenceGaps(2);
    for (const first of [10, 20, 30]) {
      gaps.range.set([first, first + 5]);
      gaps.open();
    }
    expect(gaps.forgottenCount).toBe(1);
    expect(gaps.list()).toEqual([
      [20, 25],
      [30, 35],
    ]);
    gaps.range.set([22, 23]);
    expect(gaps.fill()).toBe(1);
    // No room for the second half.
    expect(gaps.forgottenCount).toBe(2);
    expect(gaps.list()).toEqual([
      [20, 22],
      [30, 35],
    ]);
  });
});
