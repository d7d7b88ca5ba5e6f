import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CBOE_CSM_FORMAT } from "../../../../emulator/wire/feeds/cboe-csm.ts";
import { CBOE_PITCH_FORMAT } from "../../../../emulator/wire/feeds/cboe-tracker.ts";
import { CME_FORMAT } from "../../../../emulator/wire/feeds/cme-tracker.ts";
import type { FeedTracker } from "../../../../emulator/wire/feeds/feed-tracker.ts";
import { ICE_IMPACT_FORMAT } from "../../../../emulator/wire/feeds/ice-impact.ts";
import { IEX_TOPS_FORMAT } from "../../../../emulator/wire/feeds/iex-tracker.ts";
import { MEMX_MEMOIR_FORMAT } from "../../../../emulator/wire/feeds/memx-memoir.ts";
import { MIAX_MACH_FORMAT } from "../../../../emulator/wire/feeds/miax-tracker.ts";
import { NYSE_XDP_FORMAT } from "../../../../emulator/wire/feeds/xdp-tracker.ts";
import { cboeMessage, cboeUnit } from "./cboe-packet.ts";
import {
  cmeBookEntry,
  cmeEventRoot,
  cmeMessage,
  cmePacket,
  csmPacket,
  icePacket,
  iexPacket,
  letterMessage,
  machDatagram,
  memxPacket,
  SEND_TIME_NS,
  xdpMessage,
  xdpPacket,
} from "./feed-packets.ts";

const many = <Item>(count: number, item: Item): Item[] => new Array<Item>(count).fill(item);

function send(tracker: FeedTracker, payload: Uint8Array): void {
  expect(tracker.track(payload, 0, payload.length)).toBe(true);
}

describe("tracking Cboe PITCH", () => {
  test("units that share a line have their own sequences", () => {
    const tracker = CBOE_PITCH_FORMAT.openTracker();
    for (const [unit, sequence] of [
      [1, 10],
      [2, 500],
      [1, 11],
      [2, 503],
    ] as const) {
      send(tracker, cboeUnit(unit, sequence, [cboeMessage(0x20, 6)]));
    }
    expect(tracker.streams.map(({ name, packets, missing }) => [name, packets, missing])).toEqual([
      ["unit 1", 2, 0],
      ["unit 2", 2, 2],
    ]);
    expect(tracker.streamChanges).toBe(3);
  });

  test("on a gap-response group nothing is missing, whatever is sent again", () => {
    const tracker = CBOE_PITCH_FORMAT.openTracker();
    send(tracker, cboeUnit(1, 0));
    for (const sequence of [900, 17, 18, 17]) send(tracker, cboeUnit(1, sequence, [cboeMessage(0x29, 14)]));
    send(tracker, cboeUnit(1, 0));
    expect(tracker.streams[0]).toMatchObject({ heartbeats: 2, messages: 4, gaps: 0, outOfOrder: 0, hasBegun: false });
  });

  test("the end of the session, unit clears and messages too short for their type are counted", () => {
    const tracker = CBOE_PITCH_FORMAT.openTracker();
    send(tracker, cboeUnit(1, 1, [cboeMessage(0x97, 6), cboeMessage(0x2d, 6), cboeMessage(0x21, 10)]));
    expect(tracker.streams[0]).toMatchObject({ endOfSession: 1, messages: 3 });
    expect(tracker.remarks()).toEqual({ "unit clears": 1, "malformed messages": 1 });
  });
});

