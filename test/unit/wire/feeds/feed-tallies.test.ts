import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CBOE_PITCH_FORMAT } from "../../../../emulator/wire/feeds/cboe-tracker.ts";
import { CME_FORMAT } from "../../../../emulator/wire/feeds/cme-tracker.ts";
import type { FeedFormat, FeedTracker } from "../../../../emulator/wire/feeds/feed-tracker.ts";
import { ICE_IMPACT_FORMAT } from "../../../../emulator/wire/feeds/ice-impact.ts";
import { IEX_TOPS_FORMAT } from "../../../../emulator/wire/feeds/iex-tracker.ts";
import { ITCH_FORMAT } from "../../../../emulator/wire/feeds/itch-tracker.ts";
import { MEMX_MEMOIR_FORMAT } from "../../../../emulator/wire/feeds/memx-memoir.ts";
import { MIAX_MACH_FORMAT } from "../../../../emulator/wire/feeds/miax-tracker.ts";
import { NYSE_XDP_FORMAT } from "../../../../emulator/wire/feeds/xdp-tracker.ts";
import { cboeMessage, cboeUnit } from "./cboe-packet.ts";
import {
  cmeEventRoot,
  cmeMessage,
  cmePacket,
  icePacket,
  iexPacket,
  letterMessage,
  machDatagram,
  memxPacket,
  xdpMessage,
  xdpPacket,
} from "./feed-packets.ts";
import { moldPacket } from "./mold-packet.ts";
import { TallyOracle } from "./tally-oracle.ts";

const many = <Item>(count: number, item: Item): Item[] => new Array<Item>(count).fill(item);

interface Sender {
  readonly name: string;
  readonly format: FeedFormat;
  /** Largest count of numbers that one packet has here. */
  readonly maxCount: number;
  readonly minCount: number;
  readonly bases: readonly number[];
  readonly packet: (sequence: number, count: number) => Uint8Array;
}

const WORD_BASES = [1, 2 ** 31 - 30, 2 ** 32 - 200];
const WIDE_BASES = [1, 2 ** 32 - 30, 2 ** 45];

const senders: readonly Sender[] = [
  {
    name: "MoldUDP64",
    format: ITCH_FORMAT,
    maxCount: 5,
    minCount: 0,
    // Above 1: packets from 1 on may be a restart, which the plain bookkeeping does not know.
    bases: WIDE_BASES.map((base) => base + 1),
    packet: (sequence, count) => moldPacket("S", sequence, many(count, letterMessage("D", 19))),
  },
  {
    name: "Cboe PITCH",
    format: CBOE_PITCH_FORMAT,
    maxCount: 5,
    minCount: 0,
    bases: WORD_BASES,
    packet: (sequence, count) => cboeUnit(1, sequence, many(count, cboeMessage(0x29, 14))),
  },
  {
    name: "IEX TOPS",
    format: IEX_TOPS_FORMAT,
    maxCount: 5,
    minCount: 0,
    bases: WIDE_BASES,
    packet: (sequence, count) => iexPacket({ sequence }, many(count, letterMessage("Q", 42))),
  },
  {
    name: "NYSE XDP",
    format: NYSE_XDP_FORMAT,
    maxCount: 5,
    minCount: 0,
    bases: WORD_BASES,
    packet: (sequence, count) => xdpPacket(count === 0 ? 1 : 11, sequence, many(count, xdpMessage(102, 20))),
  },
  {
    name: "MIAX MACH",
    format: MIAX_MACH_FORMAT,
    maxCount: 1,
    minCount: 0,
    bases: WIDE_BASES,
    // A heartbeat names the last packet sent.
    packet: (sequence, count) =>
      machDatagram([count === 0 ? { sequence: sequence - 1, type: 0 } : { sequence, message: letterMessage("B", 16) }]),
  },
  {
    name: "ICE iMpact",
    format: ICE_IMPACT_FORMAT,
    maxCount: 5,
    minCount: 0,
    bases: WORD_BASES,
    packet: (sequence, count) => icePacket(3, sequence, many(count, { type: 0x47, body: new Uint8Array(40) })),
  },
  {
    name: "MEMX MEMOIR",
    format: MEMX_MEMOIR_FORMAT,
    maxCount: 5,
    minCount: 0,
    bases: WIDE_BASES,
    packet: (sequence, count) =>
      memxPacket(count === 0 ? 0 : 2, sequence, many(count, { type: 11, body: new Uint8Array(22) })),
  },
  {
    name: "CME MDP 3.0",
    format: CME_FORMAT,
    maxCount: 1,
    minCount: 1,
    bases: WORD_BASES,
    packet: (sequence) => cmePacket(sequence, [cmeMessage(46, cmeEventRoot(0), [{ blockLength: 32, entries: [] }])]),
  },
];

function send(tracker: FeedTracker, payload: Uint8Array): void {
  expect(tracker.track(payload, 0, payload.length)).toBe(true);
}

describe.each(senders)("tracking $name", ({ format, maxCount, minCount, bases, packet }) => {
  test("any packets in any order give the tallies of the plain bookkeeping", () => {
    const sent = fc.array(fc.tuple(fc.nat(60), fc.integer({ min: minCount, max: maxCount })), {
      minLength: 1,
      maxLength: 50,
    });
    fc.assert(
      fc.property(sent, fc.constantFrom(...bases), (packets, base) => {
        const tracker = format.openTracker();
        const oracle = new TallyOracle();
        for (const [sequence, count] of packets) {
          send(tracker, packet(base + sequence, count));
          oracle.receive(base + sequence, count);
        }
        expect(tracker.format).toBe(format.name);
        expect(tracker.streams).toHaveLength(1);
        expect(tracker.streams[0]).toMatchObject({
          ...oracle.tallies,
          firstSequence: base + (packets[0]?.[0] as number),
          nextSequence: oracle.next,
          restarts: 0,
        });
        const counted = tracker.messageCounts().reduce((sum, { count }) => sum + count, 0);
        expect(counted).toBe(oracle.tallies.messages);
        expect(tracker.unreadable).toBe(0);
      }),
    );
  });

  test("a payload that is cut is counted as unreadable and nowhere else", () => {
    const payload = packet(7, maxCount);
    const tracker = format.openTracker();
    send(tracker, payload);
    const before = { ...tracker.streams[0] };
    for (let byteLength = 0; byteLength < payload.length; byteLength++) {
      // A CME packet cut behind its header is one without messages: nothing shows that there were any.
      if (format === CME_FORMAT && byteLength === 12) continue;
      expect(tracker.track(payload.slice(0, byteLength), 0, byteLength)).toBe(false);
    }
    expect(tracker.streams[0]).toMatchObject(before);
    expect(tracker.unreadable).toBe(payload.length - (format === CME_FORMAT ? 1 : 0));
  });
});
