import fc from "fast-check";
import { expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { FRAME_OFFSET, TRANSMIT_BUFFER_BYTES, TransmitBuffer } from "../../../devices/ixgbe/transmit-buffer.ts";
import { FRAME_BAD_FCS } from "../../../emulator/pcie/device-model.ts";
import { crc32 } from "../../../emulator/wire/crc32.ts";
import { Card, plainFrame } from "./card.ts";
import { concatenate, TransmitRing } from "./rings.ts";
import { IOVA_HIGH } from "./test-port.ts";

/** A frame as the wire has it: padded to 60 bytes. */
function padded(frame: Uint8Array): Uint8Array {
  return frame.length >= 60 ? frame : concatenate([frame, new Uint8Array(60 - frame.length)]);
}

/** Cuts a frame into up to 8 pieces at the given places; empty pieces are allowed. */
function cut(byteLength: number, places: readonly number[]): number[] {
  const at = [0, ...places.map((place) => place % (byteLength + 1)).sort((a, b) => a - b), byteLength];
  return at.slice(1).map((place, index) => place - (at[index] as number));
}

const requests = fc.array(
  fc.record({
    queue: fc.nat(2),
    byteLength: fc.oneof(fc.integer({ min: 17, max: 70 }), fc.integer({ min: 17, max: 3000 })),
    places: fc.array(fc.nat(5000), { maxLength: 6 }),
    rings: fc.boolean(),
    hasContext: fc.boolean(),
    answers: fc.array(fc.nat(50), { maxLength: 8 }),
    burst: fc.oneof(fc.constant(0), fc.nat(40)),
  }),
  { minLength: 1, maxLength: 80, size: "max" },
);
const thresholds = fc.record({ p: fc.nat(40), h: fc.nat(16) }).map(({ p, h }) => p | (h << 8));

const CONTEXT = [20 | (14 << 9), 0, bits.TX_DEXT | bits.TX_DTYP_CONTEXT, 0] as const;

test("frames leave once, whole, and in the order of their queue, whatever the pieces, the pace and the answers", () => {
  fc.assert(
    fc.property(fc.constantFrom(16, 24, 64), thresholds, requests, (slotCount, txdctl, script) => {
      const card = Card.running({}, 1 << 21);
      const rings = [0, 1, 2].map((index) => new TransmitRing(card, index * 60, slotCount, txdctl));
      const expected: Uint8Array[][] = [[], [], []];
      const inFlight: number[][] = [[], [], []];
      for (const [number, { queue, byteLength, places, rings: rang, hasContext, answers, burst }] of script.entries()) {
        const ring = rings[queue] as TransmitRing;
        const frame = plainFrame(byteLength, number);
        frame[6] = queue;
        const pieces = cut(byteLength, places);
        const done = inFlight[queue] as number[];
        while ((ring.tail - head(card, ring) + slotCount) % slotCount >= slotCount - pieces.length - 1) {
          ring.doorbell();
          expect(card.port.answer()).toBeGreaterThan(0);
        }
        forgetDone(ring, done);
        done.push(ring.put({ bytes: frame, pieces, ...(hasContext ? { context: CONTEXT } : {}) }));
        (expected[queue] as Uint8Array[]).push(padded(frame));
        if (rang) ring.doorbell();
        for (const pick of answers) {
          if (card.port.outstandingReads > 0) card.port.answerNth(pick % card.port.outstandingReads);
        }
        card.port.answer(burst);
        for (const [index, other] of rings.entries()) checkHead(card, other, inFlight[index] as number[]);
      }
      for (const ring of rings) ring.doorbell();
      card.port.answer();
      for (const [queue, ring] of rings.entries()) {
        const sent = card.port.sent.filter(({ bytes }) => bytes[6] === queue).map(({ bytes }) => bytes);
        expect(sent).toEqual(expected[queue]);
        forgetDone(ring, inFlight[queue] as number[]);
        expect(inFlight[queue]).toEqual([]);
        expect(head(card, ring)).toBe(ring.tail);
      }
      expect(card.port.log.findings).toEqual([]);
      expect(card.device.isIdle()).toBe(true);
    }),
    { numRuns: 60 },
  );
});

/** Takes the frames that are done out of the list: they are done in order. */
function forgetDone(ring: TransmitRing, slots: number[]): void {
  while (slots.length > 0 && ring.isDone(slots[0] as number)) slots.shift();
}

/** The head is before every frame that is not done. All have RS, so DD tells. */
function checkHead(card: Card, ring: TransmitRing, slots: number[]): void {
  forgetDone(ring, slots);
  const at = head(card, ring);
  const distance = (slot: number): number => (slot - at + ring.slotCount) % ring.slotCount;
  for (const slot of slots) expect(distance(slot)).toBeLessThan(distance(ring.tail) || ring.slotCount);
}

function head(card: Card, ring: TransmitRing): number {
  return card.get(reg.TDH, ring.queue);
}

test("thousands of frames go round the smallest ring", () => {
  const card = Card.running();
  const ring = new TransmitRing(card, 7, 8);
  for (let number = 0; number < 4000; number++) {
    ring.put({
      bytes: plainFrame(17 + (number % 1400), number),
      pieces: number % 3 === 0 ? [10, 7 + (number % 1400)] : [17 + (number % 1400)],
    });
    if (number % 2 === 1) ring.doorbell();
    card.port.answer();
  }
  expect(card.port.sent.map(({ bytes }) => bytes)).toEqual(
    Array.from({ length: 4000 }, (_, number) => padded(plainFrame(17 + (number % 1400), number))),
  );
  expect(card.get(reg.TDH, 7)).toBe(ring.tail);
});

test("queues take turns frame by frame", () => {
  const card = Card.running();
  const rings = [3, 4].map((queue) => new TransmitRing(card, queue, 64));
  card.set(reg.DMATXCTL, card.get(reg.DMATXCTL) & ~reg.DMATXCTL.fields.TE.mask);
  for (const ring of rings) {
    for (let number = 0; number < 39; number++) ring.put({ bytes: plainFrame(60, ring.queue) });
    ring.doorbell();
  }
  card.port.answer();
  expect(card.port.sent).toEqual([]);
  card.set(reg.DMATXCTL, card.get(reg.DMATXCTL) | reg.DMATXCTL.fields.TE.mask);
  card.port.answer();
  const order = card.port.sent.map(({ bytes }) => bytes[17]);
  // The first queue's descriptors came first, and 32 reads were under way before the other's were there.
  expect(order.slice(0, 32)).toEqual(new Array(32).fill(3));
  expect(order.slice(32, 46)).toEqual([4, 3, 4, 3, 4, 3, 4, 3, 4, 3, 4, 3, 4, 3]);
  expect(order.slice(46)).toEqual(new Array(32).fill(4));
});

test("padding and FCS follow HLREG0 and IFCS", () => {
  const { TXPADEN, TXCRCEN } = reg.HLREG0.fields;
  const frame = plainFrame(30, 1);
  const fcs = new Uint8Array(4);
  new DataView(fcs.buffer).setInt32(0, crc32(frame, 0, 30), true);
  const sentWith = (bytes: Uint8Array, mac: number, flags: number) => {
    const card = Card.running();
    card.set(reg.HLREG0, (card.get(reg.HLREG0) & ~(TXPADEN.mask | TXCRCEN.mask)) | mac);
    const ring = new TransmitRing(card, 0, 8);
    ring.put({ bytes, flags });
    ring.doorbell();
    card.port.answer();
    return card.port.sent;
  };
  const both = TXPADEN.mask | TXCRCEN.mask;
  expect(sentWith(frame, both, bits.TX_IFCS)).toEqual([{ bytes: padded(frame), flags: 0 }]);
  expect(sentWith(frame, TXCRCEN.mask, bits.TX_IFCS)).toEqual([{ bytes: frame, flags: 0 }]);
  expect(sentWith(concatenate([frame, fcs]), both, 0)).toEqual([{ bytes: frame, flags: 0 }]);
  expect(sentWith(concatenate([frame, fcs]), TXPADEN.mask, bits.TX_IFCS)).toEqual([{ bytes: frame, flags: 0 }]);
  const wrong = sentWith(concatenate([frame, Uint8Array.of(1, 2, 3, 4)]), both, 0);
  expect(wrong).toEqual([{ bytes: frame, flags: FRAME_BAD_FCS }]);
});

test("DD is written to descriptors with RS and to no others", () => {
  const card = Card.running();
  const ring = new TransmitRing(card, 0, 16);
  const slots = [0, 1, 2, 3].map((number) =>
    ring.put({ bytes: plainFrame(60, number), flags: number % 2 === 0 ? bits.TX_IFCS : bits.TX_IFCS | bits.TX_RS }),
  );
  ring.doorbell();
  card.port.keepsEvents = true;
  card.port.answer();
  expect(slots.map((slot) => ring.isDone(slot))).toEqual([false, true, false, true]);
  expect(card.port.events).toMatchObject([
    { offset: ring.ring + 16, byteLength: 16, flagOffset: 12 },
    { offset: ring.ring + 48, byteLength: 16, flagOffset: 12 },
  ]);
  expect(card.get(reg.TDH)).toBe(4);
});

test("WTHRESH collects descriptors with RS: by number, by moderation, by SWFLSH, by disabling", () => {
  const card = Card.running();
  card.set(reg.IVAR, (0x80 | 2) << 8);
  card.set(reg.EITR, 50 << 3, 0);
  const wthresh = 4 << 16;
  const ring = new TransmitRing(card, 0, 64, wthresh);
  const send = (count: number): number[] => {
    const slots = Array.from({ length: count }, (_, number) => ring.put({ bytes: plainFrame(60, number) }));
    ring.doorbell();
    card.port.answer();
    return slots;
  };
  const doneOf = (slots: readonly number[]): number => slots.filter((slot) => ring.isDone(slot)).length;
  const first = send(3);
  expect(doneOf(first)).toBe(0);
  const second = send(1);
  expect(doneOf([...first, ...second])).toBe(4);
  const third = send(2);
  card.port.advance(99_000);
  expect(doneOf(third)).toBe(0);
  card.port.advance(1_000);
  expect(doneOf(third)).toBe(2);
  card.set(reg.EITR, 0, 0);
  const fourth = send(1);
  card.port.advance(10_000_000);
  expect(doneOf(fourth)).toBe(0);
  card.set(reg.TXDCTL, card.get(reg.TXDCTL) | reg.TXDCTL.fields.SWFLSH.mask | reg.TXDCTL.fields.ENABLE.mask);
  expect(doneOf(fourth)).toBe(1);
  expect(card.get(reg.TXDCTL) & reg.TXDCTL.fields.SWFLSH.mask).toBe(0);
  const fifth = send(1);
  card.set(reg.TXDCTL, wthresh);
  card.port.advance(20_000);
  expect(doneOf(fifth)).toBe(1);
  expect(card.get(reg.TXDCTL) & reg.TXDCTL.fields.ENABLE.mask).toBe(0);
});

// 7.2.3.4: as many as WTHRESH are written back together, and with 0 each at once; so none may wait that the threshold of
// the moment would not keep.
test("a change of WTHRESH leaves no descriptor behind that the new threshold would not hold", () => {
  const step = fc.oneof(
    fc.record({ frames: fc.integer({ min: 1, max: 6 }), threshold: fc.constant(-1) }),
    fc.record({ frames: fc.constant(0), threshold: fc.oneof(fc.constant(0), fc.nat(127), fc.nat(12)) }),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40, size: "max" }), (script) => {
      const card = Card.running();
      const ring = new TransmitRing(card, 0, 256);
      const slots: number[] = [];
      let threshold = 0;
      let waiting = 0;
      for (const { frames, threshold: next } of script) {
        for (let number = 0; number < frames; number++) {
          slots.push(ring.put({ bytes: plainFrame(60, number) }));
          waiting = waiting + 1 >= threshold ? 0 : waiting + 1;
        }
        if (frames > 0) ring.doorbell();
        card.port.answer();
        if (next >= 0) {
          threshold = next;
          if (waiting >= threshold) waiting = 0;
          card.set(reg.TXDCTL, reg.TXDCTL.fields.ENABLE.mask | (threshold << 16));
        }
        const done = slots.filter((slot) => ring.isDone(slot)).length;
        expect(slots.length - done).toBe(waiting);
      }
    }),
    { numRuns: 60 },
  );
});

