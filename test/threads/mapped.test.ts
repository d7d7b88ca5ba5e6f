import { afterEach, describe, expect, test, vi } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { TestbedError } from "../../emulator/run/testbed-error.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { PlugInOptions } from "../../harness/testbed.ts";
import { BLOCK, registerBlock } from "./fixtures/register-block.ts";

const NOTICE = /^block BAR0 is mapped as raw memory/;
const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
afterEach(() => warn.mockClear());

const nap = new Int32Array(new SharedArrayBuffer(4));

/** Waits until it is so, five seconds at most. */
function until(isSo: () => boolean, what: () => string): void {
  for (let naps = 0; naps < 5000; naps++) {
    if (isSo()) return;
    Atomics.wait(nap, 0, 0, 1);
  }
  expect.fail(what());
}

/** Waits until a word of raw memory has a value: as a driver on raw memory does, without a call. */
function awaitWord(words: Int32Array, offset: number, value: number): void {
  const hex = (word: number): string => `0x${(word >>> 0).toString(16)}`;
  until(
    () => Atomics.load(words, offset >> 2) === (value | 0),
    () => `${hex(offset)} stays ${hex(words[offset >> 2] ?? 0)} instead of ${hex(value)}`,
  );
}

/** Waits until a read of a register gives a value. */
function awaitRead(pci: PciFunction, offset: number, value: number): void {
  until(
    () => pci.bar(0).read32(offset) === value,
    () => `a read of 0x${offset.toString(16)} does not give ${value}`,
  );
}

function mapped(pci: PciFunction): Int32Array<SharedArrayBuffer> {
  return new Int32Array(pci.bar(0).map());
}