describe("tracking IEX-TP", () => {
  const message = letterMessage("T", 38);
  const bytesOf = (count: number): number => count * 40;

  test("sequence and stream offset advance together: losses are no fault, a wrong offset is", () => {
    const packets = fc.array(fc.record({ count: fc.nat(4), isLost: fc.boolean() }), { minLength: 3, maxLength: 30 });
    fc.assert(
      fc.property(packets, fc.nat(29), fc.constantFrom(0, 1, -1), (sent, at, error) => {
        const tracker = IEX_TOPS_FORMAT.openTracker();
        let sequence = 1;
        let streamOffset = 0;
        let received = 0;
        let hasError = false;
        for (const [index, { count, isLost }] of sent.entries()) {
          const isWrong = index === at && error !== 0 && !isLost && received > 0;
          // Behind a loss an offset may be anything ahead, so that a wrong one shows only without.
          const isShown = isWrong && index > 0 && sent[index - 1]?.isLost === false;
          if (isShown) hasError = true;
          if (!isLost) {
            const offset = isShown ? streamOffset + error + 1000 : streamOffset;
            send(tracker, iexPacket({ sequence, streamOffset: offset }, many(count, message)));
            received++;
          }
          sequence += count;
          streamOffset += bytesOf(count);
          // After the wrong one the stream goes on from there.
          if (isShown) streamOffset += error + 1000;
        }
        expect(tracker.remarks()).toEqual({ "stream offset gaps": hasError ? 1 : 0 });
      }),
    );
  });

  test("messages are missing, but no bytes: that is a fault of the stream", () => {
    const tracker = IEX_TOPS_FORMAT.openTracker();
    send(tracker, iexPacket({ sequence: 1, streamOffset: 0 }, [message]));
    send(tracker, iexPacket({ sequence: 3, streamOffset: 40 }, [message]));
    expect(tracker.streams[0]).toMatchObject({ gaps: 1, missing: 1 });
    expect(tracker.remarks()).toEqual({ "stream offset gaps": 1 });
  });

  test("a new session is a new stream, and begins where it likes", () => {
    const tracker = IEX_TOPS_FORMAT.openTracker();
    send(tracker, iexPacket({ session: 1, sequence: 900, streamOffset: 90_000 }, [message]));
    send(tracker, iexPacket({ session: 2, sequence: 1, streamOffset: 0 }, [message]));
    send(tracker, iexPacket({ session: 2, sequence: 2, streamOffset: 40 }));
    expect(tracker.streams.map(({ name, nextSequence }) => [name, nextSequence])).toEqual([
      ["channel 1, session 1", 901],
      ["channel 1, session 2", 2],
    ]);
    expect(tracker).toMatchObject({ streamChanges: 1 });
    expect(tracker.remarks()).toEqual({ "stream offset gaps": 0 });
  });

  test("a segment of another IEX feed is not of this line", () => {
    const tracker = IEX_TOPS_FORMAT.openTracker();
    const payload = iexPacket({ protocolId: 0x8004, sequence: 1 }, [message]);
    expect(tracker.track(payload, 0, payload.length)).toBe(false);
    expect(tracker.unreadable).toBe(1);
  });
});

