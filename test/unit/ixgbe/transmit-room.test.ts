import { describe, expect, test } from "vitest";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card, plainFrame } from "./card.ts";
import { TransmitRing } from "./rings.ts";

/** 10 Gb/s: a nanosecond of backlog is 1.25 bytes of the transmit packet buffer. */
const BUFFER_BYTES = 160 * 1024;
const FULL_NS = BUFFER_BYTES / 1.25;

/** A card with a ring of 64 frames of 1,000 bytes behind its doorbell, and a wire that is behind by so much. */
function behind(backlogNs: number): { card: Card; ring: TransmitRing } {
  const card = Card.running();
  const ring = new TransmitRing(card, 0, 64);
  card.port.backlogNs = backlogNs;
  for (let number = 0; number < 60; number++) ring.put({ bytes: plainFrame(1000, number) });
  ring.doorbell();
  card.port.answer();
  return { card, ring };
}

describe("the transmit packet buffer", () => {
  test("takes frames while there is room, and the rest when the wire has made some", () => {
    const { card, ring } = behind(FULL_NS - (10 * 1024) / 1.25);
    expect(card.port.sentCount).toBe(10);
    expect(card.get(reg.TDH)).toBe(10);
    expect([ring.isDone(9), ring.isDone(10)]).toEqual([true, false]);
    // Nothing is fetched meanwhile, and the timer comes without a doorbell.
    expect(card.port.outstandingReads).toBe(0);
    card.port.backlogNs = 0;
    card.port.advance(FULL_NS);
    expect(card.port.sentCount).toBe(60);
    expect(ring.isDone(59)).toBe(true);
  });

  test("that is full asks again by its timer, as long as it takes", () => {
    const { card } = behind(FULL_NS);
    for (let round = 0; round < 20; round++) {
      card.port.advance(10_000);
      expect(card.port.sentCount).toBe(0);
    }
    card.port.backlogNs = FULL_NS / 2;
    card.port.advance(10_000);
    expect(card.port.sentCount).toBe(60);
  });

  test("is as large as TXPBSIZE says, and takes a frame when it is empty however small it is", () => {
    const card = Card.running();
    card.set(reg.TXPBSIZE, 4 << 10);
    const ring = new TransmitRing(card, 0, 64);
    card.port.backlogNs = 2048 / 1.25;
    for (let number = 0; number < 5; number++) ring.put({ bytes: plainFrame(1000, number) });
    ring.doorbell();
    card.port.answer();
    expect(card.port.sentCount).toBe(2);
    card.set(reg.TXPBSIZE, 0);
    card.port.backlogNs = 0;
    card.port.advance(100_000);
    expect(card.port.sentCount).toBe(5);
  });

  test("looks at the clock before it waits: the wire may have gone on since the last look", () => {
    const card = Card.running();
    const ring = new TransmitRing(card, 0, 64);
    card.port.backlogNs = FULL_NS;
    card.port.clock.refresh = () => {
      card.port.backlogNs = 0;
    };
    ring.put({ bytes: plainFrame(1000, 1) });
    ring.doorbell();
    card.port.answer();
    expect(card.port.sentCount).toBe(1);
  });

  test("a reset ends the wait", () => {
    const { card } = behind(FULL_NS);
    card.set(reg.CTRL, reg.CTRL.fields.RST.mask);
    card.port.advance(5_000_000);
    card.port.backlogNs = 0;
    card.set(reg.DMATXCTL, card.get(reg.DMATXCTL) | reg.DMATXCTL.fields.TE.mask);
    const ring = new TransmitRing(card, 1, 8);
    ring.put({ bytes: plainFrame(60, 1) });
    ring.doorbell();
    card.port.answer();
    expect(card.port.sentCount).toBe(1);
  });
});