test("the head passes a context that comes behind the last frame", () => {
  const card = Card.running();
  const ring = new TransmitRing(card, 0, 8);
  ring.put({ bytes: plainFrame(60, 1) });
  card.putDescriptor(ring.ring, 1, CONTEXT);
  ring.tail = 2;
  ring.doorbell();
  card.port.answer(1);
  expect(card.get(reg.TDH)).toBe(0);
  card.port.answer();
  expect(card.get(reg.TDH)).toBe(2);
});

test("head write-back puts the head into memory and leaves the descriptors alone", () => {
  const card = Card.running();
  const at = card.allocate(64);
  card.set(reg.TDWBAL, at | 1);
  card.set(reg.TDWBAH, IOVA_HIGH);
  const ring = new TransmitRing(card, 0, 8);
  for (let number = 0; number < 11; number++) {
    const flags = number % 3 === 2 ? bits.TX_IFCS | bits.TX_RS : bits.TX_IFCS;
    const slot = ring.put({ bytes: plainFrame(60, number), flags });
    ring.doorbell();
    card.port.answer();
    expect(ring.isDone(slot)).toBe(false);
    const reported = number - ((number + 1) % 3);
    expect(card.port.host.words[at / 4]).toBe(reported < 0 ? 0 : (reported + 1) % 8);
  }
});