describe("tracking CME MDP 3.0", () => {
  const book = (...entries: readonly (readonly [securityId: number, rptSeq: number])[]): Uint8Array =>
    cmeMessage(46, cmeEventRoot(0x84), [
      { blockLength: 32, entries: entries.map(([securityId, rptSeq]) => cmeBookEntry({ securityId, rptSeq })) },
      { aligned: true, blockLength: 24, entries: [] },
    ]);

  test("sequence 1 is a reset when it was sent later than all before, and a repeated packet when not", () => {
    const tracker = CME_FORMAT.openTracker();
    const first = cmePacket(1, [book([5, 1])], SEND_TIME_NS);
    send(tracker, first);
    send(tracker, cmePacket(2, [book([5, 2])], SEND_TIME_NS + 1n));
    send(tracker, first);
    expect(tracker.streams[0]).toMatchObject({ restarts: 0, duplicates: 1, outOfOrder: 1, nextSequence: 3 });
    send(tracker, cmePacket(1, [book([5, 1])], SEND_TIME_NS + 600_000_000_000_000n));
    send(tracker, cmePacket(2, [book([5, 2])], SEND_TIME_NS + 600_000_000_000_001n));
    expect(tracker.streams[0]).toMatchObject({ restarts: 1, duplicates: 1, gaps: 0, nextSequence: 3 });
    expect(tracker.remarks()).toMatchObject({ "RptSeq gaps": 0 });
  });

  test("RptSeq is followed for each instrument, and begins anew with a channel reset", () => {
    const tracker = CME_FORMAT.openTracker();
    send(tracker, cmePacket(1, [book([5, 7], [6, 100], [5, 8])]));
    send(tracker, cmePacket(2, [book([5, 11], [6, 101])]));
    expect(tracker.remarks()).toMatchObject({ instruments: 2, "RptSeq gaps": 1, "RptSeq numbers missing": 2 });
    send(tracker, cmePacket(3, [cmeMessage(4, cmeEventRoot(0x80)), book([5, 1], [6, 1])]));
    expect(tracker.remarks()).toMatchObject({ "RptSeq gaps": 1, "channel resets": 1, "match events ended": 4 });
    send(tracker, cmePacket(4, [book([5, 3])]));
    expect(tracker.remarks()).toMatchObject({ "RptSeq gaps": 2, "RptSeq numbers missing": 3 });
  });

  test("unknown templates are passed over by their size; unknown fields, entries' tails and groups by block length", () => {
    const tracker = CME_FORMAT.openTracker();
    const longRoot = new Uint8Array(40);
    longRoot.set(cmeEventRoot(0x80));
    const longer = [1, 2].map((rptSeq) => {
      const entry = new Uint8Array(50);
      entry.set(cmeBookEntry({ securityId: 9, rptSeq }));
      return entry;
    });
    send(
      tracker,
      cmePacket(1, [
        cmeMessage(222, new Uint8Array(33), [{ blockLength: 7, entries: [new Uint8Array(7)] }]),
        cmeMessage(300, new Uint8Array(3)),
        cmeMessage(46, longRoot, [
          { blockLength: 50, entries: longer },
          { aligned: true, blockLength: 24, entries: [new Uint8Array(24)] },
          { blockLength: 9, entries: [new Uint8Array(9), new Uint8Array(9)] },
        ]),
        book([9, 3]),
      ]),
    );
    expect(tracker.remarks()).toMatchObject({ instruments: 1, "RptSeq gaps": 0, "match events ended": 2 });
    expect(tracker.messageCounts()).toEqual([
      { type: "46", name: "book", count: 2 },
      { type: "222", name: "unknown", count: 1 },
      { type: "≥ 256", name: "unknown", count: 1 },
    ]);
  });

  test("a group that runs over its message is a malformed message, and the rest of the packet is read", () => {
    const tracker = CME_FORMAT.openTracker();
    const lying = book([9, 1]);
    lying[10 + 11 + 2] = 200; // entries of the first group
    send(tracker, cmePacket(1, [lying, book([9, 1])]));
    expect(tracker.remarks()).toMatchObject({ "malformed messages": 1, instruments: 1 });
  });

  test("a heartbeat has a number of its own", () => {
    const tracker = CME_FORMAT.openTracker();
    send(tracker, cmePacket(1, [book([9, 1])]));
    send(tracker, cmePacket(2, [cmeMessage(12, new Uint8Array(0))]));
    send(tracker, cmePacket(3, [book([9, 2])]));
    expect(tracker.streams[0]).toMatchObject({ heartbeats: 1, gaps: 0, packets: 3, messages: 3 });
  });
});

describe("tracking NYSE XDP", () => {
  const message = xdpMessage(100, 39);

  test("a sequence reset begins anew; what was missing stays so", () => {
    const tracker = NYSE_XDP_FORMAT.openTracker();
    send(tracker, xdpPacket(11, 5, [message]));
    send(tracker, xdpPacket(11, 9, [message]));
    send(tracker, xdpPacket(12, 1, [xdpMessage(1, 14)]));
    send(tracker, xdpPacket(11, 2, [message]));
    send(tracker, xdpPacket(11, 6, [message]));
    expect(tracker.streams[0]).toMatchObject({ restarts: 1, gaps: 2, missing: 6, recovered: 0, nextSequence: 7 });
    // 6 was in the hole before the reset; now it has come, and this is the same once more.
    send(tracker, xdpPacket(11, 6, [message]));
    expect(tracker.streams[0]).toMatchObject({ recovered: 0, duplicates: 1 });
  });

  test("a failover that goes back is a reset, one that goes on is none", () => {
    const tracker = NYSE_XDP_FORMAT.openTracker();
    send(tracker, xdpPacket(11, 50, [message]));
    send(tracker, xdpPacket(10, 51, [message]));
    expect(tracker.streams[0]).toMatchObject({ restarts: 0, nextSequence: 52 });
    send(tracker, xdpPacket(10, 1, [message]));
    expect(tracker.streams[0]).toMatchObject({ restarts: 1, outOfOrder: 0, nextSequence: 2 });
  });

  test("retransmissions fill gaps; refreshes and refusals have no part in the sequence", () => {
    const tracker = NYSE_XDP_FORMAT.openTracker();
    send(tracker, xdpPacket(11, 1, [message]));
    send(tracker, xdpPacket(11, 5, [message]));
    send(tracker, xdpPacket(15, 2, [message, message]));
    for (const flag of [17, 18, 19, 20, 21]) send(tracker, xdpPacket(flag, 1000, [message]));
    expect(tracker.streams[0]).toMatchObject({ missing: 3, recovered: 2, gaps: 1, duplicates: 0, nextSequence: 6 });
    expect(tracker.remarks()).toEqual({
      "retransmission packets": 1,
      "refresh packets": 4,
      "message unavailable packets": 1,
    });
  });

  test("flags that do not exist are refused", () => {
    for (const flag of [0, 2, 9, 14, 16, 22, 255]) {
      const payload = xdpPacket(flag, 1, [message]);
      expect(NYSE_XDP_FORMAT.openTracker().track(payload, 0, payload.length)).toBe(false);
    }
  });
});

