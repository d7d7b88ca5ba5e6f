import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PITCH_MESSAGES } from "../../../../emulator/wire/feeds/cboe-pitch.ts";
import { CBOE_PITCH_FORMAT } from "../../../../emulator/wire/feeds/cboe-tracker.ts";
import { CME_TEMPLATES } from "../../../../emulator/wire/feeds/cme-templates.ts";
import { FEED_FORMATS, FeedLine } from "../../../../emulator/wire/feeds/feed-recogniser.ts";
import { ICE_MESSAGES } from "../../../../emulator/wire/feeds/ice-impact.ts";
import {
  IEX_DEEP_MESSAGES,
  IEX_DEEP_PLUS_MESSAGES,
  IEX_TOPS_MESSAGES,
  type IexMessageKind,
} from "../../../../emulator/wire/feeds/iex-messages.ts";
import { ITCH50_MESSAGES } from "../../../../emulator/wire/feeds/itch50-messages.ts";
import { MEMX_TEMPLATES } from "../../../../emulator/wire/feeds/memx-memoir.ts";
import type { MessageKind } from "../../../../emulator/wire/feeds/message-counts.ts";
import { MIAX_TOM_MESSAGES } from "../../../../emulator/wire/feeds/miax-mach.ts";
import { XDP_MESSAGES } from "../../../../emulator/wire/feeds/nyse-xdp.ts";
import { boundedBytes } from "../bounded-bytes.ts";
import { cboeMessage, cboeUnit } from "./cboe-packet.ts";
import {
  cmeEventRoot,
  cmeMessage,
  cmePacket,
  csmPacket,
  IEX_PROTOCOLS,
  icePacket,
  iexPacket,
  letterMessage,
  machDatagram,
  memxPacket,
  type TypedBody,
  xdpMessage,
  xdpPacket,
} from "./feed-packets.ts";
import { moldPacket } from "./mold-packet.ts";

const sequences = fc.nat(2 ** 31);
const noise = fc.uint8Array({ maxLength: 120 });

/** A message whose type and length are right and whose fields are anything. */
const filled = (message: Uint8Array, headerByteLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: message.length, maxLength: message.length }).map((bytes) => {
    bytes.set(message.subarray(0, headerByteLength));
    return bytes;
  });

