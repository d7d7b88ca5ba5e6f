import fc from "fast-check";
import { expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card, dataCommand, plainFrame } from "./card.ts";
import { ReceiveRing, TransmitRing } from "./rings.ts";

const { RST, MASTER_DISABLE } = reg.CTRL.fields;
const { LINK_UP, LINK_STATUS, LINK_SPEED } = reg.LINKS.fields;

test("the link comes up by itself some time after power-on, and says so", () => {
  const card = new Card({ linkUpNs: 1_000_000 });
  card.port.advance(999_999);
  expect(card.get(reg.LINKS)).toBe(0);
  card.port.advance(1);
  expect(card.get(reg.LINKS) & (LINK_UP.mask | LINK_SPEED.mask)).toBe(LINK_UP.mask | LINK_SPEED.mask);
  expect(card.get(reg.ANLP1) & reg.ANLP1.fields.ANAS.mask).not.toBe(0);
  expect(card.get(reg.EICR) & reg.EICR.fields.LSC.mask).not.toBe(0);
});

// 8.2.3.22.19, LMS: 0, 2 and 5 are 1 GbE, 1 and 3 are 10 GbE, 4, 6 and 7 negotiate over the backplane what KX4, KR and KX
// offer. A setting counts from the next restart of auto-negotiation on.
test("the link has the speed of its mode, and none where nothing is offered", () => {
  const { LMS, KX4, KX, KR, RESTART_AN, FLU } = reg.AUTOC.fields;
  const bitOf = (isSet: boolean, mask: number): number => (isSet ? mask : 0);
  const settings = fc.record({ mode: fc.nat(7), kx4: fc.boolean(), kx: fc.boolean(), kr: fc.boolean() });
  fc.assert(
    fc.property(settings, settings, fc.boolean(), ({ mode, kx4, kx, kr }, later, isForced) => {
      const card = Card.running();
      const kept = card.get(reg.AUTOC) & ~(LMS.mask | KX4.mask | KX.mask | KR.mask | FLU.mask);
      const controlOf = (each: typeof later): number =>
        kept | (each.mode << 13) | bitOf(each.kx4, KX4.mask) | bitOf(each.kx, KX.mask) | bitOf(each.kr, KR.mask);
      const restart = RESTART_AN.mask | bitOf(isForced, FLU.mask);
      card.set(reg.AUTOC, controlOf({ mode, kx4, kx, kr }) | restart);
      card.set(reg.AUTOC, controlOf(later) | bitOf(isForced, FLU.mask));
      expect(card.get(reg.LINKS)).toBe(0);
      card.port.advance(10_000_000);
      const negotiates = mode === 4 || mode >= 6;
      const isTen = negotiates ? kx4 || kr : mode === 1 || mode === 3;
      const isUp = !negotiates || kx4 || kr || kx;
      const links = card.get(reg.LINKS);
      expect((links & LINK_UP.mask) !== 0).toBe(isUp);
      expect((card.get(reg.STATUS) & reg.STATUS.fields.LINK_UP.mask) !== 0).toBe(isUp);
      expect((links & LINK_SPEED.mask) >>> LINK_SPEED.low).toBe(isUp ? (isTen ? 3 : 2) : 0);
      expect((links & reg.LINKS.fields.KX_AN_COMP.mask) !== 0).toBe(negotiates && isUp && !isForced);
      // The state machine leaves its first state in every mode: drivers restart it and wait for that.
      expect(card.get(reg.ANLP1) & reg.ANLP1.fields.ANAS.mask).not.toBe(0);
    }),
  );
});

test("LINK_STATUS tells of a loss between two reads", () => {
  const card = Card.running();
  card.get(reg.LINKS);
  expect(card.get(reg.LINKS) & LINK_STATUS.mask).not.toBe(0);
  card.set(reg.AUTOC, card.get(reg.AUTOC) | reg.AUTOC.fields.RESTART_AN.mask);
  card.port.advance(10_000_000);
  const links = card.get(reg.LINKS);
  expect([links & LINK_UP.mask, links & LINK_STATUS.mask]).toEqual([LINK_UP.mask, 0]);
  expect(card.get(reg.LINKS) & LINK_STATUS.mask).not.toBe(0);
});