describe.each<PlugInOptions>([{}, { clock: "virtual" }])("a BAR as raw memory, clock $clock", (options) => {
  test("shows what a read would give, from the first moment", async () => {
    await using bed = await plugIn(registerBlock(), options);
    bed.pci.bar(0).write32(BLOCK.CONTROL.at(), 0x1234);
    const words = mapped(bed.pci);
    expect(words[BLOCK.CONTROL.at() >> 2]).toBe(0x1234);
    expect(words[BLOCK.SHOWN.at() >> 2]).toBe(~0x1234);
    expect(words[BLOCK.MIXED.at() >> 2]).toBe(0x5500_0000);
    expect(words[BLOCK.CLEARED.at() >> 2]).toBe(7);
  });

  test("shows what a read would give when it is mapped again", async () => {
    await using bed = await plugIn(registerBlock(), options);
    mapped(bed.pci);
    for (let round = 1; round <= 300; round++) {
      bed.pci.bar(0).write32(BLOCK.STORAGE.at(255), round);
      // Read back, so that it is there: the mirror has still to come round to it.
      expect(bed.pci.bar(0).read32(BLOCK.STORAGE.at(255))).toBe(round);
      expect(mapped(bed.pci)[BLOCK.STORAGE.at(255) >> 2]).toBe(round);
    }
  });

  test("a reset that comes after stores comes after them", async () => {
    await using bed = await plugIn(registerBlock(), options);
    const words = mapped(bed.pci);
    for (let round = 1; round <= 20; round++) {
      words[BLOCK.STORAGE.at(255) >> 2] = round;
      words[BLOCK.CONTROL.at() >> 2] = round;
      Atomics.store(words, BLOCK.DOORBELL.at() >> 2, 1);
      bed.pci.config.functionLevelReset();
      await bed.quiesce();
      for (const register of [BLOCK.STORAGE.at(255), BLOCK.CONTROL.at(), BLOCK.DOORBELL.at()]) {
        expect(bed.pci.bar(0).read32(register)).toBe(0);
        expect(words[register >> 2]).toBe(0);
      }
    }
    expect((await bed.statistics())[0]?.counters).toMatchObject({ controls: 20, doorbells: 20, disorder: 0 });
  });

  test("control: a store is a write, and what the device makes of it comes back", async () => {
    await using bed = await plugIn(registerBlock(), options);
    const words = mapped(bed.pci);
    for (let round = 1; round <= 50; round++) {
      words[BLOCK.CONTROL.at() >> 2] = round * 0x01010101;
      awaitWord(words, BLOCK.SHOWN.at(), ~(round * 0x01010101));
    }
    expect((await bed.statistics())[0]?.counters).toMatchObject({ controls: 50 });
  });

  test("doorbell: every ring that is waited for is seen", async () => {
    await using bed = await plugIn(registerBlock(), options);
    const words = mapped(bed.pci);
    for (let ring = 1; ring <= 200; ring++) {
      Atomics.store(words, BLOCK.DOORBELL.at() >> 2, ring);
      awaitRead(bed.pci, BLOCK.DOORBELL.at(), ring);
    }
    expect((await bed.statistics())[0]?.counters).toMatchObject({ doorbells: 200, disorder: 0 });
  });

  test("doorbell after control: the device knows the ring's registers before it rings", async () => {
    await using bed = await plugIn(registerBlock(), options);
    const words = mapped(bed.pci);
    for (let ring = 1; ring <= 20; ring++) {
      words[BLOCK.CONTROL.at() >> 2] = ring;
      Atomics.store(words, BLOCK.DOORBELL.at() >> 2, ring);
      awaitRead(bed.pci, BLOCK.DOORBELL.at(), ring);
      expect(bed.pci.bar(0).read32(BLOCK.SHOWN.at())).toBe(~ring >>> 0);
    }
    expect((await bed.statistics())[0]?.counters).toMatchObject({ doorbells: 20, controls: 20 });
  });

  test("strobe: a store is consumed, the word goes back, and the same value strobes again", async () => {
    await using bed = await plugIn(registerBlock(), options);
    const words = mapped(bed.pci);
    for (let round = 1; round <= 20; round++) {
      Atomics.store(words, BLOCK.STROBE.at() >> 2, 0b101);
      awaitWord(words, BLOCK.STROBE.at(), 0);
      awaitWord(words, BLOCK.EVENTS.at(), 0b101);
      // Write one to clear: the store of a one makes a zero.
      Atomics.store(words, BLOCK.EVENTS.at() >> 2, 0b001);
      awaitWord(words, BLOCK.EVENTS.at(), 0b100);
      Atomics.store(words, BLOCK.EVENTS.at() >> 2, 0b110);
      awaitWord(words, BLOCK.EVENTS.at(), 0);
    }
    expect((await bed.statistics())[0]?.counters).toMatchObject({ strobes: 20 });
  });

  test("read-only words and bits go back to what they are, and the driver hears of it", async () => {
    await using bed = await plugIn(registerBlock(), options);
    const words = mapped(bed.pci);
    words[BLOCK.SHOWN.at() >> 2] = 0x600d;
    awaitWord(words, BLOCK.SHOWN.at(), 0);
    words[BLOCK.MIXED.at() >> 2] = 0xffff_ff42 | 0;
    awaitWord(words, BLOCK.MIXED.at(), 0x5500_0042);
    await bed.quiesce();
    const found = bed.violations.map(({ rule, place }) => `${rule}: ${place}`);
    expect(found).toEqual(["write-to-read-only: SHOWN 0x00008", "reserved-bits-changed: MIXED 0x00018"]);
  });

  test("what the device changes by itself appears", async () => {
    await using bed = await plugIn(registerBlock(), options);
    const words = mapped(bed.pci);
    words[BLOCK.TICK_NS.at() >> 2] = 1_000_000;
    until(
      () => (words[BLOCK.TICKS.at() >> 2] ?? 0) >= 5,
      () => "no five ticks",
    );
    words[BLOCK.TICK_NS.at() >> 2] = 0;
    await bed.quiesce();
    expect(words[BLOCK.TICKS.at() >> 2]).toBe((await bed.statistics())[0]?.counters.ticks);
  });

  test("accessors and raw memory show one device", async () => {
    await using bed = await plugIn(registerBlock(), options);
    const words = mapped(bed.pci);
    const bar = bed.pci.bar(0);
    for (let round = 1; round <= 50; round++) {
      bar.write32(BLOCK.STORAGE.at(round), round);
      awaitWord(words, BLOCK.STORAGE.at(round), round);
      words[BLOCK.STORAGE.at(255 - round) >> 2] = -round;
      awaitRead(bed.pci, BLOCK.STORAGE.at(255 - round), -round >>> 0);
    }
  });

  test("the edu, by its data sheet's rules for mapped access: liveness, factorial, DMA", async () => {
    await using bed = await plugIn(edu(), options);
    bed.pci.config.setBusMaster(true);
    const words = mapped(bed.pci);
    const source = bed.pci.dma.alloc(64);
    for (let index = 0; index < 64; index++) source.bytes[index] = index * 3;
    words[0x04 >> 2] = 0x1234_5678;
    awaitWord(words, 0x04, ~0x1234_5678);
    words[0x20 >> 2] = 0x80;
    awaitWord(words, 0x20, 0x80);
    words[0x08 >> 2] = 6;
    awaitWord(words, 0x24, 0x001);
    expect(words[0x08 >> 2]).toBe(720);
    words[0x64 >> 2] = 0x001;
    awaitWord(words, 0x24, 0);
    const copy = (from: number, to: number, command: number): void => {
      words[0x80 >> 2] = from;
      words[0x88 >> 2] = to;
      words[0x90 >> 2] = 64;
      // Seen behind the other three when its complement appears.
      const liveness = (words[0x04 >> 2] ?? 0) ^ 0x55;
      words[0x04 >> 2] = liveness;
      awaitWord(words, 0x04, ~liveness);
      words[0x98 >> 2] = command;
      awaitWord(words, 0x98, command & ~1);
    };
    const target = bed.pci.dma.alloc(64);
    copy(source.iova, 0x40000, 1);
    copy(0x40000, target.iova, 3);
    expect(Buffer.compare(target.bytes, source.bytes)).toBe(0);
    expect(bed.violations).toEqual([]);
  });
});