test("legacy descriptors send, insert a checksum and a tag, and keep their address", () => {
  const card = Card.running();
  const ring = card.startTransmit(0, 8);
  const buffer = card.allocate(256);
  const frame = plainFrame(80, 5);
  card.port.host.bytes.set(frame, buffer);
  const css = 20;
  const cso = 24;
  const command = 80 | (cso << 16) | bits.TX_EOP | bits.TX_IFCS | bits.TX_IC | bits.TX_RS | bits.TX_VLE;
  card.putDescriptor(ring, 0, [buffer, IOVA_HIGH, command, (css << 8) | (0x2123 << 16)]);
  card.set(reg.TDT, 1);
  card.port.answer();
  let sum = 0;
  for (let at = css; at < 80; at += 2) sum += ((frame[at] as number) << 8) | (frame[at + 1] as number);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  const expected = frame.slice();
  new DataView(expected.buffer).setUint16(cso, ~sum & 0xffff);
  const tagged = concatenate([expected.subarray(0, 12), Uint8Array.of(0x81, 0, 0x21, 0x23), expected.subarray(12)]);
  expect(card.port.sent).toEqual([{ bytes: tagged, flags: 0 }]);
  expect([0, 1, 2, 3].map((word) => card.word(ring, 0, word))).toEqual([
    buffer,
    IOVA_HIGH,
    command,
    (css << 8) | (0x2123 << 16) | bits.TX_DD,
  ]);
});