test("a driver cannot write the bits that it waits for", () => {
  const card = new Card();
  card.set(reg.CTRL, RST.mask);
  card.port.advance(910_000);
  card.set(reg.EEC, -1);
  card.set(reg.RDRXCTL, -1);
  card.set(reg.RXDCTL, -1);
  card.set(reg.TXDCTL, -1);
  card.set(reg.LINKS, -1);
  expect(card.get(reg.EEC) & reg.EEC.fields.AUTO_RD.mask).toBe(0);
  expect(card.get(reg.RDRXCTL) & reg.RDRXCTL.fields.DMAIDONE.mask).toBe(0);
  expect(card.get(reg.RXDCTL) & reg.RXDCTL.fields.ENABLE.mask).toBe(0);
  expect(card.get(reg.TXDCTL) & reg.TXDCTL.fields.ENABLE.mask).toBe(0);
  expect(card.get(reg.LINKS) & LINK_UP.mask).toBe(0);
});

test("queues come up and go down some time after the write, all 128 of each direction", () => {
  const card = Card.running();
  for (let queue = 0; queue < 128; queue++) {
    for (const [length, control] of [
      [reg.RDLEN, reg.RXDCTL],
      [reg.TDLEN, reg.TXDCTL],
    ] as const) {
      card.set(length, 128, queue);
      card.set(control, control.fields.ENABLE.mask, queue);
      expect(card.get(control, queue) & control.fields.ENABLE.mask).toBe(0);
    }
  }
  card.port.advance(20_000);
  const up = (): number[] =>
    [reg.RXDCTL, reg.TXDCTL].map((control) => {
      const queues = Array.from({ length: 128 }, (_, queue) => card.get(control, queue));
      return queues.filter((value) => (value & control.fields.ENABLE.mask) !== 0).length;
    });
  expect(up()).toEqual([128, 128]);
  for (let queue = 0; queue < 128; queue++) {
    card.set(reg.RXDCTL, 0, queue);
    card.set(reg.TXDCTL, 0, queue);
  }
  expect(up()).toEqual([128, 128]);
  card.port.advance(20_000);
  expect(up()).toEqual([0, 0]);
  expect(card.port.log.findings).toEqual([]);
});

test("a transmit queue that is disabled finishes what it has begun before ENABLE falls", () => {
  const card = Card.running();
  const ring = new TransmitRing(card, 0, 16);
  const slots = [1, 2, 3].map((number) => ring.put({ bytes: plainFrame(60, number) }));
  ring.doorbell();
  card.port.answer(1);
  card.set(reg.TXDCTL, 0);
  const reads = card.port.outstandingReads;
  expect(reads).toBe(3);
  card.port.answerNth(0);
  // Time passes, but a frame is under way still.
  while (card.port.timers.next[0] !== Number.POSITIVE_INFINITY) {
    card.port.clock.advanceTo(card.port.timers.next[0] as number);
    card.device.onTimer(card.port.timers.takeDue(card.port.clock.now));
  }
  expect(card.get(reg.TXDCTL) & reg.TXDCTL.fields.ENABLE.mask).not.toBe(0);
  card.port.answer();
  card.port.advance(20_000);
  expect(card.get(reg.TXDCTL) & reg.TXDCTL.fields.ENABLE.mask).toBe(0);
  expect(slots.map((slot) => ring.isDone(slot))).toEqual([true, true, true]);
  expect(card.port.sent).toHaveLength(3);
});

test.each(["software reset", "function-level reset"])("%s with DMA under way: nothing lands afterwards", (kind) => {
  const card = Card.running();
  const receive = new ReceiveRing(card, 0, 16);
  const transmit = new TransmitRing(card, 0, 16);
  receive.post(15);
  for (let number = 0; number < 5; number++) transmit.put({ bytes: plainFrame(100, number) });
  transmit.doorbell();
  card.port.answer(2);
  card.receive(plainFrame(60, 1));
  expect(card.port.outstandingReads).toBeGreaterThan(0);
  if (kind === "software reset") card.set(reg.CTRL, RST.mask);
  else card.device.onReset("function-level");
  expect(card.port.outstandingReads).toBe(0);
  const before = card.port.host.bytes.slice();
  card.port.sent.length = 0;
  card.receive(plainFrame(60, 2));
  card.port.advance(20_000_000);
  expect(card.port.host.bytes.every((byte, index) => byte === before[index])).toBe(true);
  expect(card.port.sent).toEqual([]);
  expect(card.get(reg.RXDCTL) & reg.RXDCTL.fields.ENABLE.mask).toBe(0);
  expect([card.get(reg.RDH), card.get(reg.TDT), card.get(reg.EIMS)]).toEqual([0, 0, 0]);
  expect(card.device.isIdle()).toBe(true);
  expect(card.port.log.findings).toEqual([]);
});

