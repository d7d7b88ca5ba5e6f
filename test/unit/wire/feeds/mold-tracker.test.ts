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

describe("a sender that begins again at 1 within its session", () => {
  /** A tracker that has received 1 to `count`, one by one. */
  const received = (count: number): MoldTracker => {
    const tracker = new MoldTracker();
    for (let sequence = 1; sequence <= count; sequence++) send(tracker, "S", sequence, 1);
    return tracker;
  };

  test("is known by a heartbeat that goes on from there, and is expected to go on from there", () => {
    const tracker = received(50);
    expect(send(tracker, "S", 1, 2)).toBe("behind");
    expect(send(tracker, "S", 3, 0)).toBe("restart");
    expect(send(tracker, "S", 3, 4)).toBe("in-order");
    expect(send(tracker, "S", 9, 1)).toBe("gap");
    expect(tracker.current).toMatchObject({ restarts: 1, outOfOrder: 0, duplicates: 0, missing: 2, nextSequence: 10 });
  });

  test("is known by two heartbeats, and by the end of a session that is empty", () => {
    for (const isEnd of [false, true]) {
      const tracker = received(5);
      expect(send(tracker, "S", 1, 0)).toBe("behind");
      expect(send(tracker, "S", 1, 0, isEnd)).toBe("restart");
      expect(tracker.current?.nextSequence).toBe(1);
    }
  });

  test("is known by eight packets in a row without one; what was missing before is asked for no more", () => {
    const tracker = received(60);
    send(tracker, "S", 65, 1);
    const orders = Array.from({ length: 8 }, (_, index) => send(tracker, "S", 1 + 2 * index, 2));
    expect(orders).toEqual([...Array(7).fill("behind"), "restart"]);
    expect(tracker.current).toMatchObject({ restarts: 1, missing: 4, recovered: 0, duplicates: 0, nextSequence: 17 });
    expect(tracker.current?.openGaps.list()).toEqual([]);
    expect(tracker.current?.isWhole).toBe(false);
  });

  test("is not taken for one when a slower line, or a recovery, repeats old packets beside the live ones", () => {
    const tracker = received(20);
    for (let sequence = 1; sequence <= 20; sequence++) {
      expect(send(tracker, "S", sequence, 1)).toBe("behind");
      expect(send(tracker, "S", 20 + sequence, 1)).toBe("in-order");
    }
    // Not from 1 on: an old stretch that somebody asked for again.
    for (let sequence = 5; sequence < 30; sequence++) expect(send(tracker, "S", sequence, 1)).toBe("behind");
    // A single late heartbeat.
    expect(send(tracker, "S", 30, 0)).toBe("behind");
    expect(tracker.current).toMatchObject({ restarts: 0, nextSequence: 41, duplicates: 45, outOfOrder: 46 });
  });

  test("is not taken for one while the packets fill a gap that is open from 1 on", () => {
    const tracker = new MoldTracker();
    send(tracker, "S", 1, 0);
    send(tracker, "S", 30, 1);
    for (let sequence = 1; sequence < 30; sequence++) expect(send(tracker, "S", sequence, 1)).toBe("behind");
    expect(tracker.current).toMatchObject({ restarts: 0, recovered: 29, duplicates: 0, isWhole: true });
  });
});

describe("faults that clients of MoldUDP64 have had", () => {
  const holes = (tracker: MoldTracker): [number, number][] | undefined => tracker.current?.openGaps.list();

  test("a gap is closed by the packet that fills it, not only when the next live one comes (nassau#23)", () => {
    const tracker = new MoldTracker();
    send(tracker, "S", 1, 5);
    send(tracker, "S", 9, 2);
    send(tracker, "S", 6, 3);
    expect(holes(tracker)).toEqual([]);
    expect(tracker.current).toMatchObject({ isWhole: true, nextSequence: 11 });
  });

  test("a client is whole only when the last missing message has come, whatever comes live (nassau#11)", () => {
    const tracker = new MoldTracker();
    send(tracker, "S", 1, 1);
    expect(tracker.current?.isWhole).toBe(true);
    send(tracker, "S", 6, 1);
    const answers = [4, 2, 5, 3];
    for (const [index, sequence] of answers.entries()) {
      expect(tracker.current?.isWhole).toBe(false);
      send(tracker, "S", 7 + index, 1);
      send(tracker, "S", sequence, 1);
    }
    expect(tracker.current?.isWhole).toBe(true);
  });

  test("a hole is there once, however often a heartbeat shows it again: nothing is asked for twice (nassau PR#25)", () => {
    const tracker = new MoldTracker();
    send(tracker, "S", 1, 5);
    expect(send(tracker, "S", 8, 0)).toBe("gap");
    for (let repeat = 0; repeat < 3; repeat++) expect(send(tracker, "S", 8, 0)).toBe("in-order");
    expect(send(tracker, "S", 8, 0, true)).toBe("in-order");
    expect(holes(tracker)).toEqual([[6, 8]]);
    expect(tracker.current).toMatchObject({ gaps: 1, missing: 2, heartbeats: 4, endOfSession: 1 });
  });

  test("an answer with fewer messages than asked for leaves the rest open: ask again", () => {
    const tracker = new MoldTracker();
    send(tracker, "S", 1, 1);
    send(tracker, "S", 100, 1);
    send(tracker, "S", 2, 60);
    expect(holes(tracker)).toEqual([[62, 100]]);
    send(tracker, "S", 62, 38);
    expect(holes(tracker)).toEqual([]);
  });

  test("the packet shows the messages of the bytes it was given last, and none after a refusal (helix#40)", () => {
    const packet = new MoldUdp64Packet();
    const [live, resent] = [
      moldPacket("S", 9, [Uint8Array.of(9)]),
      moldPacket("S", 2, [Uint8Array.of(2), Uint8Array.of(3)]),
    ];
    packet.parse(live, 0, live.length);
    packet.nextMessage();
    packet.parse(resent, 0, resent.length);
    const seen: [number, number | undefined][] = [];
    while (packet.nextMessage()) seen.push([packet.messageSequence, resent[packet.messageOffset]]);
    expect(seen).toEqual([
      [2, 2],
      [3, 3],
    ]);
    expect(packet.parse(live, 0, 20)).toBe(false);
    expect(packet.nextMessage()).toBe(false);
  });

  test("a new session begins with what its first packet says; the old one keeps its holes", () => {
    const tracker = new MoldTracker();
    send(tracker, "OLD", 1, 1);
    send(tracker, "OLD", 5, 1);
    expect(send(tracker, "NEW", 1, 1)).toBe("first");
    expect(send(tracker, "NEW", 2, 1)).toBe("in-order");
    expect(tracker.sessions.map((session) => [session.isWhole, session.nextSequence])).toEqual([
      [false, 6],
      [true, 3],
    ]);
    expect(tracker.sessionChanges).toBe(1);
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