const listOf = (message: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array[]> =>
  fc.array(message, { minLength: 1, maxLength: 6 });

const itch = fc
  .constantFrom(...ITCH50_MESSAGES)
  .chain(({ letter, byteLength }) => filled(letterMessage(letter, byteLength), 1));
const pitch = fc
  .constantFrom(...PITCH_MESSAGES)
  .chain(({ type, byteLength }) => filled(cboeMessage(type, byteLength), 2));
const iex = (kinds: readonly IexMessageKind[]): fc.Arbitrary<Uint8Array> =>
  fc.constantFrom(...kinds).chain(({ letter, byteLength }) => filled(letterMessage(letter, byteLength), 1));
const cme = fc
  .tuple(fc.constantFrom(...CME_TEMPLATES), fc.uint8Array({ maxLength: 40 }))
  .map(([{ type }, tail]) => cmeMessage(type, new Uint8Array([...cmeEventRoot(0), ...tail])));
const xdp = fc
  .tuple(fc.constantFrom(...XDP_MESSAGES), fc.integer({ min: 4, max: 70 }))
  .chain(([{ type }, byteLength]) => filled(xdpMessage(type, byteLength), 4));
const mach = fc
  .tuple(fc.constantFrom(...MIAX_TOM_MESSAGES), fc.integer({ min: 5, max: 60 }))
  .chain(([{ type }, byteLength]) => filled(letterMessage(String.fromCharCode(type), byteLength), 1));

const typed = (kinds: readonly MessageKind[]): fc.Arbitrary<TypedBody[]> =>
  fc.array(
    fc.record({ type: fc.constantFrom(...kinds.map(({ type }) => type)), body: fc.uint8Array({ maxLength: 60 }) }),
    { minLength: 1, maxLength: 6 },
  );

/** Payloads of each format, with anything in the fields that do not tell formats apart. */
const payloads: Readonly<Record<string, fc.Arbitrary<Uint8Array>>> = {
  "MoldUDP64, ITCH 5.0": fc
    .tuple(sequences, listOf(itch))
    .map(([sequence, messages]) => moldPacket("000010059B", sequence, messages)),
  "Cboe PITCH": fc
    .tuple(fc.nat(255), sequences, listOf(pitch))
    .map(([unit, sequence, messages]) => cboeUnit(unit, sequence, messages)),
  "IEX TOPS": fc
    .tuple(sequences, listOf(iex(IEX_TOPS_MESSAGES)))
    .map(([sequence, messages]) => iexPacket({ protocolId: IEX_PROTOCOLS.TOPS, sequence }, messages)),
  "IEX DEEP": fc
    .tuple(sequences, listOf(iex(IEX_DEEP_MESSAGES)))
    .map(([sequence, messages]) => iexPacket({ protocolId: IEX_PROTOCOLS.DEEP, sequence }, messages)),
  "IEX DEEP+": fc
    .tuple(sequences, listOf(iex(IEX_DEEP_PLUS_MESSAGES)))
    .map(([sequence, messages]) => iexPacket({ protocolId: IEX_PROTOCOLS["DEEP+"], sequence }, messages)),
  "CME MDP 3.0": fc.tuple(sequences, listOf(cme)).map(([sequence, messages]) => cmePacket(sequence, messages)),
  "NYSE XDP": fc.tuple(sequences, listOf(xdp)).map(([sequence, messages]) => xdpPacket(11, sequence, messages)),
  "ICE iMpact": fc
    .tuple(fc.nat(65_535), sequences, typed(ICE_MESSAGES))
    .map(([session, sequence, messages]) => icePacket(session, sequence, messages)),
  "MEMX MEMOIR": fc
    .tuple(sequences, typed(MEMX_TEMPLATES))
    .map(([sequence, messages]) => memxPacket(2, sequence, messages)),
  "Cboe CSM": fc
    .tuple(sequences, fc.nat(255), fc.nat(120))
    .map(([sequence, messageCount, byteLength]) => csmPacket(sequence, messageCount, byteLength)),
  "MIAX MACH": fc
    .tuple(sequences, listOf(mach))
    .map(([sequence, messages]) =>
      machDatagram(messages.map((message, index) => ({ sequence: sequence + index, message }))),
    ),
};
const anyPayload = fc.oneof(...Object.values(payloads));

function count(line: FeedLine, payload: Uint8Array): void {
  line.count(payload, 0, payload.length);
}

describe.each(Object.entries(payloads))("a line that carries %s", (name, payload) => {
  test("is taken for that and for nothing else, within a few packets, and all of them are counted", () => {
    fc.assert(
      fc.property(fc.array(payload, { minLength: 4, maxLength: 12 }), (sent) => {
        const line = new FeedLine();
        for (const bytes of sent) count(line, bytes);
        expect(line.tracker?.format).toBe(name);
        const packets = line.tracker?.streams.reduce((sum, stream) => sum + stream.packets, 0);
        expect(packets).toBe(sent.length);
        expect(line.tracker?.unreadable).toBe(0);
      }),
    );
  });

  test("among damaged packets it is still never taken for anything else", () => {
    const damaged = fc.tuple(payload, fc.nat(60), fc.nat(255)).map(([bytes, at, value]) => {
      const copy = bytes.slice();
      copy[at % copy.length] = value;
      return copy;
    });
    const cut = fc.tuple(payload, fc.nat(60)).map(([bytes, at]) => bytes.slice(0, bytes.length - (at % bytes.length)));
    fc.assert(
      fc.property(fc.array(fc.oneof(payload, damaged, cut, noise), { maxLength: 30 }), (sent) => {
        const line = new FeedLine();
        for (const bytes of sent) count(line, bytes);
        if (line.tracker !== undefined && !isSibling(name, line.tracker.format)) expect(line.tracker.format).toBe(name);
      }),
    );
  });
});

/** A damaged protocol number may make one IEX feed of another: two such packets in a row are beyond telling. */
function isSibling(name: string, format: string): boolean {
  return name.startsWith("IEX") && format.startsWith("IEX");
}

describe("a line that carries nothing that is known", () => {
  test("noise is never taken for a feed, nor is any single byte repeated", () => {
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 100 }), (sent) => {
        const line = new FeedLine();
        for (const bytes of sent) count(line, bytes);
        expect(line.tracker).toBeUndefined();
      }),
    );
    for (let value = 0; value < 256; value++) {
      const line = new FeedLine();
      for (let byteLength = 0; byteLength < 300; byteLength++) count(line, new Uint8Array(byteLength).fill(value));
      expect(line.tracker).toBeUndefined();
    }
  });

  test("text, DNS, RTP, NTP and a MoldUDP64 session of another market are no feeds", () => {
    const text = new TextEncoder().encode("<134>Nov 25 16:29:45 host app[311]: nothing to see here");
    const dns = Uint8Array.from([
      0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 119, 119, 119, 1, 97, 3, 99, 111, 109, 0, 0, 1, 0, 1,
    ]);
    const rtp = new Uint8Array(172).fill(0xd5);
    rtp.set([0x80, 0x08, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4]);
    const ntp = new Uint8Array(48);
    ntp.set([0x24, 1, 3, 0xec]);
    const otherMarket = moldPacket("GLIMPSE001", 1, [letterMessage("Z", 33)]);
    for (const payload of [text, dns, rtp, ntp, otherMarket]) {
      const line = new FeedLine();
      for (let round = 0; round < 1000; round++) {
        // The field that counts on in DNS and RTP.
        payload[1] = (payload[1] as number) + (payload === dns || payload === rtp ? 1 : 0);
        count(line, payload);
      }
      expect(line.tracker).toBeUndefined();
    }
  });
});