describe("mapping", () => {
  test("says once for each BAR and thread what raw memory cannot do", async () => {
    await using bed = await plugIn(registerBlock());
    expect(warn).not.toHaveBeenCalled();
    const first = bed.pci.bar(0).map();
    const second = bed.pci.bar(0).map();
    expect(second).toBe(first);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toMatch(NOTICE);
    expect(warn.mock.calls[0]?.[0]).toMatch(/CLEARED/);
  });

  test("is refused to the driver, not to the device, where a BAR has no registers", async () => {
    await using bed = await plugIn(registerBlock());
    expect(() => bed.pci.bar(2).map()).toThrow(TestbedError);
    expect(() => bed.pci.bar(2).map()).toThrow(/BAR2 of block has no register table.*Use the accessors/);
    expect(bed.pci.bar(0).read32(BLOCK.MIXED.at())).toBe(0x5500_0000);
    expect(() => bed.pci.bar(1)).toThrow("block has no BAR1; it has BAR0, BAR2");
  });

  test("is refused in a folded run, where a store would call nobody", async () => {
    await using bed = await plugIn(registerBlock(), { run: "folded" });
    expect(() => bed.pci.bar(0).map()).toThrow(/BAR0 cannot be mapped in a folded run/);
  });

  test("lets the device thread come to rest, and quiesce see the last store", async () => {
    await using bed = await plugIn(registerBlock());
    const words = mapped(bed.pci);
    for (let round = 1; round <= 20; round++) {
      words[BLOCK.CONTROL.at() >> 2] = round;
      await bed.quiesce();
      expect(words[BLOCK.SHOWN.at() >> 2]).toBe(~round);
    }
  });
});
