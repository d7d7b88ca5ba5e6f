import fc from "fast-check";
import { expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { KEY_BYTE_LENGTH, Toeplitz } from "../../../devices/ixgbe/rss.ts";
import { checkL4Checksum, isIpv4HeaderChecksumValid, onesComplementSum } from "../../../emulator/wire/checksum.ts";
import { FrameHeaders } from "../../../emulator/wire/frame.ts";
import { Card } from "./card.ts";
import { bytesUpTo, type Flow, flows, ipFrame, payloads } from "./ip-frames.ts";
import { concatenate, type ReceivedFrame, ReceiveRing, TransmitRing } from "./rings.ts";

// ---- RSS -------------------------------------------------------------------------------------------------------------

// "RSS Hash Verification Suite", Microsoft's RSS specification.
const KEY = Uint8Array.from(
  ("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa".match(/../g) ?? []).map((byte) =>
    Number.parseInt(byte, 16),
  ),
);
const ipv6 = (text: string): number[] => {
  const [head = "", tail = ""] = text.split("::");
  const words = (part: string): string[] => (part === "" ? [] : part.split(":"));
  const zeros = new Array(8 - words(head).length - words(tail).length).fill("0");
  return [...words(head), ...(text.includes("::") ? zeros : []), ...words(tail)].flatMap((word) => {
    const value = Number.parseInt(word, 16);
    return [value >> 8, value & 0xff];
  });
};
const ipv4 = (text: string): number[] => text.split(".").map(Number);
const vectors = [
  [ipv4("66.9.149.187"), 2794, ipv4("161.142.100.80"), 1766, 0x323e8fc2, 0x51ccc178],
  [ipv4("199.92.111.2"), 14230, ipv4("65.69.140.83"), 4739, 0xd718262a, 0xc626b0ea],
  [ipv4("24.19.198.95"), 12898, ipv4("12.22.207.184"), 38024, 0xd2d0a5de, 0x5c2b394a],
  [ipv4("38.27.205.30"), 48228, ipv4("209.142.163.6"), 2217, 0x82989176, 0xafc7327f],
  [ipv4("153.39.163.191"), 44251, ipv4("202.188.127.2"), 1303, 0x5d1809c5, 0x10e828a2],
  [ipv6("3ffe:2501:200:1fff::7"), 2794, ipv6("3ffe:2501:200:3::1"), 1766, 0x2cc18cd5, 0x40207d3d],
  [ipv6("3ffe:501:8::260:97ff:fe40:efab"), 14230, ipv6("ff02::1"), 4739, 0x0f0c461c, 0xdde51bbf],
  [ipv6("3ffe:1900:4545:3:200:f8ff:fe21:67cf"), 44251, ipv6("fe80::200:f8ff:fe21:67cf"), 38024, 0x4b61e985, 0x02d1feef],
] as const;

function withRss(card: Card, fields: number): void {
  for (let index = 0; index < 10; index++) {
    const [a, b, c, d] = KEY.subarray(4 * index);
    card.set(reg.RSSRK, (a ?? 0) | ((b ?? 0) << 8) | ((c ?? 0) << 16) | ((d ?? 0) << 24), index);
  }
  for (let index = 0; index < 32; index++) {
    const entry = (at: number): number => (4 * index + at) % 16;
    card.set(reg.RETA, entry(0) | (entry(1) << 8) | (entry(2) << 16) | (entry(3) << 24), index);
  }
  card.set(reg.MRQC, 1 | fields);
}

test.for(vectors)(
  "RSS verification suite: %j",
  ([source, sourcePort, destination, destinationPort, plain, withPorts]) => {
    const version = source.length === 4 ? 4 : 6;
    const { TCP_IPV4, IPV4, TCP_IPV6, IPV6, UDP_IPV4, UDP_IPV6 } = reg.MRQC.fields;
    const both = IPV4.mask | IPV6.mask;
    const types = version === 4 ? [1, 2, 7] : [3, 5, 8];
    const cases = [
      [6, both | TCP_IPV4.mask | TCP_IPV6.mask, withPorts, types[0]],
      [6, both, plain, types[1]],
      [17, both | TCP_IPV4.mask | TCP_IPV6.mask, plain, types[1]],
      [17, both | UDP_IPV4.mask | UDP_IPV6.mask, withPorts, types[2]],
      [6, 0, 0, 0],
    ] as const;
    for (const [protocol, fields, hash, type] of cases) {
      const card = Card.running();
      withRss(card, fields);
      const rings = Array.from({ length: 16 }, (_, queue) => new ReceiveRing(card, queue, 8));
      for (const ring of rings) ring.post(7);
      card.port.answer();
      card.receive(
        ipFrame({ version, protocol, source, destination, sourcePort, destinationPort }, new Uint8Array(30)),
      );
      const received = rings.map((ring) => ring.take());
      const queue = type === 0 ? 0 : (hash & 0x7f) % 16;
      expect(received.map((frames) => frames.length)).toEqual(rings.map((_, index) => (index === queue ? 1 : 0)));
      const [frame] = received[queue] as [ReceivedFrame];
      expect([frame.words[1] >>> 0, frame.words[0] & 0xf]).toEqual([hash, type]);
    }
  },
);

test("the tables give the Toeplitz hash as it is defined, bit by bit", () => {
  const toeplitz = new Toeplitz();
  const keys = fc.uint8Array({ minLength: KEY_BYTE_LENGTH, maxLength: KEY_BYTE_LENGTH });
  fc.assert(
    fc.property(keys, fc.uint8Array({ minLength: 1, maxLength: 36, size: "max" }), fc.nat(36), (key, input, split) => {
      toeplitz.setKey(key);
      let window = key.slice(0, 4).reduce((word, byte) => word * 256n + BigInt(byte), 0n);
      let hash = 0n;
      for (let place = 0; place < input.length * 8; place++) {
        if ((((input[place >> 3] as number) >> (7 - (place & 7))) & 1) === 1) hash ^= window;
        const next = ((key[(place + 32) >> 3] as number) >> (7 - ((place + 32) & 7))) & 1;
        window = BigInt.asUintN(32, window * 2n + BigInt(next));
      }
      const first = Math.min(split, input.length);
      const part = toeplitz.add(0, 0, input, 0, first);
      expect(toeplitz.add(part, first, input, first, input.length - first) >>> 0).toBe(Number(hash));
    }),
    { numRuns: 40 },
  );
});

// ---- receive ----------------------------------------------------------------------------------------------------------

test("received frames: packet type, checksum status and errors agree with the headers", () => {
  const card = Card.running();
  const ring = new ReceiveRing(card, 0, 8);
  const headers = new FrameHeaders();
  fc.assert(
    fc.property(
      flows,
      payloads,
      fc.option(fc.tuple(fc.nat(2000), fc.integer({ min: 1, max: 255 }))),
      (flow, payload, damage) => {
        const frame = ipFrame(flow, payload);
        if (damage !== null) {
          const at = 14 + (damage[0] % (frame.length - 14));
          frame[at] = (frame[at] as number) ^ damage[1];
        }
        ring.post(7);
        card.port.answer();
        card.receive(frame);
        const [received] = ring.take() as [ReceivedFrame];
        const status = received.words[2];
        headers.parse(frame, 0, frame.length);
        const l4 = headers.ipVersion === 0 ? "none" : checkL4Checksum(headers, frame, 0);
        const isIpv4 = headers.ipVersion === 4;
        const isIpRight = isIpv4 && isIpv4HeaderChecksumValid(frame, 14, ((frame[14] as number) & 0xf) * 4);
        expect((status & bits.RX_IPCS) !== 0).toBe(isIpv4);
        expect((status & bits.RX_IPE) !== 0).toBe(isIpv4 && !isIpRight);
        expect((status & bits.RX_L4CS) !== 0).toBe(l4 !== "none");
        expect((status & bits.RX_UDPCS) !== 0).toBe(l4 !== "none" && headers.ipProtocol === 17);
        expect((status & bits.RX_TCPE) !== 0).toBe(l4 === "wrong");
        expect((received.words[0] & bits.PACKET_TYPE_IPV4) !== 0).toBe(isIpv4);
        expect((received.words[0] & bits.PACKET_TYPE_IPV6) !== 0).toBe(headers.ipVersion === 6);
        expect((received.words[0] & bits.PACKET_TYPE_UDP) !== 0).toBe(
          headers.l4Offset >= 0 && headers.ipProtocol === 17,
        );
        expect((received.words[0] & bits.PACKET_TYPE_TCP) !== 0).toBe(
          headers.l4Offset >= 0 && headers.ipProtocol === 6,
        );
        if (damage === null) expect(status & (bits.RX_IPE | bits.RX_TCPE | bits.RX_RXE)).toBe(0);
      },
    ),
    { numRuns: 400 },
  );
});

test("UDP without a checksum is not checked over IPv4, and wrong over IPv6", () => {
  const card = Card.running();
  const ring = new ReceiveRing(card, 0, 8);
  ring.post(7);
  card.port.answer();
  const flow = { protocol: 17 as const, sourcePort: 1, destinationPort: 2 };
  const over4 = ipFrame({ version: 4, source: [1, 2, 3, 4], destination: [5, 6, 7, 8], ...flow }, new Uint8Array(30));
  const sixteen = new Array(16).fill(9);
  const over6 = ipFrame({ version: 6, source: sixteen, destination: sixteen, ...flow }, new Uint8Array(30));
  over4.fill(0, 40, 42);
  over6.fill(0, 60, 62);
  card.receive(over4);
  card.receive(over6);
  const all = bits.RX_IPCS | bits.RX_L4CS | bits.RX_UDPCS | bits.RX_TCPE | bits.RX_IPE;
  expect(ring.take().map(({ words }) => words[2] & all)).toEqual([
    bits.RX_IPCS,
    bits.RX_L4CS | bits.RX_UDPCS | bits.RX_TCPE,
  ]);
  expect(card.get(reg.XEC)).toBe(1);
});

test("a new key counts from the next frame on", () => {
  const card = Card.running();
  withRss(card, reg.MRQC.fields.IPV4.mask);
  const rings = Array.from({ length: 16 }, (_, queue) => new ReceiveRing(card, queue, 8));
  for (const ring of rings) ring.post(7);
  card.port.answer();
  const [source, , destination, , plain] = vectors[0];
  const frame = ipFrame(
    { version: 4, protocol: 17, source, destination, sourcePort: 1, destinationPort: 2 },
    new Uint8Array(30),
  );
  card.receive(frame);
  for (let index = 0; index < 10; index++) card.set(reg.RSSRK, 0, index);
  card.receive(frame);
  expect(
    rings
      .flatMap((ring) => ring.take())
      .map(({ words }) => words[1] >>> 0)
      .sort(),
  ).toEqual([0, plain]);
});

// ---- transmit ---------------------------------------------------------------------------------------------------------

function contextOf(flow: Flow, index: number, segmentBytes: number, tag: number): [number, number, number, number] {
  const ipByteLength = flow.version === 4 ? 20 : 40;
  const l4ByteLength = flow.protocol === 6 ? 20 : 8;
  const command = bits.TX_DEXT | bits.TX_DTYP_CONTEXT | (flow.version === 4 ? bits.CONTEXT_IPV4 : 0);
  const l4Type = flow.protocol === 6 ? bits.CONTEXT_L4T_TCP : bits.CONTEXT_L4T_UDP;
  const lengths = (l4ByteLength << 8) | (segmentBytes << 16);
  return [ipByteLength | (14 << 9) | (tag << 16), 0, command | l4Type, (index << 4) | lengths];
}

/** What the stack leaves for the card: no IP checksum, and the pseudo header's sum in layer 4. */
function prepareChecksums(frame: Uint8Array, flow: Flow, withLength: boolean): Uint8Array {
  const prepared = frame.slice();
  const l4At = 14 + (flow.version === 4 ? 20 : 40);
  if (flow.version === 4) prepared.fill(0, 24, 26);
  const length = withLength ? frame.length - l4At : 0;
  const pseudo = Uint8Array.of(...flow.source, ...flow.destination, 0, flow.protocol, length >> 8, length & 0xff);
  new DataView(prepared.buffer).setUint16(
    l4At + (flow.protocol === 6 ? 16 : 6),
    onesComplementSum(pseudo, 0, pseudo.length),
  );
  return prepared;
}

/** Changes the payload's first word so that the checksum is 0, which UDP sends as 0xffff. */
function makeChecksumZero(flow: Flow, payload: Uint8Array): void {
  payload.fill(0, 0, 2);
  const frame = ipFrame(flow, payload);
  const at = frame.length - payload.length - (flow.protocol === 6 ? 4 : 2);
  payload.set(frame.subarray(at, at + 2));
}

test("transmit checksums and tags are what software would have put there", () => {
  const card = Card.running();
  const ring = new TransmitRing(card, 0, 64);
  const oneFrame = fc.record({
    flow: flows,
    payload: payloads,
    index: fc.constantFrom(0, 1),
    tag: fc.option(fc.nat(0xffff)),
    piece: fc.nat(60),
    sumsToZero: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(oneFrame, { minLength: 1, maxLength: 10, size: "max" }), (frames) => {
      card.port.sent.length = 0;
      for (const { flow, payload, index, tag, piece, sumsToZero } of frames) {
        if (sumsToZero) makeChecksumZero(flow, payload);
        const whole = ipFrame(flow, payload);
        ring.put({
          bytes: prepareChecksums(whole, flow, true),
          pieces: [piece, whole.length - piece],
          context: contextOf(flow, index, 0, tag ?? 0),
          flags: bits.TX_IFCS | bits.TX_RS | (tag === null ? 0 : bits.TX_VLE),
          options: (index << 4) | bits.TX_TXSM | (flow.version === 4 ? bits.TX_IXSM : 0),
        });
      }
      ring.doorbell();
      card.port.answer();
      const expected = frames.map(({ flow, payload, tag }) => {
        const frame = ipFrame(flow, payload);
        if (tag === null) return frame;
        return concatenate([frame.subarray(0, 12), Uint8Array.of(0x81, 0, tag >> 8, tag), frame.subarray(12)]);
      });
      expect(card.port.sent.map(({ bytes }) => bytes)).toEqual(expected);
    }),
  );
  expect(card.port.log.findings).toEqual([]);
});

test("segmentation: the segments carry the payload once and in order, each with right headers", () => {
  const card = Card.running();
  const ring = new TransmitRing(card, 0, 64);
  const headers = new FrameHeaders();
  const large = bytesUpTo(20_000);
  fc.assert(
    fc.property(
      flows,
      large,
      fc.integer({ min: 100, max: 1460 }),
      fc.option(fc.nat(0xffff)),
      (flow, payload, mss, tag) => {
        card.port.sent.length = 0;
        const whole = ipFrame(flow, payload);
        const headerByteLength = whole.length - payload.length;
        ring.put({
          bytes: prepareChecksums(whole, flow, false),
          pieces: cutInto(whole.length, 4096),
          context: contextOf(flow, 0, mss, tag ?? 0),
          payloadLength: payload.length,
          flags: bits.TX_IFCS | bits.TX_RS | bits.TX_TSE | (tag === null ? 0 : bits.TX_VLE),
          options: bits.TX_TXSM | (flow.version === 4 ? bits.TX_IXSM : 0),
        });
        ring.doorbell();
        card.port.answer();
        const parts: Uint8Array[] = [];
        for (const [index, { bytes }] of card.port.sent.entries()) {
          headers.parse(bytes, 0, bytes.length);
          const isLast = index === card.port.sent.length - 1;
          expect([headers.ipVersion, headers.vlanTci, headers.truncated]).toEqual([flow.version, tag ?? -1, false]);
          const at = headers.l3Offset;
          if (flow.version === 4) {
            expect(isIpv4HeaderChecksumValid(bytes, at, 20)).toBe(true);
            expect(new DataView(bytes.buffer).getUint16(at + 4)).toBe((0x1234 + index) & 0xffff);
          }
          // A UDP checksum of a zero sum is sent as 0xffff and is right; 0 would be "none".
          expect(checkL4Checksum(headers, bytes, 0)).toBe("right");
          if (flow.protocol === 6) {
            const view = new DataView(bytes.buffer);
            expect(view.getUint32(headers.l4Offset + 4)).toBe((0xffff_fff0 + index * mss) >>> 0);
            expect(view.getUint16(headers.l4Offset + 12)).toBe(isLast ? 0x5019 : 0x5010);
          }
          parts.push(bytes.subarray(headers.payloadOffset, headers.payloadOffset + headers.payloadByteLength));
          if (!isLast) expect(headers.payloadByteLength).toBe(mss);
          expect(bytes.length).toBeGreaterThanOrEqual(Math.min(60, headerByteLength + headers.payloadByteLength));
        }
        expect(concatenate(parts)).toEqual(payload);
      },
    ),
    { numRuns: 60 },
  );
  expect(card.port.log.findings).toEqual([]);
});

function cutInto(byteLength: number, most: number): number[] {
  const pieces: number[] = [];
  for (let at = 0; at < byteLength; at += most) pieces.push(Math.min(most, byteLength - at));
  return pieces;
}
