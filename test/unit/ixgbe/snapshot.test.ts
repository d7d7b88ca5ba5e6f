import { expect, test } from "vitest";
import * as bits from "../../../devices/ixgbe/descriptors.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card, plainFrame } from "./card.ts";
import { ReceiveRing, TransmitRing } from "./rings.ts";

const WRITE_BACK_THRESHOLD = 8;
const QUEUE = 3;

/** Brings queues up, sends so many frames of all kinds, and has descriptors to receive into on the card. */
function work(card: Card, frameCount: number): TransmitRing {
  new ReceiveRing(card, QUEUE, 16).post(frameCount % 7);
  const ring = new TransmitRing(card, QUEUE, 64, WRITE_BACK_THRESHOLD << reg.TXDCTL.fields.WTHRESH.low, 1 << 14);
  send(ring, frameCount);
  card.port.answer();
  return ring;
}

function send(ring: TransmitRing, frameCount: number): void {
  for (let number = 0; number < frameCount; number++) {
    const bytes = plainFrame(60 + 7 * frameCount, number);
    const kind = (number + frameCount) % 3;
    const isTagged = kind === 1;
    const context = [0x1234_0000 + frameCount, 0, bits.TX_DEXT | bits.TX_DTYP_CONTEXT, 0] as const;
    ring.put({
      bytes,
      flags: bits.TX_IFCS | bits.TX_RS | (isTagged ? bits.TX_VLE : 0),
      ...(kind === 2 ? { pieces: [20, bytes.length - 20] } : {}),
      ...(isTagged ? { context } : {}),
    });
  }
  ring.doorbell();
}

/** A card that was reset after having sent so many frames, with some of all kinds and descriptors of both directions on it now. */
function loadedCard(frameCount: number): Card {
  const card = Card.running({}, 1 << 18);
  const { port } = card;
  work(card, frameCount);
  card.set(reg.CTRL, reg.CTRL.fields.RST.mask);
  port.advance(20_000_000);
  card.set(reg.DTXMXSZRQ, 0xfff);
  card.set(reg.DMATXCTL, card.get(reg.DMATXCTL) | reg.DMATXCTL.fields.TE.mask);
  card.set(reg.RXCTRL, 1);
  const ring = work(card, 4);
  // Their data comes, and they stay on the card.
  send(ring, 5);
  port.answer(1);
  setBusMaster(card, false);
  port.answer();
  return card;
}

function setBusMaster({ port, device }: Card, isOn: boolean): void {
  port.busMasterEnabled = isOn;
  device.onConfigChanged?.();
}

test("a snapshot is of what is there, and not of what was there before", () => {
  const kept = (frameCount: number): unknown => {
    const state = loadedCard(frameCount).device.snapshot() as Record<string, unknown>;
    const { receiveRings, transmitRings, transmitBuffer, writeBack } = state;
    expect(transmitBuffer).toMatchObject({ count: 5 });
    expect(writeBack).toMatchObject({ waitingTotal: 4 });
    return { receiveRings, transmitRings, transmitBuffer, writeBack };
  };
  const expected = kept(0);
  for (const frameCount of [1, 2, 3, 12, 20]) expect(kept(frameCount)).toEqual(expected);
});

test("a card that takes one over, whatever was on it, sends and reports what lay on the other one", () => {
  const old = loadedCard(12);
  const state = structuredClone(old.device.snapshot());
  const others = [Card.running({}, 1 << 18), loadedCard(20)];
  for (const other of others) {
    other.port.host.bytes.set(old.port.host.bytes);
    other.device.restore(structuredClone(state));
  }
  const outcomes = [old, ...others].map((card) => {
    const { port } = card;
    port.sent.length = 0;
    setBusMaster(card, true);
    // Of nine descriptors with RS eight are written back together.
    port.answer();
    return { sent: port.sent, memory: Buffer.from(port.host.bytes), statistics: card.device.statistics() };
  });
  const [expected] = outcomes;
  expect(expected?.sent).toHaveLength(5);
  for (const { sent, memory, statistics } of outcomes) {
    expect(sent).toEqual(expected?.sent);
    expect(memory.equals(expected?.memory ?? Buffer.alloc(0))).toBe(true);
    expect(statistics).toEqual(expected?.statistics);
  }
});
