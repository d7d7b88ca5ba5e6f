import { expect, test } from "vitest";
import { create, declaration } from "../../../devices/ixgbe/ixgbe.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card, plainFrame } from "./card.ts";
import { ReceiveRing } from "./rings.ts";
import { TestPort } from "./test-port.ts";

/** The resets of the card: what they put back, what is lost meanwhile, and what CTRL says of it. */

const { RST, LRST, MASTER_DISABLE } = reg.CTRL.fields;
const { LINK_UP } = reg.LINKS.fields;

test.each(["CTRL.RST", "CTRL.LRST", "a function-level reset"])(
  "%s: the firmware says some time later that it has configured the port (4.6.3)",
  (which) => {
    const card = Card.running();
    const isConfigured = (): boolean => (card.get(reg.EEMNGCTL) & reg.EEMNGCTL.fields.CFG_DONE0.mask) !== 0;
    const isRead = (): boolean => (card.get(reg.EEC) & reg.EEC.fields.AUTO_RD.mask) !== 0;
    expect(isConfigured()).toBe(true);
    if (which === "a function-level reset") card.device.onReset("function-level");
    else card.set(reg.CTRL, which === "CTRL.RST" ? RST.mask : LRST.mask);
    const order: string[] = [];
    for (let us = 0; us < 2000; us += 10) {
      if (isRead() && !order.includes("read")) order.push("read");
      if (isConfigured() && !order.includes("configured")) order.push("configured");
      card.port.advance(10_000);
    }
    expect(order).toEqual(["read", "configured"]);
  },
);

test.each([
  ["RST", RST.mask, true],
  ["LRST", LRST.mask, false],
] as const)(
  "CTRL.%s: registers to their defaults, the bit and the EEPROM later; the link as the bit says",
  (_name, bit, keepsLink) => {
    const card = Card.running();
    card.set(reg.MAXFRS, 9000 << 16);
    card.set(reg.RAL, 0x1234_5678);
    card.set(reg.RAH, 0, 0);
    card.set(reg.CTRL, bit);
    expect(card.get(reg.CTRL)).toBe(bit);
    expect(card.get(reg.MAXFRS)).toBe(0x05ee_0000);
    expect(card.get(reg.EEC) & reg.EEC.fields.AUTO_RD.mask).toBe(0);
    expect(card.get(reg.RDRXCTL) & reg.RDRXCTL.fields.DMAIDONE.mask).toBe(0);
    expect((card.get(reg.LINKS) & LINK_UP.mask) !== 0).toBe(keepsLink);
    card.port.advance(1_999);
    // A write while the bit reads 1 neither ends it nor hides it.
    card.set(reg.CTRL, 0);
    expect(card.get(reg.CTRL)).toBe(bit);
    card.port.advance(1);
    expect(card.get(reg.CTRL)).toBe(0);
    card.port.advance(900_000);
    expect(card.get(reg.EEC) & reg.EEC.fields.AUTO_RD.mask).toBe(0);
    card.port.advance(100_000);
    expect(card.get(reg.EEC) & reg.EEC.fields.AUTO_RD.mask).not.toBe(0);
    expect(card.get(reg.RDRXCTL) & reg.RDRXCTL.fields.DMAIDONE.mask).not.toBe(0);
    expect(card.get(reg.RAL)).toBe(0x8200_0002 | 0);
    expect(card.get(reg.RAH)).toBe(0x9059 | reg.RAH.fields.AV.mask);
    card.port.advance(10_000_000);
    expect(card.get(reg.LINKS) & LINK_UP.mask).not.toBe(0);
    expect(card.port.log.findings).toEqual([]);
  },
);

