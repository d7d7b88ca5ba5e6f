import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card, msixCard, plainFrame } from "./card.ts";
import { ReceiveRing, TransmitRing } from "./rings.ts";

const { GPIE, EICR } = reg;
const LSC = EICR.fields.LSC.mask;

function restartLink(card: Card): void {
  card.set(reg.AUTOC, card.get(reg.AUTOC) | reg.AUTOC.fields.RESTART_AN.mask);
}

describe("INTx", () => {
  test("asserted while cause and mask meet; reading EICR clears and masks what EIAM names", () => {
    const card = Card.running();
    expect(card.get(EICR)).toBe(LSC | EICR.fields.OTHER.mask);
    expect(card.get(EICR)).toBe(0);
    card.set(reg.IVAR, 0x81, 0);
    card.set(reg.EIAM, 0xffff);
    card.set(reg.EIMS, 0xffff);
    const ring = new ReceiveRing(card, 0, 8);
    ring.post(7);
    card.port.answer();
    card.receive(plainFrame(60, 1));
    expect(card.port.level).toBe(true);
    expect(card.get(EICR)).toBe(1 << 1);
    expect(card.port.level).toBe(false);
    expect(card.get(reg.EIMS)).toBe(0);
    card.receive(plainFrame(60, 2));
    expect(card.port.level).toBe(false);
    card.set(reg.EIMS, 0xffff);
    expect(card.port.level).toBe(true);
    expect(card.port.risingEdges).toBe(2);
    card.set(EICR, 1 << 1);
    expect(card.port.level).toBe(false);
  });

  test("EIMS and EIMC set and clear, and zeros do nothing", () => {
    const card = Card.running();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(0x7fff_ffff)), { maxLength: 20, size: "max" }), (writes) => {
        card.set(reg.EIMC, 0x7fff_ffff);
        let mask = 0;
        for (const [sets, value] of writes) {
          card.set(sets ? reg.EIMS : reg.EIMC, value);
          mask = sets ? mask | value : mask & ~value;
          expect(card.get(reg.EIMS)).toBe(mask);
          expect(card.get(reg.EIMC)).toBe(0);
        }
      }),
    );
  });

  test("EICS raises causes, and a read of it gives the causes without clearing them", () => {
    const card = Card.running();
    card.get(EICR);
    card.set(reg.EIMS, 1 << 5);
    card.set(reg.EICS, (1 << 5) | (1 << 19));
    expect(card.port.level).toBe(true);
    const causes = (1 << 5) | (1 << 19) | EICR.fields.OTHER.mask;
    expect([card.get(reg.EICS), card.get(reg.EICS), card.get(EICR), card.get(EICR)]).toEqual([
      causes,
      causes,
      causes,
      0,
    ]);
  });

  test("EITR(0) holds the next assertion back", () => {
    const card = Card.running();
    card.get(EICR);
    card.set(reg.EITR, 10 << 3);
    card.set(reg.EIMS, 1);
    card.set(reg.EICS, 1);
    expect(card.port.level).toBe(true);
    card.get(EICR);
    card.port.advance(5_000);
    card.set(reg.EICS, 1);
    expect(card.port.level).toBe(false);
    card.port.advance(14_999);
    expect(card.port.level).toBe(false);
    card.port.advance(1);
    expect(card.port.level).toBe(true);
  });

  test("with OCD a read clears causes 16 to 29 and leaves the queues", () => {
    const card = Card.running();
    card.set(GPIE, GPIE.fields.OCD.mask);
    card.get(EICR);
    card.set(reg.EICS, 0x4011_0003);
    expect(card.get(EICR) & 0x7fff_ffff).toBe(0x4011_0003);
    expect(card.get(EICR) & 0x7fff_ffff).toBe(0x4000_0003);
  });
});

// 8.2.3.5.6: in this mode a write of EICS enables what EIAM names, as a read of EICR disables it.
test("EIAM acts on EICS with one interrupt, and not with multiple MSI-X", () => {
  const causes = fc.nat(0x7fff_ffff);
  fc.assert(
    fc.property(causes, causes, causes, fc.boolean(), (mask, autoMask, raised, multiple) => {
      const card = msixCard(multiple ? GPIE.fields.MULTIPLE_MSIX.mask : 0);
      card.set(reg.EIMC, 0x7fff_ffff);
      card.set(reg.EIMS, mask);
      card.set(reg.EIAM, autoMask);
      card.set(reg.EICS, raised);
      const enabled = multiple ? mask : mask | autoMask;
      expect(card.get(reg.EIMS)).toBe(enabled);
      if (!multiple) expect(card.port.raised).toEqual((raised & enabled) === 0 ? [] : [0]);
    }),
  );
});

test("MSI-X with one vector: everything arrives as message 0, once for each time that something becomes pending", () => {
  const card = msixCard(0);
  card.set(reg.EIMS, 0x7fff_ffff);
  card.set(reg.EICS, 1);
  card.set(reg.EICS, 2);
  expect(card.port.raised).toEqual([0]);
  card.get(EICR);
  restartLink(card);
  expect(card.port.raised).toEqual([0, 0]);
});

test("one interrupt that is asserted as a message stays so in another card that takes over a snapshot", () => {
  const card = msixCard(0);
  card.set(reg.EIMS, 1 << 5);
  card.set(reg.EICS, 1 << 5);
  expect(card.port.raised).toEqual([0]);
  const other = Card.running();
  other.port.mode = "msix";
  other.device.restore(structuredClone(card.device.snapshot()));
  expect(other.device.snapshot()).toEqual(card.device.snapshot());
  // Asserted already: a second cause sends no second message.
  for (const each of [card, other]) each.set(reg.EICS, 1 << 5);
  expect(card.port.raised).toEqual([0]);
  expect(other.port.raised).toEqual([]);
});

