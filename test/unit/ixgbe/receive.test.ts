import fc from "fast-check";
import { expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { FRAME_BAD_FCS } from "../../../emulator/pcie/device-model.ts";
import { crc32 } from "../../../emulator/wire/crc32.ts";
import { Card, plainFrame } from "./card.ts";
import { concatenate, type ReceivedFrame, ReceiveRing } from "./rings.ts";

/** What happens between card and driver, in any order. */
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("arrive" as const), byteLength: fc.integer({ min: 60, max: 4000 }) }),
    fc.record({ kind: fc.constant("arrive" as const), byteLength: fc.integer({ min: 60, max: 80 }) }),
    fc.record({ kind: fc.constant("answer" as const), count: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constant("take" as const), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ kind: fc.constant("post" as const), count: fc.integer({ min: 1, max: 40 }) }),
  ),
  { minLength: 1, maxLength: 120, size: "max" },
);

function allowJumbo(card: Card): void {
  card.set(reg.HLREG0, card.get(reg.HLREG0) | reg.HLREG0.fields.JUMBOEN.mask);
  card.set(reg.MAXFRS, 9018 << 16);
}

test("frames arrive once, whole and in order, whatever the ring, the buffers and the pace", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3 }), steps, (eights, kibibytes, script) => {
      const card = Card.running({}, 1 << 20);
      allowJumbo(card);
      const ring = new ReceiveRing(card, 0, eights * 8, kibibytes);
      const sent: Uint8Array[] = [];
      const received: ReceivedFrame[] = [];
      for (const step of script) {
        if (step.kind === "arrive") {
          const frame = plainFrame(step.byteLength, sent.length);
          if (!card.device.hasRoomForFrame?.(0, frame.length)) continue;
          sent.push(frame);
          card.receive(frame);
        } else if (step.kind === "answer") card.port.answer(step.count);
        else if (step.kind === "take") received.push(...ring.take(step.count));
        else ring.post(step.count);
      }
      for (let round = 0; round < 1000 && received.length < sent.length; round++) {
        ring.post(1000);
        card.port.answer();
        received.push(...ring.take());
      }
      expect(received.map(({ bytes }) => bytes)).toEqual(sent);
      for (const frame of received) {
        expect(frame.descriptorCount).toBe(Math.ceil(frame.bytes.length / (kibibytes * 1024)));
      }
      expect(card.device.statistics()).toMatchObject({ rxFrames: sent.length, rxDelivered: sent.length });
      expect(card.port.log.findings).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("thousands of frames go round the smallest ring", () => {
  const card = Card.running();
  const ring = new ReceiveRing(card, 0, 8, 1);
  let next = 0;
  for (let number = 0; number < 5000; number++) {
    ring.post(3);
    if (number % 3 === 0) card.port.answer();
    card.receive(plainFrame(60 + (number % 900), number));
    card.port.answer(number % 2);
    for (const { bytes } of ring.take(1 + (number % 5))) expect(bytes).toEqual(plainFrame(60 + (next % 900), next++));
  }
  for (let round = 0; next < 5000; round++) {
    expect(round).toBeLessThan(5000);
    ring.post(8);
    card.port.answer();
    for (const { bytes } of ring.take()) expect(bytes).toEqual(plainFrame(60 + (next % 900), next++));
  }
  expect(card.get(reg.RDH)).toBe(5000 % 8);
});

test("what was sent is what was delivered and what was dropped, to the frame", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.integer({ min: 1, max: 32 }), steps, (drops, bufferKibibytes, script) => {
      const card = Card.running();
      card.set(reg.RXPBSIZE, bufferKibibytes << 10);
      const ring = new ReceiveRing(card, 0, 16, 2, drops);
      card.set(reg.RQSMR, 0x07, 0);
      const sent: Uint8Array[] = [];
      const received: Uint8Array[] = [];
      for (const step of script) {
        if (step.kind === "arrive") {
          const frame = plainFrame(Math.min(step.byteLength, 1514), sent.length);
          sent.push(frame);
          card.receive(frame);
        } else if (step.kind === "answer") card.port.answer(step.count);
        else if (step.kind === "take") received.push(...ring.take(step.count).map(({ bytes }) => bytes));
        else ring.post(step.count);
      }
      for (let round = 0; round < 200; round++) {
        ring.post(1000);
        card.port.answer();
        received.push(...ring.take().map(({ bytes }) => bytes));
      }
      const stats = card.device.statistics();
      const [missed, dropped] = [card.get(reg.RXMPC), card.get(reg.QPRDC, 7)];
      expect(stats.rxDropPacketBufferFull).toBe(missed);
      expect(stats.rxDropNoDescriptor).toBe(dropped);
      expect(sent.length).toBe(received.length + missed + dropped);
      expect(card.get(reg.QPRC, 7)).toBe(received.length);
      expect(card.get(reg.GPRC)).toBe(received.length + dropped);
      if (!drops) expect(dropped).toBe(0);
      // Reading has cleared them.
      expect([card.get(reg.RXMPC), card.get(reg.QPRDC, 7), card.get(reg.GPRC)]).toEqual([0, 0, 0]);
      // In order, none twice: the received frames are a subsequence of those sent.
      let at = 0;
      for (const bytes of received) {
        while (at < sent.length && !equal(sent[at] as Uint8Array, bytes)) at++;
        expect(at++).toBeLessThan(sent.length);
      }
    }),
    { numRuns: 60 },
  );
});

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

