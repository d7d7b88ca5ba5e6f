import fc from "fast-check";
import { expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { onesComplementSum, writeIpv4HeaderChecksum } from "../../../emulator/wire/checksum.ts";
import { anyBytes, Card } from "./card.ts";
import { ipFrame } from "./ip-frames.ts";
import { concatenate, ReceiveRing } from "./rings.ts";

// 7.1.11 and the descriptor's word 1 (7.1.6.2): with PCSD = 0 the IP identification, and with IPPCSE the sum over the IP
// payload of a fragment, from which a driver checks a datagram that came in pieces.
test("fragments carry identification and sum in place of the hash, and the sums add up as the driver expects", () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6, size: "max" });
  const modes = fc.record({
    hashes: fc.boolean(),
    sums: fc.boolean(),
    isDamaged: fc.boolean(),
    hasChecksum: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.nat(0xffff),
      fc.nat(),
      cuts,
      modes,
      (id, seed, cutBlocks, { hashes, sums, isDamaged, hasChecksum }) => {
        const card = Card.running();
        const { PCSD, IPPCSE } = reg.RXCSUM.fields;
        card.set(reg.RXCSUM, (hashes ? PCSD.mask : 0) | (sums ? IPPCSE.mask : 0));
        const ring = new ReceiveRing(card, 0, 16);
        ring.post(15);
        card.port.answer();
        const [source, destination] = [
          [10, 0, 0, 1],
          [10, 0, 0, 2],
        ];
        const whole = ipFrame(
          { version: 4, protocol: 17, source, destination, sourcePort: 5, destinationPort: 6 },
          anyBytes(60 * 8 + 13, seed),
        );
        if (!hasChecksum) whole.fill(0, 40, 42);
        const datagram = whole.slice(34);
        if (isDamaged) datagram[20] = (datagram[20] as number) ^ 1;
        const starts = [0, ...cutBlocks.toSorted((a, b) => a - b).map((block) => block * 8)];
        for (const [index, start] of starts.entries()) {
          const isLast = index === starts.length - 1;
          const piece = datagram.subarray(start, isLast ? datagram.length : starts[index + 1]);
          // What pads a short frame is not of the payload.
          const padding = new Uint8Array(Math.max(0, 60 - 34 - piece.length)).fill(0xee);
          const frame = concatenate([whole.subarray(0, 34), piece, padding]);
          const view = new DataView(frame.buffer);
          view.setUint16(16, 20 + piece.length);
          view.setUint16(18, id);
          view.setUint16(20, (isLast ? 0 : 0x2000) | (start / 8));
          writeIpv4HeaderChecksum(frame, 14, 20);
          card.receive(frame);
        }
        const received = ring.take();
        expect(received).toHaveLength(starts.length);
        let sum = 17 + datagram.length + onesComplementSum(Uint8Array.of(...source, ...destination), 0, 8);
        for (const [index, { words }] of received.entries()) {
          expect(words[0] & 0xf).toBe(0);
          expect(words[1] & 0xffff).toBe(hashes ? 0 : id);
          const isSummed = sums && !hashes;
          if (!isSummed) expect(words[1] >>> 16).toBe(0);
          sum += words[1] >>> 16;
          const status = words[2] & (bits.RX_UDPV | bits.RX_UDPCS | bits.RX_L4CS | bits.RX_TCPE);
          const isValid = index === 0 && hasChecksum;
          expect(status).toBe(isSummed ? bits.RX_UDPCS | (isValid ? bits.RX_UDPV : 0) : 0);
        }
        if (!sums || hashes || !hasChecksum) return;
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
        expect(sum === 0xffff).toBe(!isDamaged);
      },
    ),
  );
});

test("with PCSD = 0 a whole datagram has its identification and no fragment checksum, and what is not IPv4 has neither", () => {
  const card = Card.running();
  card.set(reg.RXCSUM, reg.RXCSUM.fields.IPPCSE.mask);
  card.set(reg.MRQC, 1 | reg.MRQC.fields.IPV4.mask | reg.MRQC.fields.IPV6.mask);
  card.set(reg.RSSRK, 0x1234_5678);
  const ring = new ReceiveRing(card, 0, 8);
  ring.post(7);
  card.port.answer();
  const ports = { protocol: 17 as const, sourcePort: 1, destinationPort: 2 };
  const frame = ipFrame({ version: 4, source: [1, 2, 3, 4], destination: [5, 6, 7, 8], ...ports }, new Uint8Array(30));
  const id = (frame[18] as number) * 256 + (frame[19] as number);
  const sixteen = new Array(16).fill(9);
  card.receive(frame);
  card.receive(ipFrame({ version: 6, source: sixteen, destination: sixteen, ...ports }, new Uint8Array(30)));
  const words = ring.take().map((received) => received.words);
  expect(words.map((each) => each[1])).toEqual([id, 0]);
  for (const each of words) expect(each[2] & bits.RX_L4CS).not.toBe(0);
});