test("loopback: what is sent is received, and nothing is on the wire", () => {
  const card = Card.running();
  card.set(reg.HLREG0, card.get(reg.HLREG0) | reg.HLREG0.fields.LPBK.mask);
  const receive = card.startReceive(0, 8, 2 | (1 << 25));
  const buffer = card.allocate(2048);
  card.putDescriptor(receive, 0, [buffer, IOVA_HIGH, 0, 0]);
  card.set(reg.RDT, 1);
  const ring = new TransmitRing(card, 0, 8);
  const frame = plainFrame(99, 4);
  ring.put({ bytes: frame, pieces: [50, 49] });
  ring.doorbell();
  card.port.answer();
  expect(card.port.sent).toEqual([]);
  expect(card.hostBytes(buffer, 99)).toEqual(frame);
  expect(card.get(reg.GPRC)).toBe(1);
  expect(card.get(reg.GPTC)).toBe(1);
});

test("a lost link holds frames back; the next one lets them go", () => {
  const card = Card.running();
  const ring = new TransmitRing(card, 0, 8);
  card.set(reg.AUTOC, card.get(reg.AUTOC) | reg.AUTOC.fields.RESTART_AN.mask);
  expect(card.get(reg.LINKS) & reg.LINKS.fields.LINK_UP.mask).toBe(0);
  ring.put({ bytes: plainFrame(60, 1) });
  ring.doorbell();
  card.port.answer();
  expect(card.port.sent).toEqual([]);
  card.port.advance(5_000_000);
  expect(card.get(reg.LINKS) & reg.LINKS.fields.LINK_UP.mask).not.toBe(0);
  expect(card.port.sent).toHaveLength(1);
});