describe("what decides", () => {
  test("heartbeats of Cboe alone do after a few, those of MoldUDP64 never", () => {
    const cboe = new FeedLine();
    count(cboe, cboeUnit(1, 0));
    count(cboe, cboeUnit(1, 0));
    expect(cboe.tracker).toBeUndefined();
    count(cboe, cboeUnit(1, 0));
    expect(cboe.tracker).toMatchObject({ format: "Cboe PITCH" });
    expect(cboe.tracker?.streams[0]).toMatchObject({ packets: 3, heartbeats: 3 });
    const mold = new FeedLine();
    for (let round = 0; round < 100; round++) count(mold, moldPacket("000010059B", 5, []));
    expect(mold.tracker).toBeUndefined();
    count(mold, moldPacket("000010059B", 5, [letterMessage("D", 19)]));
    expect(mold.tracker?.streams[0]).toMatchObject({ packets: 101, heartbeats: 100, messages: 1 });
  });

  test("a packet that cannot be of the format takes the evidence away, and is unreadable if the line is of it after all", () => {
    const line = new FeedLine();
    count(line, cboeUnit(1, 1));
    count(line, cboeUnit(1, 1));
    count(line, Uint8Array.of(1, 2, 3));
    count(line, cboeUnit(1, 1));
    expect(line.tracker).toBeUndefined();
    count(line, cboeUnit(1, 1, [cboeMessage(0x29, 14), cboeMessage(0x20, 6)]));
    expect(line.tracker).toMatchObject({ format: "Cboe PITCH", unreadable: 1 });
  });

  test("evidence for two formats decides when one has twice that of the other", () => {
    let rivalBits = 70;
    const formats = [100, 0].map((bits, index) => ({
      ...CBOE_PITCH_FORMAT,
      weigh: () => (index === 0 ? bits : rivalBits),
    }));
    const line = new FeedLine(formats);
    count(line, cboeUnit(1, 1));
    expect(line.tracker).toBeUndefined();
    rivalBits = 0;
    count(line, cboeUnit(1, 1));
    expect(line.tracker).toMatchObject({ format: "Cboe PITCH" });
  });

  test("once taken, a line stays what it is, and what else comes is unreadable", () => {
    const line = new FeedLine();
    count(line, iexPacket({ sequence: 1 }, [letterMessage("T", 38)]));
    for (let round = 1; round < 50; round++) count(line, xdpPacket(11, round, [xdpMessage(100, 39)]));
    expect(line.tracker).toMatchObject({ format: "IEX TOPS", unreadable: 49 });
  });
});

describe("every format", () => {
  test("reads nothing outside a payload, whatever it holds", () => {
    const mutated = fc
      .tuple(anyPayload, fc.array(fc.tuple(fc.nat(500), fc.nat(255)), { maxLength: 6 }), fc.nat(80))
      .map(([bytes, changes, cut]) => {
        const copy = bytes.slice(0, Math.max(0, bytes.length - (cut > 40 ? cut - 40 : 0)));
        for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, noise), fc.nat(9), (payload, offset) => {
        const bytes = new Uint8Array(offset + payload.length + 5).fill(0xff);
        bytes.set(payload, offset);
        const bounded = boundedBytes(bytes, offset, payload.length);
        for (const format of FEED_FORMATS) {
          const bits = format.weigh(bounded, offset, payload.length);
          const tracker = format.openTracker();
          const isRead = tracker.track(bounded, offset, payload.length);
          expect(tracker.unreadable).toBe(isRead ? 0 : 1);
          if (!isRead) expect(bits, `${format.name} weighs what it cannot read`).toBe(-1);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
