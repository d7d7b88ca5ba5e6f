import fc from "fast-check";
import { expect, test } from "vitest";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Statistics, UNICAST } from "../../../devices/ixgbe/statistics.ts";
import { RegisterFile } from "../../../emulator/registers/register-file.ts";
import { Card, plainFrame } from "./card.ts";
import { ReceiveRing } from "./rings.ts";

function registers(): { file: RegisterFile; counters: Statistics } {
  const file = new RegisterFile(reg.IXGBE_REGISTER_MAP, { registerFinding: () => {} });
  return { file, counters: new Statistics(file) };
}

test("octet counters have 36 bits, and stay at the largest number", () => {
  const lengths = fc.array(fc.integer({ min: 64, max: 16_000 }), { minLength: 1, maxLength: 30, size: "max" });
  fc.assert(
    fc.property(fc.nat(15), fc.integer({ min: 0, max: 300_000 }), lengths, (high, below, frames) => {
      const { file, counters } = registers();
      file.set(reg.GORCH, high);
      file.set(reg.GORCL, -below | 0);
      let octets = BigInt(high) * 2n ** 32n + BigInt((-below | 0) >>> 0);
      let isStuck = false;
      for (const byteLength of frames) {
        counters.accepted(byteLength, UNICAST);
        octets += BigInt(byteLength);
        // What comes after the largest number does not matter: drivers read long before.
        if (octets >= 2n ** 36n) isStuck = true;
        if (isStuck) break;
      }
      const low = BigInt(file.read(reg.GORCL.at()) >>> 0);
      const top = BigInt(file.read(reg.GORCH.at()));
      expect(top * 2n ** 32n + low).toBe(isStuck ? 2n ** 36n - 1n : octets);
      expect([file.read(reg.GORCL.at()), file.read(reg.GORCH.at())]).toEqual([0, 0]);
    }),
  );
});

test("packet counters stay at their largest value until they are read", () => {
  const { file, counters } = registers();
  file.set(reg.GPRC, -3);
  for (let count = 0; count < 5; count++) counters.accepted(64, UNICAST);
  expect(file.read(reg.GPRC.at()) >>> 0).toBe(0xffff_ffff);
  expect(file.read(reg.GPRC.at())).toBe(0);
});

test("receive counters: sizes, octets, casts, sets of queues", () => {
  const card = Card.running();
  card.set(reg.RQSMR, 0x0b, 0);
  const ring = new ReceiveRing(card, 0, 16);
  ring.post(15);
  card.port.answer();
  const lengths = [60, 60, 61, 123, 124, 251, 252, 507, 508, 1019, 1020, 1514];
  for (const [number, byteLength] of lengths.entries()) {
    const frame = plainFrame(byteLength, number);
    if (number === 0) frame.fill(0xff, 0, 6);
    if (number === 1) frame[0] = 1;
    card.receive(frame);
  }
  const bins = [reg.PRC64, reg.PRC127, reg.PRC255, reg.PRC511, reg.PRC1023, reg.PRC1522];
  expect(bins.map((bin) => card.get(bin))).toEqual([2, 2, 2, 2, 2, 2]);
  const octets = lengths.reduce((sum, byteLength) => sum + byteLength + 4, 0);
  const packets = [reg.TPR, reg.GPRC, reg.RXNFGPC, reg.RXDGPC].map((register) => card.get(register));
  expect(packets).toEqual([12, 12, 12, 12]);
  expect([card.get(reg.BPRC), card.get(reg.MPRC)]).toEqual([1, 1]);
  const pairs = [
    [reg.TORL, reg.TORH],
    [reg.GORCL, reg.GORCH],
    [reg.RXNFGBCL, reg.RXNFGBCH],
  ] as const;
  for (const [low, high] of pairs) expect([card.get(low), card.get(high), card.get(low)]).toEqual([octets, 0, 0]);
  expect([card.get(reg.QPRC, 11), card.get(reg.QPRC, 0), card.get(reg.QBRC_L, 11)]).toEqual([12, 0, octets - 48]);
});

test("a length field that does not fit the frame counts in RLEC while HLREG0 asks for it", () => {
  const card = Card.running();
  const ring = new ReceiveRing(card, 0, 8);
  ring.post(7);
  card.port.answer();
  const withLength = (byteLength: number, field: number): Uint8Array => {
    const frame = plainFrame(byteLength, 1);
    frame.set([field >> 8, field & 0xff], 12);
    return frame;
  };
  const right = [withLength(60, 10), withLength(60, 46), withLength(100, 86)];
  const wrong = [withLength(60, 47), withLength(100, 85), withLength(100, 87)];
  for (const frame of [...right, ...wrong]) card.receive(frame);
  expect(card.get(reg.RLEC)).toBe(3);
  expect(ring.take().map(({ bytes }) => bytes)).toEqual(right);
  card.set(reg.HLREG0, card.get(reg.HLREG0) & ~reg.HLREG0.fields.RXLNGTHERREN.mask);
  for (const frame of wrong) card.receive(frame);
  expect(card.get(reg.RLEC)).toBe(0);
  expect(ring.take().map(({ bytes }) => bytes)).toEqual(wrong);
});