describe("tracking MIAX MACH", () => {
  test("several packets in a datagram, several sessions, start and end of a session", () => {
    const tracker = MIAX_MACH_FORMAT.openTracker();
    const message = letterMessage("O", 16);
    send(tracker, machDatagram([{ sequence: 0, type: 1, session: 1 }]));
    send(tracker, machDatagram([1, 2, 3].map((sequence) => ({ sequence, message }))));
    send(
      tracker,
      machDatagram([
        { sequence: 6, message },
        { sequence: 1, session: 2, message },
      ]),
    );
    send(tracker, machDatagram([{ sequence: 6, type: 0 }]));
    send(tracker, machDatagram([{ sequence: 6, type: 2 }]));
    expect(tracker.streams.map(({ name }) => name)).toEqual(["session 1", "session 2"]);
    expect(tracker.streams[0]).toMatchObject({
      packets: 5,
      messages: 4,
      gaps: 1,
      missing: 2,
      heartbeats: 1,
      endOfSession: 1,
      firstSequence: 1,
      nextSequence: 7,
    });
    expect(tracker.streams[1]).toMatchObject({ packets: 0, messages: 1, nextSequence: 2 });
    expect(tracker.remarks()).toEqual({ "session starts": 1 });
    expect(tracker.messageCounts()).toEqual([{ type: "O", name: "best offer", count: 5 }]);
  });
});

describe("tracking ICE iMpact, MEMX MEMOIR and Cboe CSM", () => {
  const body = new Uint8Array(9);

  test("sessions of ICE are streams, and messages are named", () => {
    const tracker = ICE_IMPACT_FORMAT.openTracker();
    send(
      tracker,
      icePacket(3, 10, [
        { type: 0x47, body },
        { type: 0x4b, body },
      ]),
    );
    send(tracker, icePacket(4, 1, [{ type: 0x47, body }]));
    send(tracker, icePacket(3, 15, []));
    expect(tracker.streams.map(({ name, missing, heartbeats }) => [name, missing, heartbeats])).toEqual([
      ["session 3", 3, 1],
      ["session 4", 0, 0],
    ]);
    expect(tracker.messageCounts()).toEqual([
      { type: "G", name: "trade", count: 2 },
      { type: "K", name: "market state change", count: 1 },
    ]);
  });

  test("a session of MEMX ends; its number has 64 bits", () => {
    const tracker = MEMX_MEMOIR_FORMAT.openTracker();
    const session = 2n ** 40n + 5n;
    send(tracker, memxPacket(2, 1, [{ type: 1, body }], session));
    send(tracker, memxPacket(0, 2, [], session));
    send(tracker, memxPacket(1, 2, [], session));
    expect(tracker.streams.map(({ name }) => name)).toEqual([`session ${session}`]);
    expect(tracker.streams[0]).toMatchObject({ heartbeats: 1, endOfSession: 1, messages: 1, gaps: 0, nextSequence: 2 });
    expect(tracker.messageCounts()).toEqual([{ type: "1", name: "instrument directory", count: 1 }]);
  });

  test("the header of CSM tells gaps; its messages are not read", () => {
    const tracker = CBOE_CSM_FORMAT.openTracker();
    send(tracker, csmPacket(3_000_000_000, 4, 100));
    send(tracker, csmPacket(3_000_000_006, 1, 20));
    expect(tracker.streams[0]).toMatchObject({ messages: 5, gaps: 1, missing: 2, nextSequence: 3_000_000_007 });
    expect(tracker.messageCounts()).toEqual([]);
    const payload = csmPacket(1, 1, 20);
    expect(tracker.track(payload, 0, payload.length - 1)).toBe(false);
    expect(tracker.unreadable).toBe(1);
  });
});
