import fc from "fast-check";
import { expect, test } from "vitest";
import { eepromImage } from "../../../devices/ixgbe/eeprom-image.ts";
import * as reg from "../../../devices/ixgbe/registers.ts";
import { Card } from "./card.ts";

/** The EEPROM bit by bit, through EEC, against a model of its words, and against what EERD reads. */

const { EE_SK, EE_CS, EE_DI, EE_DO, EE_REQ, EE_GNT } = reg.EEC.fields;
const [READ, WRITE, WRITE_ENABLE, WRITE_DISABLE, READ_STATUS] = [0x03, 0x02, 0x06, 0x04, 0x05] as const;
const ENABLED = 0x02;
const BYTES = 2048;
const PAGE = 32;

/** The other end of the wires, in SPI mode 0: data is stable while the clock is high. */
class Master {
  readonly #card: Card;
  #lines = EE_CS.mask;

  constructor(card: Card) {
    this.#card = card;
  }

  #put(mask: number, isHigh: boolean): void {
    this.#lines = isHigh ? this.#lines | mask : this.#lines & ~mask;
    this.#card.set(
      reg.EEC,
      (this.#card.get(reg.EEC) & ~(EE_SK.mask | EE_CS.mask | EE_DI.mask | EE_REQ.mask)) | this.#lines,
    );
  }

  /** Whether the card has given the lines to software. */
  ask(wants: boolean): boolean {
    this.#put(EE_REQ.mask, wants);
    return (this.#card.get(reg.EEC) & EE_GNT.mask) !== 0;
  }

  bit(isHigh: boolean): boolean {
    this.#put(EE_DI.mask, isHigh);
    this.#put(EE_SK.mask, true);
    const level = (this.#card.get(reg.EEC) & EE_DO.mask) !== 0;
    this.#put(EE_SK.mask, false);
    return level;
  }

  byte(out = 0): number {
    let taken = 0;
    for (let bit = 7; bit >= 0; bit--) taken = (taken << 1) | Number(this.bit(((out >>> bit) & 1) === 1));
    return taken;
  }

  /** One command, from selection to deselection; returns what came in the place of each byte. */
  command(...bytes: readonly number[]): number[] {
    this.#put(EE_CS.mask, false);
    const taken = bytes.map((byte) => this.byte(byte));
    this.#put(EE_CS.mask, true);
    return taken;
  }

  read(address: number, count: number): number[] {
    return this.command(READ, address >>> 8, address & 0xff, ...new Array<number>(count).fill(0)).slice(3);
  }

  /** Somebody stops in the midst of a command. */
  breakOff(bits: readonly boolean[]): void {
    this.#put(EE_CS.mask, false);
    for (const each of bits) this.bit(each);
    this.#put(EE_CS.mask, true);
  }
}

/** A word as EERD has it. */
function wordOf(card: Card, address: number): number {
  card.set(reg.EERD, (address << 2) | reg.EERD.fields.START.mask);
  card.port.advance(10_000);
  return card.get(reg.EERD) >>> 16;
}

function opened(card = new Card()): { readonly card: Card; readonly master: Master } {
  const master = new Master(card);
  expect(master.ask(true)).toBe(true);
  return { card, master };
}

/** Bytes 2n and 2n + 1 are the low and the high half of word n. */
const content = (): number[] => [...eepromImage()].flatMap((word) => [word & 0xff, word >>> 8]);

test("reads and writes in any order are those of a memory with pages, whatever was broken off before", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("read" as const),
      address: fc.nat(BYTES - 1),
      count: fc.integer({ min: 1, max: 5 }),
    }),
    fc.record({
      kind: fc.constant("write" as const),
      address: fc.nat(BYTES - 1),
      bytes: fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }),
      permission: fc.constantFrom("given", "taken back", "forgotten"),
    }),
    // Fewer bits than a command has: nothing is begun.
    fc.record({ kind: fc.constant("break" as const), bits: fc.array(fc.boolean(), { maxLength: 7 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const { card, master } = opened();
      const model = content();
      const pages = new Set<number>();
      for (const each of steps) {
        if (each.kind === "break") master.breakOff(each.bits);
        else if (each.kind === "read") {
          const wanted = Array.from({ length: each.count }, (_, index) => model[(each.address + index) % BYTES]);
          expect(master.read(each.address, each.count)).toEqual(wanted);
        } else {
          if (each.permission !== "forgotten") master.command(WRITE_ENABLE);
          if (each.permission === "taken back") master.command(WRITE_DISABLE);
          master.command(WRITE, each.address >>> 8, each.address & 0xff, ...each.bytes);
          if (each.permission !== "given") continue;
          const page = each.address - (each.address % PAGE);
          pages.add(page);
          for (const [index, byte] of each.bytes.entries()) model[page + ((each.address + index) % PAGE)] = byte;
        }
      }
      // What was written, and what lies behind it.
      for (const page of pages)
        expect(master.read(page, PAGE + 1)).toEqual([...model, ...model].slice(page, page + PAGE + 1));
      expect(wordOf(card, 0x11)).toBe((model[0x22] as number) | ((model[0x23] as number) << 8));
      expect(card.rules()).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test("permission to write is for one write, and the status says whether it is there", () => {
  const { master } = opened();
  const status = (): number => master.command(READ_STATUS, 0)[1] as number;
  const seen = [status()];
  master.command(WRITE_ENABLE);
  seen.push(status());
  master.command(WRITE, 0, 0, 0x55);
  seen.push(status());
  expect(seen).toEqual([0, ENABLED, 0]);
});

test("without the lines nothing reaches the EEPROM, and giving them back ends what was begun", () => {
  const card = new Card();
  const master = new Master(card);
  expect(master.read(0, 2)).toEqual([0, 0]);
  master.command(WRITE_ENABLE);
  master.command(WRITE, 0, 0x20, 0x55);
  master.ask(true);
  expect(master.read(0x20, 1)).toEqual([content()[0x20]]);
  expect(master.ask(false)).toBe(false);
});

test("what was written outlives resets, goes with a snapshot, and is gone from a card that is set back", () => {
  const { card, master } = opened();
  const before = card.device.snapshot();
  master.command(WRITE_ENABLE);
  master.command(WRITE, 0x00, 0x02, 0x34, 0x12);
  const after = card.device.snapshot();
  expect(wordOf(card, 1)).toBe(0x1234);
  card.set(reg.CTRL, reg.CTRL.fields.RST.mask);
  card.port.advance(2_000_000);
  card.device.onReset("function-level");
  card.port.advance(2_000_000);
  expect(wordOf(card, 1)).toBe(0x1234);
  card.device.restore(before);
  expect(wordOf(card, 1)).toBe(0);
  card.device.restore(after);
  expect(wordOf(card, 1)).toBe(0x1234);
  const other = new Card();
  other.device.restore(after);
  expect(wordOf(other, 1)).toBe(0x1234);
});
