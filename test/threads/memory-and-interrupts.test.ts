import { describe, expect, test } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import { plugIn } from "../../harness/plug-in.ts";
import interruptRounds, { type InterruptRounds } from "./fixtures/interrupt-rounds.driver.ts";
import { BLOCK, registerBlock } from "./fixtures/register-block.ts";

const driver = (name: string): string => new URL(`./fixtures/${name}.driver.ts`, import.meta.url).href;

describe("memory that a driver brings along", () => {
  test("reaches the device although the driver never returns to its event loop", async () => {
    await using bed = await plugIn(edu({ dmaNs: 0 }));
    await expect(bed.cpu(1).run(driver("separate-dma"), 60)).resolves.toBe(0);
    expect(bed.violations).toEqual([]);
  });

  test("and from the test's own thread, in the middle of a synchronous stretch", async () => {
    await using bed = await plugIn(edu({ dmaNs: 0 }));
    const { default: separateDma } = await import("./fixtures/separate-dma.driver.ts");
    expect(separateDma(bed.functions, 20)).toBe(0);
  });

  test("two CPUs' buffers are told apart", async () => {
    await using bed = await plugIn([edu({ dmaNs: 0 }), registerBlock()]);
    // CPU 2 only allocates: its segments have numbers between those of CPU 1.
    const [wrong] = await Promise.all([
      bed.cpu(1).run(driver("separate-dma"), 40),
      bed.cpu(2).run(driver("allocator"), 200),
    ]);
    expect(wrong).toBe(0);
  });
});

describe("interrupts of the edu", () => {
  const ways: InterruptRounds[] = (["msi", "intx"] as const).flatMap((kind) =>
    (["wait", "handler", "handler-and-wait"] as const).map((by) => ({ kind, by, rounds: 2000 })),
  );
  test.each(ways)("$kind by $by: none of $rounds is lost, on a CPU of its own", async (way) => {
    await using bed = await plugIn(edu());
    await expect(bed.cpu(3).run(driver("interrupt-rounds"), way)).resolves.toBe(way.rounds);
    expect(bed.violations).toEqual([]);
  });

  test.each(ways)("$kind by $by: nor on the test's own CPU, nor when kinds follow each other", async (way) => {
    await using bed = await plugIn(edu());
    expect(interruptRounds(bed.functions, { ...way, kind: "intx", rounds: 100 })).toBe(100);
    expect(interruptRounds(bed.functions, { ...way, kind: "msi", rounds: 100 })).toBe(100);
    expect(interruptRounds(bed.functions, { ...way, rounds: 300 })).toBe(300);
    expect(bed.violations).toEqual([]);
  });
});

