import { describe, expect, test, vi } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { UserspaceAddon } from "../../harness/attach/userspace-addon.ts";
import { frames } from "../../harness/frames.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { AddonArgument } from "./fixtures/addon.driver.ts";

const FRAME_COUNT = 1500;
/** On their way at the same time: fewer than the ring has descriptors. */
const WINDOW = 96;
const SILENCE_LIMIT_MS = 8_000;

const sleepMs = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs));

test.each([
  ["mapped", "stays: raw memory is not cleared by a read"],
  ["trapped", "is cleared by the read"],
] as const)(
  "an unmodified driver runs on a %s BAR in place of its native addon; a counter %s",
  async (access, _counter) => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    await using bed = await plugIn(ixgbe());
    const ready = new Int32Array(new SharedArrayBuffer(4));
    const argument: AddonArgument = { access, count: FRAME_COUNT, ready: ready.buffer };
    const result = bed.cpu(1).run<[number, number]>(new URL("./fixtures/addon.driver.ts", import.meta.url), argument);
    let failure: unknown;
    result.catch((error: unknown) => (failure = error));
    const until = async (isSo: () => boolean, what: () => string): Promise<void> => {
      for (const endMs = performance.now() + SILENCE_LIMIT_MS; !isSo(); await sleepMs(1)) {
        if (failure !== undefined) throw failure;
        if (performance.now() > endMs) expect.fail(what());
      }
    };
    await until(
      () => Atomics.load(ready, 0) === 1,
      () => "the driver does not come up",
    );
    const traffic = frames(FRAME_COUNT, { minByteLength: 60, maxByteLength: 1514 });
    const back: Uint8Array[] = [];
    for (let sent = 0; back.length < FRAME_COUNT; ) {
      while (sent < FRAME_COUNT && sent - back.length < WINDOW) bed.wire.send(traffic[sent++] as Uint8Array);
      const before = back.length;
      await until(
        () => back.push(...bed.wire.takeSent()) > before,
        () => `${back.length} of ${sent} frames came back, then none`,
      );
    }
    expect(back).toEqual(traffic);
    expect(await result).toEqual(access === "trapped" ? [FRAME_COUNT, 0] : [FRAME_COUNT, FRAME_COUNT]);
    expect(bed.violations).toEqual([]);
  },
);

test("memory that was not allocated for DMA has no address, and other PCI addresses no function", async () => {
  await using bed = await plugIn(ixgbe(), { run: "folded" });
  const addon = new UserspaceAddon(bed.functions, { access: "trapped", addresses: ["0000:03:00.0"] });
  const memory = addon.dmaMemory(8192);
  expect(addon.physicalAddress(new DataView(memory, 4100, 8))).toBe(addon.physicalAddress(memory) + 4100n);
  expect(() => addon.physicalAddress(new Uint8Array(16))).toThrow(/not allocated for DMA/);
  expect(() => addon.mapBar("0000:04:00.0")).toThrow("there is no PCI function at 0000:04:00.0; there is 0000:03:00.0");
});

test("an array over another buffer is an array while a trapped BAR is installed, and afterwards everything is as it was", async () => {
  await using bed = await plugIn(ixgbe(), { run: "folded" });
  const addon = new UserspaceAddon(bed.functions, { access: "trapped" });
  const before = globalThis.Uint32Array;
  const takeBack = addon.install();
  try {
    const registers = new Uint32Array(addon.mapBar("any"));
    // A semaphore that the read itself takes: free, then taken. Memory would say the same twice.
    const SWSM = 0x10140 / 4;
    expect([(registers[SWSM] as number) & 1, (registers[SWSM] as number) & 1]).toEqual([0, 1]);
    registers[SWSM] = 0;
    expect((registers[SWSM] as number) & 1).toBe(0);
    expect(registers[1 << 20]).toBeUndefined();
    expect(registers.length).toBe(0x80000 / 4);
    const other = new Uint32Array(new SharedArrayBuffer(8));
    other[1] = 7;
    expect([other instanceof Uint32Array, [...other]]).toEqual([true, [0, 7]]);
    expect(() => registers.fill(0)).toThrow("fill of a trapped BAR: it would touch every register of the card");
    expect(() => [...registers]).toThrow("it would touch every register of the card");
  } finally {
    takeBack();
  }
  expect(globalThis.Uint32Array).toBe(before);
});

describe("a trapped BAR", () => {
  // Its first words: identification, and one that reads as the complement of what was written. Reads and writes are counted.
  const LIVENESS = 4;
  async function trapped<Result>(use: (buffer: SharedArrayBuffer, accesses: () => number) => Result): Promise<Result> {
    await using bed = await plugIn(edu(), { run: "folded", trace: true });
    const addon = new UserspaceAddon(bed.functions, { access: "trapped" });
    const takeBack = addon.install();
    const kinds = new Set(["mmio-read", "mmio-write"]);
    const accesses = (): number => bed.trace().events.filter(({ kind }) => kinds.has(kind)).length;
    try {
      return use(addon.mapBar(""), accesses);
    } finally {
      takeBack();
    }
  }

  test("is read and written by the words that a method names, and by no others", async () => {
    await trapped((buffer, accesses) => {
      const words = new Uint32Array(buffer);
      const before = accesses();
      words.set([7], 1);
      expect(words.at(1)).toBe(~7 >>> 0);
      expect([...words.slice(0, 2)]).toEqual([0x0100_00ed, ~7 >>> 0]);
      expect(accesses() - before).toBe(4);
      const part = words.subarray(1, 2);
      part[0] = 9;
      expect([part.length, part[0], part[1], words[1]]).toEqual([1, ~9 >>> 0, undefined, ~9 >>> 0]);
      const behind = new Int32Array(buffer, LIVENESS, 1);
      expect(behind[0]).toBe(~9);
      expect(() => words.set([1, 2], words.length - 1)).toThrow(RangeError);
    });
  });

  test("as a DataView, in either order of bytes", async () => {
    await trapped((buffer) => {
      const view = new DataView(buffer);
      view.setUint32(LIVENESS, 0x0102_0304, true);
      expect(view.getInt32(LIVENESS, true)).toBe(~0x0102_0304);
      view.setUint32(LIVENESS, 0x0102_0304);
      expect(view.getUint32(LIVENESS, true)).toBe(~0x0403_0201 >>> 0);
      expect(view.getUint32(LIVENESS)).toBe(~0x0102_0304 >>> 0);
      expect(() => view.getUint32(buffer.byteLength - 2, true)).toThrow(RangeError);
      expect(() => view.getFloat64(0)).toThrow("registers are whole numbers");
    });
  });

  test("is not dead memory in an array of anything else", async () => {
    await trapped((buffer) => {
      expect(() => new Uint8Array(buffer)).toThrow("Uint8Array over a trapped BAR");
      expect(() => new BigUint64Array(buffer)).toThrow("the card hears Uint32Array, Int32Array and DataView");
      expect(new Uint8Array(4)).toHaveLength(4);
    });
  });
});