describe("multiple MSI-X", () => {
  test("each queue's vector, receive and transmit apart, vectors above 15 too", () => {
    const card = msixCard();
    card.set(reg.EIAC, 0xffff);
    card.set(reg.IVAR, 0x80 | 2 | ((0x80 | 63) << 8) | ((0x80 | 33) << 16), 0);
    card.set(reg.EIMS_EX, -1, 0);
    card.set(reg.EIMS_EX, -1, 1);
    const receive = new ReceiveRing(card, 0, 8);
    receive.post(7);
    const transmit = new TransmitRing(card, 0, 8);
    card.port.answer();
    card.receive(plainFrame(60, 1));
    expect(card.port.raised).toEqual([2]);
    transmit.put({ bytes: plainFrame(60, 1) });
    transmit.doorbell();
    card.port.answer();
    expect(card.port.raised).toEqual([2, 63]);
    // Queue 1 transmits without a valid allocation.
    const silent = new TransmitRing(card, 1, 8);
    silent.put({ bytes: plainFrame(60, 1) });
    silent.doorbell();
    card.port.answer();
    expect(card.port.raised).toEqual([2, 63]);
  });

  test("link status change goes to the vector of IVAR_MISC, enabled by its bit of EIMS", () => {
    const card = msixCard();
    card.set(reg.IVAR_MISC, (0x80 | 9) << 8);
    restartLink(card);
    expect(card.port.raised).toEqual([]);
    card.set(reg.EIMS, LSC);
    expect(card.port.raised).toEqual([9]);
    // Still the same cause: nobody has cleared it.
    card.port.advance(10_000_000);
    expect(card.port.raised).toEqual([9]);
    card.set(EICR, LSC);
    restartLink(card);
    expect(card.port.raised).toEqual([9, 9]);
  });

  test("a message masks its vector when EIAM says so, and only then", () => {
    const card = msixCard();
    card.set(reg.EIAC, 0xffff);
    card.set(reg.EIAM_EX, 1 << 4, 0);
    card.set(reg.EIAM_EX, 1 << 4, 1);
    for (const [index, vector, masks] of [
      [0, 4, true],
      [0, 5, false],
      [1, 36, true],
      [1, 37, false],
    ] as const) {
      card.port.raised.length = 0;
      const bit = 1 << (vector & 31);
      card.set(reg.EIMS_EX, bit, index);
      card.set(reg.EICS_EX, bit, index);
      card.set(reg.EICS_EX, bit, index);
      expect(card.port.raised).toEqual(masks ? [vector] : [vector, vector]);
      expect(card.get(reg.EIMS_EX, index) & bit).toBe(masks ? 0 : bit);
      // The second cause still waits where the first message masked the vector; elsewhere it has been told of already.
      card.port.raised.length = 0;
      card.set(reg.EIMS_EX, bit, index);
      expect(card.port.raised).toEqual(masks ? [vector] : []);
      card.set(reg.EIMC_EX, -1, index);
    }
  });

  test("without auto-clear a cause stays in EICR and sends no second message until it is cleared", () => {
    const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask | GPIE.fields.OCD.mask);
    card.set(reg.EIMS, 1 << 3);
    card.set(reg.EICS, 1 << 3);
    card.set(reg.EICS, 1 << 3);
    expect(card.port.raised).toEqual([3]);
    expect(card.get(EICR)).toBe(1 << 3);
    card.set(EICR, 1 << 3);
    card.set(reg.EICS, 1 << 3);
    expect(card.port.raised).toEqual([3, 3]);
    card.set(reg.EIAC, 1 << 3);
    card.set(EICR, 1 << 3);
    card.set(reg.EICS, 1 << 3);
    expect(card.get(EICR)).toBe(0);
    expect(card.port.raised).toEqual([3, 3, 3]);
  });

  test("masking and unmasking a cause that is still there sends its message again", () => {
    const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask | GPIE.fields.OCD.mask);
    card.set(reg.EIMS, 1 << 3);
    card.set(reg.EICS, 1 << 3);
    card.set(reg.EIMC, 1 << 3);
    card.set(reg.EIMS, 1 << 3);
    expect(card.port.raised).toEqual([3, 3]);
    // Writing the mask bit that is set already is not an event.
    card.set(reg.EIMS, 1 << 3);
    expect(card.port.raised).toEqual([3, 3]);
  });

  test("EIAM acts on messages only with EIAME, and never on writes of EICR", () => {
    const card = msixCard(GPIE.fields.MULTIPLE_MSIX.mask | GPIE.fields.OCD.mask);
    card.set(reg.EIAC, 0xffff);
    card.set(reg.EIAM_EX, -1, 0);
    card.set(reg.EIMS_EX, 0xff, 0);
    card.set(reg.EICS_EX, 1, 0);
    expect(card.port.raised).toEqual([0]);
    card.set(EICR, 0xffff);
    expect(card.get(EICR)).toBe(0);
    expect(card.get(reg.EIMS_EX, 0)).toBe(0xff);
  });

  test("EICR shows the cause of a vector below 16 that is masked", () => {
    const card = msixCard();
    card.set(reg.IVAR, 0x80 | 6);
    const ring = new ReceiveRing(card, 0, 8);
    ring.post(7);
    card.port.answer();
    card.receive(plainFrame(60, 1));
    expect(card.port.raised).toEqual([]);
    expect(card.get(EICR)).toBe(1 << 6);
  });
});