describe("waiting", () => {
  test("has a limit", async () => {
    await using bed = await plugIn(edu());
    const [interrupt] = bed.pci.interrupts("intx", 1);
    const startMs = performance.now();
    expect(interrupt?.wait(30)).toBe(false);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(29);
    expect(interrupt?.wait(0)).toBe(false);
  });

  test("ends when the interrupt comes, not when the thread would look up by itself", async () => {
    await using bed = await plugIn(edu({ factorialNs: 3e6 }));
    bed.pci.config.setBusMaster(true);
    const [interrupt] = bed.pci.interrupts("msi", 1);
    const bar = bed.pci.bar(0);
    bar.write32(0x20, 0x80);
    const tookMs: number[] = [];
    for (let round = 0; round < 30; round++) {
      const startMs = performance.now();
      bar.write32(0x08, 3);
      expect(interrupt?.wait(5000)).toBe(true);
      tookMs.push(performance.now() - startMs);
      bar.write32(0x64, 1);
    }
    // The card needs 3 ms. A thread that nobody wakes looks up every 10 ms: then not one of thirty would be shorter.
    expect(Math.min(...tookMs)).toBeLessThan(8);
    expect(Math.min(...tookMs)).toBeGreaterThanOrEqual(2.9);
  });

  test("runs the handlers of the CPU's other interrupts, when they come and not at its end", async () => {
    await using bed = await plugIn(registerBlock());
    bed.pci.config.setBusMaster(true);
    const [quiet, busy] = bed.pci.interrupts("msix", 2);
    const bar = bed.pci.bar(0);
    let runs = 0;
    busy?.handle(() => {
      runs++;
      // Wakes the one that is waited for, from within.
      bar.write32(BLOCK.VECTOR.at(), 0);
    });
    bar.write32(BLOCK.VECTOR.at(), 1);
    expect(quiet?.wait(60_000)).toBe(true);
    expect(runs).toBe(1);
  });

  test("one CPU runs the handlers of all its functions, whichever it accesses", async () => {
    await using bed = await plugIn([registerBlock(), registerBlock()]);
    const [first, second] = bed.functions;
    if (first === undefined || second === undefined) return expect.fail("two devices");
    second.config.setBusMaster(true);
    let runs = 0;
    second.interrupts("msix", 1)[0]?.handle(() => runs++);
    second.bar(0).write32(BLOCK.VECTOR.at(), 0);
    // Only the first function is touched from here on.
    for (let polls = 0; runs === 0 && polls < 1_000_000; polls++) first.bar(0).read32(BLOCK.MIXED.at());
    expect(runs).toBe(1);
    expect(first.cpu).toBe(second.cpu);
    const held = first.cpu.irqSave();
    second.bar(0).write32(BLOCK.VECTOR.at(), 0);
    second.bar(0).read32(BLOCK.MIXED.at());
    expect(runs).toBe(1);
    second.cpu.irqRestore(held);
    expect(runs).toBe(2);
  });
});

describe("MSI-X", () => {
  test("masked vectors wait, unmasked ones come, each on its own", async () => {
    await using bed = await plugIn(registerBlock());
    bed.pci.config.setBusMaster(true);
    const vectors = bed.pci.interrupts("msix", 4);
    const bar = bed.pci.bar(0);
    vectors[2]?.mask();
    for (const vector of [0, 1, 2, 3, 2, 0]) bar.write32(BLOCK.VECTOR.at(), vector);
    bar.read32(BLOCK.MIXED.at());
    expect(vectors.map(({ count }) => count)).toEqual([2, 1, 0, 1]);
    vectors[2]?.unmask();
    expect(vectors[2]?.wait(5000)).toBe(true);
    expect(vectors.map(({ count }) => count)).toEqual([2, 1, 1, 1]);
    // Twice raised while masked is one message.
    expect(vectors.map((vector) => [vector.poll(), vector.poll()])).toEqual([
      [true, false],
      [true, false],
      [false, false],
      [true, false],
    ]);
  });

  test("set up anew a thousand times, the numbers do not run out and the last set-up counts", async () => {
    await using bed = await plugIn(registerBlock());
    bed.pci.config.setBusMaster(true);
    const bar = bed.pci.bar(0);
    const stale = bed.pci.interrupts("msix", 4)[3];
    let staleRuns = 0;
    stale?.handle(() => staleRuns++);
    for (let round = 0; round < 1000; round++) bed.pci.interrupts("msix", 4);
    const fresh = bed.pci.interrupts("msix", 4)[3];
    bar.write32(BLOCK.VECTOR.at(), 3);
    expect(fresh?.wait(5000)).toBe(true);
    expect(staleRuns).toBe(0);
    expect(fresh?.count).toBe(1);
  });

  test("more vectors than the card has, or none, are refused with the number it has", async () => {
    await using bed = await plugIn([registerBlock(), edu()]);
    const [block, card] = bed.functions;
    expect(() => block?.interrupts("msix", 5)).toThrow("block has 4 msix interrupts, 5 were asked for");
    expect(() => block?.interrupts("msix", 0)).toThrow(RangeError);
    expect(() => card?.interrupts("msix", 1)).toThrow("edu has 0 msix interrupts, 1 were asked for");
    expect(() => card?.interrupts("msi", 2)).toThrow("edu has 1 msi interrupts, 2 were asked for");
  });
});
