import { describe, expect, test } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import { plugIn } from "../../harness/plug-in.ts";
import { BLOCK, registerBlock } from "./fixtures/register-block.ts";

const sleepMs = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs));

/** Processor time of all threads of this process over a wall-clock time, in milliseconds. */
async function cpuMsOver(durationMs: number): Promise<number> {
  const before = process.cpuUsage();
  await sleepMs(durationMs);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describe("a device thread with nothing to do", () => {
  test("sleeps: half a second of rest costs a fraction of it", async () => {
    await using bed = await plugIn(registerBlock());
    await bed.quiesce();
    await sleepMs(200);
    // A thread that spins would use all of it; this one looks up ten times a second.
    expect(await cpuMsOver(500)).toBeLessThan(250);
  });

  test("sleeps in virtual time too, when nothing is planned", async () => {
    await using bed = await plugIn(registerBlock(), { clock: "virtual" });
    await bed.quiesce();
    await sleepMs(200);
    expect(await cpuMsOver(500)).toBeLessThan(250);
  });

  test("and naps when a BAR is mapped, for nobody can wake it then", async () => {
    await using bed = await plugIn(edu());
    bed.pci.bar(0).map();
    await sleepMs(200);
    expect(await cpuMsOver(500)).toBeLessThan(350);
  });
});

describe("an access to a device thread that sleeps", () => {
  test("a posted write wakes it: its effect is there long before it would look up by itself", async () => {
    await using bed = await plugIn(edu({ dmaNs: 0, dmaAddressBits: 40 }));
    bed.pci.config.setBusMaster(true);
    const target = bed.pci.dma.alloc(64);
    const bar = bed.pci.bar(0);
    bar.write64(0x80, 0x40000n);
    bar.write64(0x88, BigInt(target.iova));
    bar.write64(0x90, 8n);
    const nap = new Int32Array(new SharedArrayBuffer(4));
    const naps: number[] = [];
    for (let round = 0; round < 15; round++) {
      await sleepMs(30 + round);
      target.write32(0, 0xffffffff);
      // Posted, and then only memory is looked at: nothing else would wake the thread.
      bar.write32(0x98, 3);
      let count = 0;
      for (; target.readAcquire32(0) !== 0 && count < 5000; count++) Atomics.wait(nap, 0, 0, 1);
      naps.push(count);
    }
    // Without a wake-up each would wait for the rest of a sleep of 100 ms, 50 on average.
    naps.sort((a, b) => a - b);
    expect(naps[7]).toBeLessThan(20);
  });

  test("a read, a frame and a control call wake it as well", async () => {
    await using bed = await plugIn(registerBlock());
    for (let round = 0; round < 5; round++) {
      await sleepMs(40);
      bed.pci.bar(0).write32(BLOCK.CONTROL.at(), round);
      expect(bed.pci.bar(0).read32(BLOCK.SHOWN.at())).toBe(~round >>> 0);
      await sleepMs(40);
      expect((await bed.statistics())[0]?.counters).toMatchObject({ controls: round + 1 });
    }
  });

  test("a timer of the device wakes it", async () => {
    await using bed = await plugIn(registerBlock());
    const bar = bed.pci.bar(0);
    bar.write32(BLOCK.TICK_NS.at(), 20e6);
    await sleepMs(300);
    bar.write32(BLOCK.TICK_NS.at(), 0);
    const ticks = bar.read32(BLOCK.TICKS.at());
    // 15 at most; half of them on a machine that has other things to do.
    expect(ticks).toBeGreaterThanOrEqual(5);
    expect(ticks).toBeLessThanOrEqual(20);
  });
});

describe("virtual time in threads", () => {
  test("timers run without wall delay: an hour of ticks takes no hour", async () => {
    await using bed = await plugIn(registerBlock(), { clock: "virtual" });
    const bar = bed.pci.bar(0);
    bar.write32(BLOCK.TICK_NS.at(), 1e9);
    const startMs = performance.now();
    let polls = 0;
    while (bar.read32(BLOCK.TICKS.at()) < 3600 && polls++ < 1_000_000) bed.pci.cpu.relax();
    expect(bar.read32(BLOCK.TICKS.at())).toBeGreaterThanOrEqual(3600);
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expect(bed.pci.cpu.nowNs()).toBeGreaterThanOrEqual(3600e9);
    bar.write32(BLOCK.TICK_NS.at(), 0);
    await bed.quiesce();
  });

  test("a delay passes although nothing is planned, and what is planned happens on the way", async () => {
    await using bed = await plugIn(edu({ factorialNs: 5e9 }), { clock: "virtual" });
    const { cpu } = bed.pci;
    const bar = bed.pci.bar(0);
    const before = cpu.nowNs();
    cpu.delay(1e9);
    expect(cpu.nowNs()).toBeGreaterThanOrEqual(before + 1e9);
    bar.write32(0x08, 5);
    // The computation may be over before the delay begins: time does not wait for a thread that computes.
    cpu.delay(6e9);
    expect(bar.read32(0x20) & 1).toBe(0);
    expect(bar.read32(0x08)).toBe(120);
    await bed.quiesce();
  });

  test("a wait has its limit in virtual time too: it does not last, and what is planned comes before it", async () => {
    await using bed = await plugIn(edu({ factorialNs: 1e9 }), { clock: "virtual" });
    bed.pci.config.setBusMaster(true);
    const [interrupt] = bed.pci.interrupts("msi", 1);
    const bar = bed.pci.bar(0);
    const startMs = performance.now();
    for (let round = 0; round < 20; round++) {
      bar.write32(0x20, 0x80);
      bar.write32(0x08, 5);
      expect(interrupt?.wait(10_000)).toBe(true);
      bar.write32(0x64, bar.read32(0x24));
      const before = bed.pci.cpu.nowNs();
      expect(interrupt?.wait(60_000)).toBe(false);
      expect(bed.pci.cpu.nowNs()).toBeGreaterThanOrEqual(before + 60e9);
    }
    // Twenty minutes and twenty seconds of the card's time.
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });

  test("a poll that only relaxes has a time limit that comes", async () => {
    await using bed = await plugIn(registerBlock(), { clock: "virtual" });
    const { cpu } = bed.pci;
    const deadline = cpu.nowNs() + 10e6;
    let polls = 0;
    while (cpu.nowNs() < deadline && polls++ < 10_000) cpu.relax();
    expect(cpu.nowNs()).toBeGreaterThanOrEqual(deadline);
  });
});