test("a full packet buffer raises RX_MISS and keeps what it has", () => {
  const card = Card.running();
  card.set(reg.RXPBSIZE, 1 << 10);
  const ring = new ReceiveRing(card, 0, 64);
  let accepted = 0;
  while (card.device.hasRoomForFrame?.(0, 60)) card.receive(plainFrame(60, accepted++));
  expect(accepted).toBe(Math.floor(1024 / 96));
  card.receive(plainFrame(60, 999));
  expect(card.get(reg.RXMPC)).toBe(1);
  expect(card.get(reg.EICR) & reg.EICR.fields.RX_MISS.mask).not.toBe(0);
  ring.post(63);
  card.port.answer();
  expect(ring.take().map(({ bytes }) => bytes)).toEqual(Array.from({ length: accepted }, (_, n) => plainFrame(60, n)));
});

test("with DROP_EN a frame is dropped for want of descriptors, not because they have not been fetched yet", () => {
  const card = Card.running();
  const ring = new ReceiveRing(card, 0, 8, 1, true);
  ring.post(2);
  // Both descriptors are on their way: the frame waits for them.
  card.receive(plainFrame(1500, 0));
  expect(card.device.statistics()).toMatchObject({ rxDropNoDescriptor: 0, rxInPacketBuffer: 1 });
  card.port.answer();
  expect(ring.take()).toMatchObject([{ descriptorCount: 2 }]);
  ring.post(1);
  card.port.answer();
  card.receive(plainFrame(1500, 1));
  card.receive(plainFrame(1000, 2));
  expect(ring.take().map(({ bytes }) => bytes)).toEqual([plainFrame(1000, 2)]);
  expect(card.get(reg.QPRDC)).toBe(1);
});

test("descriptors that wait in the ring count behind its end too", () => {
  const card = Card.running();
  allowJumbo(card);
  const ring = new ReceiveRing(card, 0, 8, 1, true);
  for (let number = 0; number < 6; number++) {
    ring.post(1);
    card.port.answer();
    card.receive(plainFrame(60, number));
    ring.take();
  }
  ring.post(1);
  ring.post(6);
  // One descriptor is on its way, six are in the ring on both sides of its end.
  card.receive(plainFrame(4000, 6));
  expect(card.device.statistics()).toMatchObject({ rxDropNoDescriptor: 0, rxInPacketBuffer: 1 });
  card.port.answer();
  expect(ring.take()).toMatchObject([{ descriptorCount: 4 }]);
});

test("a queue without descriptors holds up the frames of another behind it, unless it drops", () => {
  for (const drops of [false, true]) {
    const card = Card.running();
    card.set(reg.MRQC, 1 | reg.MRQC.fields.IPV4.mask);
    card.set(reg.RETA, 0x01010101);
    for (let index = 0; index < 32; index++) card.set(reg.RETA, 0x01010101, index);
    new ReceiveRing(card, 0, 8, 2, drops);
    const other = new ReceiveRing(card, 1, 8);
    other.post(7);
    card.port.answer();
    card.receive(plainFrame(60, 0));
    const ip = ipv4Frame();
    card.receive(ip);
    expect(other.take().map(({ bytes }) => bytes)).toEqual(drops ? [ip] : []);
  }
});

