import fc from "fast-check";
import { expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card, plainFrame, STATION } from "./card.ts";
import { type ReceivedFrame, ReceiveRing } from "./rings.ts";

/** Few different bytes, so that addresses meet often. */
const someByte = fc.constantFrom(0x00, 0x01, 0x02, 0x5e, 0x80, 0xff);
const addresses: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.tuple(someByte, someByte, someByte, someByte, someByte, someByte).map((bytes) => [...bytes]),
  fc.constant([...STATION]),
  fc.constant([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
);

interface Setup {
  readonly unicast: boolean;
  readonly multicast: boolean;
  readonly broadcast: boolean;
  readonly hashed: boolean;
  readonly mo: number;
  readonly perfect: (readonly number[])[];
  readonly hashOf: (readonly number[])[];
}

const setups: fc.Arbitrary<Setup> = fc.record({
  unicast: fc.boolean(),
  multicast: fc.constantFrom(false, false, false, true),
  broadcast: fc.boolean(),
  hashed: fc.constantFrom(true, true, true, false),
  mo: fc.nat(3),
  perfect: fc.array(addresses, { maxLength: 3 }),
  hashOf: fc.array(
    addresses.map(([first = 0, ...rest]) => [first | 1, ...rest]),
    { maxLength: 3 },
  ),
});

/** 8.2.3.7.3: bits 47:36, 46:35, 45:34 or 43:32 of the address, whose bit 0 is the first on the wire. */
function multicastHash(address: readonly number[], mo: number): number {
  const value = address.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return Number((value >> BigInt([36, 35, 34, 32][mo] as number)) & 0xfffn);
}

const same = (a: readonly number[], b: readonly number[]): boolean => a.every((byte, index) => byte === b[index]);

test("a frame passes exactly when FCTRL, the addresses and the multicast table let it", () => {
  fc.assert(
    fc.property(
      setups,
      fc.array(fc.tuple(addresses, fc.nat(5), fc.nat(47)), { minLength: 7, maxLength: 7 }),
      (setup, picks) => {
        // Most frames go to an address that the filters know, or to one that differs from it in one bit.
        const known = [...setup.perfect, ...setup.hashOf];
        const destinations = picks.map(([other, pick, flip]) => {
          const address = [...(known[pick] ?? other)];
          if (flip % 2 === 1) address[flip >> 3] = (address[flip >> 3] as number) ^ (1 << (flip & 7));
          return address;
        });
        const card = Card.running();
        const { UPE, MPE, BAM } = reg.FCTRL.fields;
        const control =
          (setup.unicast ? UPE.mask : 0) | (setup.multicast ? MPE.mask : 0) | (setup.broadcast ? BAM.mask : 0);
        card.set(reg.FCTRL, control);
        card.set(reg.MCSTCTRL, setup.mo | (setup.hashed ? reg.MCSTCTRL.fields.MFE.mask : 0));
        for (const [index, [a, b, c, d, e, f]] of setup.perfect.entries()) {
          card.set(reg.RAL, (a ?? 0) | ((b ?? 0) << 8) | ((c ?? 0) << 16) | ((d ?? 0) << 24), index + 5);
          card.set(reg.RAH, (e ?? 0) | ((f ?? 0) << 8) | reg.RAH.fields.AV.mask, index + 5);
        }
        for (const address of setup.hashOf) {
          const hash = multicastHash(address, setup.mo);
          card.set(reg.MTA, card.get(reg.MTA, hash >> 5) | (1 << (hash & 31)), hash >> 5);
        }
        const ring = new ReceiveRing(card, 0, 8);
        ring.post(7);
        card.port.answer();
        const expected: { address: readonly number[]; inexact: boolean }[] = [];
        for (const address of destinations) {
          card.receive(plainFrame(60, 0, address));
          const isExact = [STATION, ...setup.perfect].some((known) => same(known, address));
          const isGroup = ((address[0] as number) & 1) === 1;
          const isBroadcast = address.every((byte) => byte === 0xff);
          const hash = multicastHash(address, setup.mo);
          const isHashed = setup.hashed && setup.hashOf.some((other) => multicastHash(other, setup.mo) === hash);
          let passes = isExact;
          if (!isGroup) passes ||= setup.unicast;
          else if (isBroadcast) passes ||= setup.broadcast;
          else passes ||= setup.multicast || isHashed;
          if (passes) expected.push({ address, inexact: isGroup && !isBroadcast && !isExact && !setup.multicast });
        }
        const received = ring.take();
        expect(
          received.map(({ bytes, words }) => ({
            address: [...bytes.subarray(0, 6)],
            inexact: (words[2] & bits.RX_PIF) !== 0,
          })),
        ).toEqual(expected);
        expect(card.device.statistics()).toMatchObject({ rxDropFilter: destinations.length - expected.length });
        expect(card.get(reg.RXNFGPC)).toBe(destinations.length);
        expect(card.get(reg.GPRC)).toBe(expected.length);
      },
    ),
    { numRuns: 300 },
  );
});

test("VLAN filter: the table decides for tagged frames, CFI if asked, untagged frames pass", () => {
  const tags = fc.array(fc.option(fc.nat(0xffff)), { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.constantFrom(-1, 0, 1),
      fc.array(fc.nat(4095), { maxLength: 3 }),
      tags,
      (filters, cfi, known, tcis) => {
        const card = Card.running();
        const { VFE, CFIEN, CFI } = reg.VLNCTRL.fields;
        const control = (filters ? VFE.mask : 0) | (cfi >= 0 ? CFIEN.mask : 0) | (cfi === 1 ? CFI.mask : 0);
        card.set(reg.VLNCTRL, 0x8100 | control);
        for (const vlan of [...known, ...tcis.slice(0, 2).map((tci) => (tci ?? 0) & 0xfff)]) {
          card.set(reg.VFTA, card.get(reg.VFTA, vlan >> 5) | (1 << (vlan & 31)), vlan >> 5);
        }
        const allowed = new Set([...known, ...tcis.slice(0, 2).map((tci) => (tci ?? 0) & 0xfff)]);
        const ring = new ReceiveRing(card, 0, 8);
        ring.post(7);
        card.port.answer();
        const frames = tcis.map((tci, number) => {
          const frame = plainFrame(80, number);
          if (tci !== null) frame.set([0x81, 0x00, tci >> 8, tci & 0xff], 12);
          card.receive(frame);
          return frame;
        });
        const expected = frames.filter((_, number) => {
          const tci = tcis[number];
          if (tci === null || tci === undefined) return true;
          if (cfi >= 0 && ((tci >> 12) & 1) !== cfi) return false;
          return !filters || allowed.has(tci & 0xfff);
        });
        expect(ring.take().map(({ bytes }) => bytes)).toEqual(expected);
      },
    ),
    { numRuns: 150 },
  );
});

test("frames come in only with RXEN, a link and an enabled queue", () => {
  const card = Card.running();
  const ring = new ReceiveRing(card, 0, 8);
  ring.post(7);
  card.port.answer();
  card.set(reg.RXCTRL, 0);
  card.receive(plainFrame(60, 1));
  card.set(reg.RXCTRL, 1);
  card.set(reg.AUTOC, card.get(reg.AUTOC) | reg.AUTOC.fields.RESTART_AN.mask);
  card.receive(plainFrame(60, 2));
  card.port.advance(10_000_000);
  card.receive(plainFrame(60, 3));
  card.set(reg.RXDCTL, 0);
  card.port.advance(20_000);
  card.receive(plainFrame(60, 4));
  expect(ring.take().map(({ bytes }: ReceivedFrame) => bytes)).toEqual([plainFrame(60, 3)]);
  expect(card.device.statistics()).toMatchObject({ rxFrames: 4, rxDropNotReady: 2, rxDropQueueOff: 1, rxDelivered: 1 });
});