test("master disable: no new requests, and the status bit falls with the last answer", () => {
  const card = Card.running();
  const ring = new TransmitRing(card, 0, 64);
  for (let number = 0; number < 40; number++) ring.put({ bytes: plainFrame(60, number) });
  ring.doorbell();
  card.port.answer(1);
  expect(card.port.outstandingReads).toBe(32);
  card.set(reg.CTRL, MASTER_DISABLE.mask);
  const status = (): boolean => (card.get(reg.STATUS) & reg.STATUS.fields.MASTER_ENABLE.mask) !== 0;
  for (let left = 32; left > 0; left--) {
    expect(status()).toBe(true);
    expect(card.port.outstandingReads).toBe(left);
    card.port.answer(1);
  }
  expect(status()).toBe(false);
  expect(card.port.outstandingReads).toBe(0);
  card.set(reg.CTRL, 0);
  expect(status()).toBe(true);
  card.port.answer();
  expect(card.port.sent).toHaveLength(40);
});

test("bus master off: the card waits, and goes on when it is on", () => {
  const card = Card.running();
  const receive = new ReceiveRing(card, 0, 8);
  card.port.busMasterEnabled = false;
  card.device.onConfigChanged?.();
  receive.post(7);
  card.receive(plainFrame(60, 1));
  expect(card.port.outstandingReads).toBe(0);
  expect(card.violations()).toEqual(["bus-master-off-at-doorbell"]);
  card.port.busMasterEnabled = true;
  card.device.onConfigChanged?.();
  card.port.answer();
  expect(receive.take()).toHaveLength(1);
});

test("EERD and MSCA take their time; a semaphore is taken by reading it", () => {
  const card = Card.running();
  card.set(reg.EERD, (0x15 << 2) | 1);
  expect(card.get(reg.EERD) & reg.EERD.fields.DONE.mask).toBe(0);
  card.port.advance(10_000);
  expect(card.get(reg.EERD) >>> 16).toBe(0xfafa);
  expect(card.get(reg.EERD) & 3).toBe(reg.EERD.fields.DONE.mask);
  card.set(reg.MSCA, reg.MSCA.fields.MDICMD.mask | (3 << 26));
  expect(card.get(reg.MSCA) & reg.MSCA.fields.MDICMD.mask).not.toBe(0);
  card.port.advance(100_000);
  expect(card.get(reg.MSCA) & reg.MSCA.fields.MDICMD.mask).toBe(0);
  expect(card.get(reg.MSRWD) >>> 16).toBe(0xffff);
  expect([card.get(reg.SWSM) & 1, card.get(reg.SWSM) & 1]).toEqual([0, 1]);
});

test("a failed read stops its queue, not the card", () => {
  const card = Card.running();
  const bad = new TransmitRing(card, 1, 8);
  const good = new TransmitRing(card, 2, 8);
  const receive = new ReceiveRing(card, 0, 8);
  card.port.poisoned.add(receive.ring);
  card.putDescriptor(bad.ring, 0, [
    0x7fff_0000,
    9,
    60 | bits.TX_DTYP_DATA | bits.TX_DEXT | bits.TX_EOP | bits.TX_IFCS | bits.TX_RS,
    60 << 14,
  ]);
  bad.tail = 1;
  bad.doorbell();
  receive.post(7);
  const slot = good.put({ bytes: plainFrame(60, 2) });
  good.doorbell();
  card.port.answer();
  expect(card.port.sent).toHaveLength(1);
  expect(good.isDone(slot)).toBe(true);
  expect(bad.isDone(0)).toBe(false);
  expect(card.get(reg.TDH, 1)).toBe(0);
  expect(card.get(reg.EICR) & reg.EICR.fields.PCI_EXCEPTION.mask).not.toBe(0);
  card.receive(plainFrame(60, 1));
  expect(card.device.statistics()).toMatchObject({ dmaReadErrors: 2, rxDropQueueOff: 1, txDropped: 1 });
  // Disabling and enabling starts it again.
  card.port.poisoned.clear();
  card.set(reg.RXDCTL, 0);
  card.port.advance(20_000);
  card.set(reg.RDH, 0);
  card.set(reg.RDT, 0);
  card.set(reg.RXDCTL, reg.RXDCTL.fields.ENABLE.mask);
  card.port.advance(20_000);
  card.set(reg.RDT, 7);
  card.port.answer();
  card.receive(plainFrame(60, 1));
  expect(receive.take()).toHaveLength(1);
});