function ipv4Frame(): Uint8Array {
  const frame = plainFrame(60, 0);
  frame.set([0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 12);
  return frame;
}

test.each([
  ["good, shortest", 60, 0, true, {}],
  ["short", 59, 0, false, { RUC: 1, MSPDC: 1 }],
  ["short, bad FCS", 59, FRAME_BAD_FCS, false, { RFC: 1, MSPDC: 1 }],
  ["bad FCS", 60, FRAME_BAD_FCS, false, { CRCERRS: 1 }],
  ["good, longest", 1514, 0, true, {}],
  ["long", 1515, 0, false, { ROC: 1 }],
  ["long, bad FCS", 1515, FRAME_BAD_FCS, false, { RJC: 1 }],
] as const)("%s", (_name, byteLength, flags, isGood, counts) => {
  for (const storesBad of [false, true]) {
    const card = Card.running();
    if (storesBad) card.set(reg.FCTRL, card.get(reg.FCTRL) | reg.FCTRL.fields.SBP.mask);
    const ring = new ReceiveRing(card, 0, 8);
    ring.post(7);
    card.port.answer();
    const frame = plainFrame(byteLength, 3);
    card.receive(frame, flags);
    const errors = { RUC: reg.RUC, RFC: reg.RFC, ROC: reg.ROC, RJC: reg.RJC, CRCERRS: reg.CRCERRS, MSPDC: reg.MSPDC };
    const counted = Object.fromEntries(
      Object.entries(errors).flatMap(([name, register]) => {
        const count = card.get(register);
        return count === 0 ? [] : [[name, count]];
      }),
    );
    expect(counted).toEqual(counts);
    expect(card.get(reg.GPRC)).toBe(isGood ? 1 : 0);
    expect(card.get(reg.TPR)).toBe(1);
    const frames = ring.take();
    expect(frames.map(({ bytes }) => bytes)).toEqual(isGood || storesBad ? [frame] : []);
    if (storesBad) expect(((frames[0]?.words[2] ?? 0) & bits.RX_RXE) !== 0).toBe(!isGood);
  }
});

test("a tag may make the longest frame four bytes longer, and MAXFRS decides with JUMBOEN", () => {
  const card = Card.running();
  const ring = new ReceiveRing(card, 0, 8, 4);
  ring.post(7);
  card.port.answer();
  const tagged = (byteLength: number): Uint8Array => {
    const frame = plainFrame(byteLength, 1);
    frame.set([0x81, 0x00, 0x20, 0x05], 12);
    return frame;
  };
  card.receive(tagged(1518));
  card.receive(tagged(1519));
  expect(ring.take().map(({ bytes }) => bytes.length)).toEqual([1518]);
  card.set(reg.MAXFRS, 2000 << 16);
  card.receive(plainFrame(1996, 1));
  allowJumbo(card);
  card.set(reg.MAXFRS, 2000 << 16);
  card.receive(plainFrame(1996, 1));
  card.receive(plainFrame(1997, 1));
  expect(ring.take().map(({ bytes }) => bytes.length)).toEqual([1996]);
});

test("without CRC strip the four bytes of the FCS follow the frame", () => {
  const card = Card.running();
  card.set(reg.HLREG0, card.get(reg.HLREG0) & ~reg.HLREG0.fields.RXCRCSTRP.mask);
  card.set(reg.RDRXCTL, card.get(reg.RDRXCTL) & ~reg.RDRXCTL.fields.CRC_STRIP.mask);
  const ring = new ReceiveRing(card, 0, 8);
  ring.post(7);
  card.port.answer();
  const frame = plainFrame(77, 9);
  card.receive(frame);
  const fcs = new Uint8Array(4);
  new DataView(fcs.buffer).setInt32(0, crc32(frame, 0, frame.length), true);
  expect(ring.take().map(({ bytes }) => bytes)).toEqual([concatenate([frame, fcs])]);
});

test("payload, descriptor, interrupt: in this order, and DD last", () => {
  const card = Card.running();
  card.port.mode = "msix";
  card.set(reg.GPIE, reg.GPIE.fields.MULTIPLE_MSIX.mask);
  card.device.onConfigChanged?.();
  card.set(reg.IVAR, 0x80 | 3);
  card.set(reg.EIMS_EX, 1 << 3);
  card.set(reg.EIAC, 0xffff);
  const ring = new ReceiveRing(card, 0, 8, 1);
  ring.post(7);
  card.port.answer();
  card.port.keepsEvents = true;
  card.receive(plainFrame(1030, 1));
  expect(card.port.events).toMatchObject([
    { kind: "write", byteLength: 1024, flagOffset: -1 },
    { kind: "write", offset: ring.ring, byteLength: 16, flagOffset: 8 },
    { kind: "write", byteLength: 6, flagOffset: -1 },
    { kind: "write", offset: ring.ring + 16, byteLength: 16, flagOffset: 8 },
    { kind: "interrupt", vector: 3 },
  ]);
});

test("legacy descriptors: length, status and errors are in the last quadword", () => {
  const card = Card.running();
  const ring = card.startReceive(0, 8, 2, reg.RXDCTL.fields.VME.mask);
  const buffer = card.allocate(2048);
  card.putDescriptor(ring, 0, [buffer, 1, 0, 0]);
  card.set(reg.RDT, 1);
  card.port.answer();
  const frame = plainFrame(64, 1);
  frame.set([0x81, 0x00, 0x60, 0x07], 12);
  card.receive(frame);
  expect(card.word(ring, 0, 0)).toBe(buffer);
  expect(card.word(ring, 0, 2)).toBe(60);
  expect(card.word(ring, 0, 3)).toBe((0x6007 << 16) | bits.RX_DD | bits.RX_EOP | bits.RX_VP);
});

test("VLAN: stripped into the descriptor with VME, left in the frame without", () => {
  for (const rxdctl of [0, reg.RXDCTL.fields.VME.mask]) {
    const card = Card.running();
    const ring = new ReceiveRing(card, 0, 8, 2, false, rxdctl);
    ring.post(7);
    card.port.answer();
    const frame = plainFrame(100, 1);
    frame.set([0x81, 0x00, 0xa0, 0x0c], 12);
    card.receive(frame);
    const bare = concatenate([frame.subarray(0, 12), frame.subarray(16)]);
    const [received] = ring.take() as [ReceivedFrame];
    expect(received.bytes).toEqual(rxdctl === 0 ? frame : bare);
    expect((received.words[2] & bits.RX_VP) !== 0).toBe(rxdctl !== 0);
    expect(received.words[3] >>> 16).toBe(rxdctl === 0 ? 0 : 0xa00c);
  }
});

test("with DROP_EN only frames that the descriptors cannot hold are dropped", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), steps, (eights, script) => {
      const card = Card.running({}, 1 << 20);
      allowJumbo(card);
      const ring = new ReceiveRing(card, 0, eights * 8, 1, true);
      let available = 0;
      let delivered = 0;
      let dropped = 0;
      /** Descriptors that the frames in the packet buffer need; the first has been promised them. */
      let waiting: number[] = [];
      for (const [number, step] of script.entries()) {
        if (step.kind === "arrive") {
          card.receive(plainFrame(step.byteLength, number));
          const need = Math.ceil(step.byteLength / 1024);
          if (waiting.length === 0 && need > available) dropped++;
          else if (card.device.statistics().rxInPacketBuffer !== 0) waiting.push(need);
          else {
            delivered++;
            available -= need;
          }
        } else if (step.kind === "answer") {
          card.port.answer();
          for (const need of waiting) {
            if (need > available) dropped++;
            else {
              delivered++;
              available -= need;
            }
          }
          waiting = [];
        } else if (step.kind === "take") ring.take(step.count);
        else available += ring.post(1 + (step.count % 5));
        expect(card.device.statistics()).toMatchObject({
          rxDelivered: delivered,
          rxDropNoDescriptor: dropped,
          rxInPacketBuffer: waiting.length,
        });
      }
    }),
    { numRuns: 60 },
  );
});
