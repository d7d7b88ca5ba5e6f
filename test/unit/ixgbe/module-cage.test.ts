import fc from "fast-check";
import { expect, test } from "vitest";
import { type ModuleKind, moduleImage } from "../../../devices/ixgbe/module-image.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card } from "./card.ts";

/** The SFP+ cage of a card with device id 0x10fb: two lines in I2CCTL that a driver moves edge by edge, and pins in ESDP. */

const { CLK_IN, CLK_OUT, DATA_IN, DATA_OUT } = reg.I2CCTL.fields;
const { LINK_UP, LINK_SPEED } = reg.LINKS.fields;
/** SDP2, and the direction of SDP3, with which the laser is switched off. */
const PRESENT = 1 << 2;
const LASER_OFF = 1 << 3;
const LASER_OFF_IS_OUTPUT = 1 << 11;

/** The other end of the bus, by the book (I2C, UM10204, 3.1): it knows nothing of the card but the two lines. */
class Master {
  readonly #card: Card;
  #lines = CLK_OUT.mask | DATA_OUT.mask;

  constructor(card: Card) {
    this.#card = card;
  }

  get dataIsHigh(): boolean {
    return (this.#card.get(reg.I2CCTL) & DATA_IN.mask) !== 0;
  }

  #put(field: typeof CLK_OUT, isHigh: boolean): void {
    this.#lines = isHigh ? this.#lines | field.mask : this.#lines & ~field.mask;
    this.#card.set(reg.I2CCTL, this.#lines);
  }

  /** Also a repeated one. */
  start(): void {
    this.#put(DATA_OUT, true);
    this.#put(CLK_OUT, true);
    this.#put(DATA_OUT, false);
    this.#put(CLK_OUT, false);
  }

  stop(): void {
    this.#put(DATA_OUT, false);
    this.#put(CLK_OUT, true);
    this.#put(DATA_OUT, true);
  }

  /** The level of the line while the clock is high. */
  #bit(isHigh: boolean): boolean {
    this.#put(DATA_OUT, isHigh);
    this.#put(CLK_OUT, true);
    expect(this.#card.get(reg.I2CCTL) & CLK_IN.mask).not.toBe(0);
    const level = this.dataIsHigh;
    this.#put(CLK_OUT, false);
    return level;
  }

  /** True when somebody acknowledges. */
  send(byte: number): boolean {
    for (let bit = 7; bit >= 0; bit--) this.#bit(((byte >>> bit) & 1) === 1);
    return !this.#bit(true);
  }