test("a frame behind one whose read failed is lost too: the head stays at the one that failed", () => {
  const card = Card.running();
  const ring = new TransmitRing(card, 0, 16);
  const good = ring.put({ bytes: plainFrame(60, 1) });
  card.putDescriptor(ring.ring, 1, [0, 9, dataCommand(60, bits.TX_EOP | bits.TX_IFCS | bits.TX_RS), 60 << 14]);
  ring.tail = 2;
  const behind = ring.put({ bytes: plainFrame(60, 2) });
  ring.doorbell();
  card.port.answer();
  expect([good, 1, behind].map((slot) => ring.isDone(slot))).toEqual([true, false, false]);
  expect(card.get(reg.TDH)).toBe(1);
  expect(card.port.sent.map(({ bytes }) => bytes)).toEqual([plainFrame(60, 1)]);
  expect(card.device.statistics()).toMatchObject({ txFrames: 1, txDropped: 2 });
  expect(card.device.isIdle()).toBe(true);
});

test("a snapshot continues in another card where the first one was", () => {
  const script = (card: Card, from: number): void => {
    for (let number = from; number < from + 10; number++) card.receive(plainFrame(60 + number * 90, number));
    card.port.answer(3);
  };
  const prepare = (): { card: Card; receive: ReceiveRing; transmit: TransmitRing } => {
    const card = Card.running();
    card.set(reg.EITR, 10 << 3);
    const receive = new ReceiveRing(card, 0, 16, 1);
    const transmit = new TransmitRing(card, 0, 16, 3 << 16);
    receive.post(9);
    card.port.answer();
    for (let number = 0; number < 5; number++) transmit.put({ bytes: plainFrame(500, number), pieces: [200, 300] });
    transmit.doorbell();
    script(card, 0);
    // Reads under way are the machine's, not the card's: a snapshot is taken when they are answered.
    card.port.answer();
    return { card, receive, transmit };
  };
  const first = prepare();
  const second = prepare();
  second.card.device.onReset("power-on");
  second.card.device.restore(structuredClone(first.card.device.snapshot()));
  second.card.port.log.findings.length = 0;
  const rest = ({ card, receive, transmit }: ReturnType<typeof prepare>): unknown => {
    receive.post(15);
    script(card, 10);
    card.port.answer();
    const frames = receive.take();
    receive.post(15);
    card.port.answer();
    card.set(reg.TXDCTL, reg.TXDCTL.fields.ENABLE.mask | reg.TXDCTL.fields.SWFLSH.mask);
    const done = Array.from({ length: 16 }, (_, slot) => transmit.isDone(slot));
    return [frames, receive.take(), done, card.get(reg.GPRC), card.get(reg.GORCL), card.device.statistics()];
  };
  expect(rest(second)).toEqual(rest(first));
});

test("only 32-bit accesses reach the registers", () => {
  const card = Card.running();
  const at = reg.MAXFRS.at();
  for (const byteLength of [1, 2, 8]) {
    card.device.onWrite(0, at, byteLength, 0x1234_0000, 0);
    expect(card.device.onRead(0, at, byteLength)).toBe(-1);
  }
  expect(card.get(reg.MAXFRS)).toBe(0x05ee_0000);
  expect(card.port.log.findings).toMatchObject([{ rule: "wrong-width", place: "MAXFRS 0x04268", count: 6 }]);
});