test("frames that are short on the wire are no good packets", () => {
  const card = Card.running();
  card.set(reg.HLREG0, card.get(reg.HLREG0) & ~reg.HLREG0.fields.TXPADEN.mask);
  const ring = new TransmitRing(card, 0, 8);
  ring.put({ bytes: plainFrame(59, 1) });
  ring.doorbell();
  card.port.answer();
  expect([card.get(reg.GPTC), card.get(reg.PTC64), card.get(reg.TPT)]).toEqual([0, 0, 1]);
});

test("the buffer for gathered frames: none lies on another, each has room in front and behind", () => {
  const step = fc.tuple(fc.nat(9), fc.oneof(fc.integer({ min: 17, max: 1514 }), fc.integer({ min: 17, max: 262_144 })));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(step, { maxLength: 300, size: "max" }), (bias, steps) => {
      const buffer = new TransmitBuffer();
      const waiting: { slot: number; from: number; to: number }[] = [];
      for (const [dice, byteLength] of steps) {
        if (dice < bias || waiting.length === 0) {
          const slot = buffer.begin(byteLength);
          if (slot < 0) {
            expect(waiting.length).toBeGreaterThan(0);
            continue;
          }
          const offset = buffer.frames[buffer.at(slot) + FRAME_OFFSET] as number;
          const frame = { slot, from: offset - 4, to: offset + byteLength };
          expect(frame.from >= 0 && frame.to <= TRANSMIT_BUFFER_BYTES).toBe(true);
          for (const other of waiting) expect(frame.to <= other.from || other.to <= frame.from).toBe(true);
          waiting.push(frame);
        } else {
          expect(buffer.first).toBe(waiting.shift()?.slot);
          buffer.release(1);
        }
        expect(buffer.count).toBe(waiting.length);
      }
    }),
  );
});

test("counters: sizes, octets, sets of queues", () => {
  const card = Card.running();
  card.set(reg.TQSM, 5 << 8, 0);
  const ring = new TransmitRing(card, 1, 32);
  const lengths = [20, 60, 61, 123, 124, 251, 252, 507, 508, 1019, 1020, 1514];
  for (const [number, byteLength] of lengths.entries()) {
    const frame = plainFrame(byteLength, number);
    if (number === 0) frame.fill(0xff, 0, 6);
    if (number === 1) frame[0] = 1;
    ring.put({ bytes: frame });
  }
  ring.doorbell();
  card.port.answer();
  const bins = [reg.PTC64, reg.PTC127, reg.PTC255, reg.PTC511, reg.PTC1023, reg.PTC1522];
  expect(bins.map((bin) => card.get(bin))).toEqual([2, 2, 2, 2, 2, 2]);
  const octets = lengths.reduce((sum, byteLength) => sum + Math.max(byteLength, 60) + 4, 0);
  expect([card.get(reg.GPTC), card.get(reg.TPT), card.get(reg.BPTC), card.get(reg.MPTC)]).toEqual([12, 12, 1, 1]);
  expect([card.get(reg.QPTC, 5), card.get(reg.QPTC, 0), card.get(reg.QBTC_L, 5)]).toEqual([12, 0, octets]);
  expect(card.get(reg.GOTCL)).toBe(octets);
  // The low half stays until the high half is read.
  expect(card.get(reg.GOTCL)).toBe(octets);
  expect(card.get(reg.GOTCH)).toBe(0);
  expect(card.get(reg.GOTCL)).toBe(0);
});