  take(wantsMore: boolean): number {
    let byte = 0;
    for (let bit = 7; bit >= 0; bit--) byte = (byte << 1) | Number(this.#bit(true));
    this.#bit(!wantsMore);
    return byte;
  }

  /** Bytes from an offset on; undefined when the module does not answer. */
  read(offset: number, count: number): number[] | undefined {
    this.start();
    const isThere = this.send(0xa0) && this.send(offset);
    if (isThere) {
      this.start();
      expect(this.send(0xa1)).toBe(true);
    }
    const bytes = isThere ? Array.from({ length: count }, (_, index) => this.take(index + 1 < count)) : undefined;
    this.stop();
    return bytes;
  }

  /** Two lines that somebody moves at will. */
  disturb(moves: readonly boolean[]): void {
    for (const [index, isHigh] of moves.entries()) this.#put(index % 2 === 0 ? CLK_OUT : DATA_OUT, isHigh);
    this.start();
    this.stop();
  }
}

test("whatever happened on the bus before, a read gives the bytes of the module, one after the other", () => {
  fc.assert(
    fc.property(
      fc.constantFrom<ModuleKind[]>("10gbase-sr", "dual-rate-sr", "direct-attach"),
      fc.array(fc.boolean(), { maxLength: 60 }),
      fc.nat(127),
      fc.integer({ min: 1, max: 5 }),
      (module, moves, offset, count) => {
        const card = new Card({ module });
        const master = new Master(card);
        master.disturb(moves);
        const image = moduleImage(module);
        const wanted = Array.from({ length: count }, (_, index) => image[(offset + index) % 128]);
        expect(master.read(offset, count)).toEqual(wanted);
        expect(master.dataIsHigh).toBe(true);
        expect(card.rules()).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});

test("a transfer goes on over snapshot and restore", () => {
  const card = new Card();
  const master = new Master(card);
  master.start();
  expect([master.send(0xa0), master.send(20)]).toEqual([true, true]);
  master.start();
  expect(master.send(0xa1)).toBe(true);
  const saved = card.device.snapshot();
  const text = (): string => String.fromCharCode(...Array.from({ length: 7 }, () => master.take(true)));
  expect(text()).toBe("softbar");
  card.device.restore(saved);
  expect(text()).toBe("softbar");
});

test("another address, a write, and any transfer in an empty cage stay without an answer", () => {
  const master = new Master(new Card());
  master.start();
  expect(master.send(0xa2)).toBe(false);
  master.start();
  expect([master.send(0xa0), master.send(3), master.send(0x55)]).toEqual([true, true, false]);
  master.stop();
  expect(master.read(3, 1)).toEqual([moduleImage("10gbase-sr")[3]]);
  expect(new Master(new Card({ module: "none" })).read(0, 1)).toBeUndefined();
  expect(new Master(new Card({ deviceId: 0x10f7 })).read(0, 1)).toBeUndefined();
});

// SFF-8472, table 4-1: identifier 3 is SFP or SFP+; the sums over 0–62 and 64–94 are the bytes behind them.
test.each(["10gbase-sr", "dual-rate-sr", "direct-attach"] as const)(
  "%s: an identifier, a kind, and two sums that are right",
  (kind) => {
    const image = moduleImage(kind);
    const sum = (from: number, to: number): number => image.slice(from, to).reduce((all, byte) => all + byte, 0) & 0xff;
    expect([image[0], image[63], image[95]]).toEqual([0x03, sum(0, 63), sum(64, 95)]);
    // 10GBASE-SR, 1000BASE-SX, passive cable.
    const codes = { "10gbase-sr": [0x10, 0, 0], "dual-rate-sr": [0x10, 0x01, 0], "direct-attach": [0, 0, 0x04] };
    expect([image[3], image[6], image[8]]).toEqual(codes[kind]);
  },
);

test.each([
  ["10gbase-sr", undefined, PRESENT | LASER_OFF_IS_OUTPUT, true],
  ["none", undefined, LASER_OFF_IS_OUTPUT, false],
  ["10gbase-sr", "LRST", PRESENT | LASER_OFF_IS_OUTPUT, true],
  ["10gbase-sr", "RST", PRESENT | LASER_OFF_IS_OUTPUT, true],
] as const)(
  "module %s, reset by %s: SDP2 says what is plugged in, and the link follows",
  (module, reset, pins, isUp) => {
    const card = new Card({ module });
    if (reset !== undefined) {
      card.port.advance(10_000_000);
      card.set(reg.CTRL, reg.CTRL.fields[reset].mask);
    }
    card.port.advance(10_000_000);
    expect(card.get(reg.ESDP)).toBe(pins);
    expect(card.get(reg.LINKS) & (LINK_UP.mask | LINK_SPEED.mask)).toBe(isUp ? LINK_UP.mask | LINK_SPEED.mask : 0);
    // An input is what is outside, whatever is written to it; an output is what was written.
    card.set(reg.ESDP, card.get(reg.ESDP) ^ (PRESENT | LASER_OFF));
    expect(card.get(reg.ESDP)).toBe(pins | LASER_OFF);
    expect(card.rules()).toEqual([]);
  },
);

test("a module for a card without a cage is refused", () => {
  expect(() => new Card({ deviceId: 0x10f7, module: "none" })).toThrow(/no cage/);
});

// 6.2.4: words 0x00–0x3f sum up to 0xbaba, and so do the sections behind pointers 0x03–0x0e, of which there are none.
test("the EEPROM's words, one by one through EERD, have the sum that drivers check", () => {
  const card = new Card();
  const word = (address: number): number => {
    card.set(reg.EERD, (address << 2) | reg.EERD.fields.START.mask);
    card.port.advance(10_000);
    const value = card.get(reg.EERD);
    expect(value & reg.EERD.fields.DONE.mask).not.toBe(0);
    return value >>> 16;
  };
  const words = Array.from({ length: 0x40 }, (_, address) => word(address));
  expect(words.reduce((sum, value) => sum + value, 0) & 0xffff).toBe(0xbaba);
  expect(words.slice(0x03, 0x0f)).toEqual(new Array(12).fill(0));
  // Firmware of version 6 and later, below two pointers; without it, drivers of fiber cards say that they are pre-production.
  expect(word(word((words[0x0f] as number) + 4) + 7)).toBeGreaterThan(5);
  expect([word(0x3ff), word(0x3fff)]).toEqual([0, 0]);
});