// 8.2.3.1.1: a driver waits 1 ms before it looks at the bit. Intel's own code looks after 1 µs, ten times, and finds it 0; that
// does not make the card ready.
test("a bit that is looked at too early reads 0 in a reset: writes are lost and told, CTRL among them, until it is over", () => {
  const card = Card.running();
  card.set(reg.CTRL, RST.mask);
  card.port.advance(10_000);
  expect(card.get(reg.CTRL)).toBe(0);
  card.set(reg.MAXFRS, 9000 << 16);
  card.set(reg.CTRL, MASTER_DISABLE.mask);
  expect([card.get(reg.MAXFRS), card.get(reg.CTRL)]).toEqual([0x05ee_0000, 0]);
  expect(card.violations()).toEqual(["write-during-reset", "write-during-reset"]);
  card.port.advance(890_000);
  card.set(reg.MAXFRS, 9000 << 16);
  card.set(reg.CTRL, MASTER_DISABLE.mask);
  expect([card.get(reg.MAXFRS), card.get(reg.CTRL)]).toEqual([9000 << 16, MASTER_DISABLE.mask]);
  expect(card.violations()).toHaveLength(2);
});

test("a bit that is looked at after 1 ms reads 1 until the reset is over, however long it takes", () => {
  const card = Card.running({ resetNs: 5_000_000 });
  card.set(reg.CTRL, RST.mask);
  const seen = [0, 1_999, 2_000, 999_999, 1_000_000, 4_999_999, 5_000_000].map((atNs, index, list) => {
    card.port.advance(atNs - (list[index - 1] ?? 0));
    return card.get(reg.CTRL) !== 0;
  });
  expect(seen).toEqual([true, true, false, false, true, true, false]);
  expect(card.rules()).toEqual([]);
});

test("on the wall clock, where a thread may be late, the bit reads 1 until the reset is over, which is soon", () => {
  const port = new TestPort(4096, declaration().timerCount);
  Object.defineProperty(port.clock, "kind", { value: "wall" });
  const device = create(port);
  port.device = device;
  device.onReset("power-on");
  device.onWrite(0, reg.CTRL.at(), 4, RST.mask, 0);
  port.advance(1_999);
  expect(device.onRead(0, reg.CTRL.at(), 4)).toBe(RST.mask);
  port.advance(1);
  expect(device.onRead(0, reg.CTRL.at(), 4)).toBe(0);
  device.onWrite(0, reg.MAXFRS.at(), 4, 9000 << 16, 0);
  expect(device.onRead(0, reg.MAXFRS.at(), 4)).toBe(9000 << 16);
  expect(port.log.findings).toEqual([]);
});

// "Two consecutive software resets with a delay larger than 1 microsecond between them": specification update, on 5.2.5.3.2.
test("a second reset while the first goes on begins it again, and is no mistake; a function-level reset takes none", () => {
  const card = Card.running();
  card.set(reg.CTRL, RST.mask);
  card.port.advance(800_000);
  card.set(reg.CTRL, LRST.mask);
  expect([card.get(reg.CTRL), card.get(reg.LINKS)]).toEqual([LRST.mask, 0]);
  card.port.advance(899_000);
  card.set(reg.MAXFRS, 9000 << 16);
  expect(card.violations()).toEqual(["write-during-reset"]);
  card.port.advance(1_000);
  card.set(reg.MAXFRS, 9000 << 16);
  expect(card.get(reg.MAXFRS)).toBe(9000 << 16);
  card.device.onReset("function-level");
  card.set(reg.CTRL, RST.mask);
  expect(card.get(reg.CTRL)).toBe(0);
  expect(card.violations()).toEqual(["write-during-reset", "write-during-reset"]);
});

test("after a reset the card works as before it", () => {
  const card = Card.running();
  new ReceiveRing(card, 0, 16).post(1);
  card.port.answer();
  for (let number = 0; number < 5; number++) card.receive(plainFrame(60, number));
  expect(card.device.statistics()).toMatchObject({ rxInPacketBuffer: 4 });
  card.set(reg.CTRL, RST.mask);
  card.port.advance(2_000_000);
  card.set(reg.FCTRL, reg.FCTRL.fields.UPE.mask);
  card.set(reg.RXCTRL, 1);
  const ring = new ReceiveRing(card, 0, 8);
  ring.post(7);
  card.port.answer();
  card.receive(plainFrame(60, 7));
  expect(ring.take().map(({ bytes }) => bytes)).toEqual([plainFrame(60, 7)]);
  expect(card.device.statistics()).toMatchObject({ rxFrames: 6, rxDelivered: 2, rxDropNotReady: 4, rxDropQueueOff: 0 });
});
