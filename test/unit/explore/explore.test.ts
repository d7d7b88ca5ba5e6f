import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import type { DmaBuffer, PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { explore, InterleavingError } from "../../../harness/explore/explore.ts";
import type { ExploredBed } from "../../../harness/explore/plugged-session.ts";
import { frames } from "../../../harness/frames.ts";
import { EduDriver } from "../../../scenarios/drivers/edu.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";

/** A search, a shrinking and a search for the cure: seconds, and many more on a machine that does something else. */
const SEARCH_LIMIT_MS = 60_000;
const SMALL = { ringSize: 8, promiscuous: true, bufferCount: 24 } as const;
const card = ixgbe({ linkUpNs: 0 });

/** Forwards everything but what `own` has. */
function over<Target extends object>(target: Target, own: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_target, name) => {
      const source = name in own ? own : target;
      const value: unknown = Reflect.get(source, name);
      return typeof value === "function" ? value.bind(source) : value;
    },
  });
}

/** The function as a careless driver uses it: every load of DMA memory is a plain one. */
function withoutAcquire(pci: PciFunction): PciFunction {
  const alloc: PciFunction["dma"]["alloc"] = (byteLength, options) => {
    const buffer = pci.dma.alloc(byteLength, options);
    return over<DmaBuffer>(buffer, { readAcquire32: (offset) => buffer.read32(offset) });
  };
  return over<PciFunction>(pci, { dma: over(pci.dma, { alloc }) });
}

function exchange(bed: ExploredBed, driver: IxgbeDriver, list: readonly Uint8Array[]): void {
  for (const frame of list) bed.wire.send(frame);
  for (const frame of list) while (!driver.transmit(frame)) bed.pci.cpu.relax();
  for (const frame of list) {
    let got = driver.receive();
    for (; got === undefined; got = driver.receive()) bed.pci.cpu.relax();
    expect(got).toEqual(frame);
  }
  bed.quiesce();
  expect(bed.wire.sent).toEqual(list);
}

async function failureOf(promise: Promise<unknown>): Promise<InterleavingError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof InterleavingError) return error;
  throw new Error(`no interleaving failed: ${String(error)}`);
}

describe("what awaits is refused, because only what comes before its first await would be explored", () => {
  const later = Promise.reject.bind(Promise, new Error("later"));
  const cases: readonly (readonly [what: string, run: () => Promise<unknown>, sentence: string])[] = [
    [
      "an async body",
      () =>
        explore(edu(), { runs: 5 }, async () => {
          await null;
          throw new Error("later");
        }),
      "explore: body is no plain function; one that awaits or yields cannot be explored.",
    ],
    [
      "an async set-up",
      () => explore(edu(), { runs: 5, setup: async () => 1 }, () => {}),
      "explore: setup is no plain function; one that awaits or yields cannot be explored.",
    ],
    [
      "a body that returns a promise",
      () => explore(edu(), { runs: 5 }, () => later() as unknown as undefined),
      "explore: body returned a promise; what it does later is not explored.",
    ],
    [
      "a body that returns a promise for a workload",
      () => explore(edu(), { runs: 5, workload: fc.nat() }, () => later() as unknown as undefined),
      "explore: body returned a promise; what it does later is not explored.",
    ],
    [
      "a set-up that returns a promise",
      () => explore(edu(), { runs: 5, setup: () => later() }, () => {}),
      "explore: setup returned a promise; what it does later is not explored.",
    ],
  ];

  test.for(cases)("%s", async ([, run, sentence], { expect }) => {
    await expect(run()).rejects.toThrow(new TypeError(sentence));
  });
});

describe("the real driver against the real card", { timeout: SEARCH_LIMIT_MS }, () => {
  const list = frames(3, { seed: 2, minByteLength: 60, maxByteLength: 64 });
  const setup = (bed: ExploredBed): IxgbeDriver => IxgbeDriver.probe(bed.pci, SMALL);

  test("passes in every memory model", async () => {
    const result = await explore(card, { setup, runs: 150 }, (bed, driver) => exchange(bed, driver, list));
    expect(result).toEqual({ runs: 450, unknown: 0 });
  });

  test("a missing barrier is found in the model that needs it, named with its line, and replayed", async () => {
    let isMended = false;
    const careless = (bed: ExploredBed): IxgbeDriver =>
      IxgbeDriver.probe(isMended ? bed.pci : withoutAcquire(bed.pci), SMALL);
    const body = (bed: ExploredBed, driver: IxgbeDriver): void => exchange(bed, driver, list);
    const error = await failureOf(explore(card, { setup: careless, runs: 400 }, body));
    expect(error.model).toBe("relaxed");
    expect(error.message).toMatch(/Missing: dmaRmb before the read at .*ixgbe\.ts:\d+\./);
    expect(error.message).toContain("(older)");
    expect(error.deviationCount).toBeLessThanOrEqual(6);
    const again = await failureOf(explore(card, { setup: careless, replay: error.token }, body));
    expect(again.verdict).toBe(error.verdict);
    const foreign = (bed: ExploredBed, driver: IxgbeDriver): void => exchange(bed, driver, list.slice(1));
    isMended = true;
    const mended = await explore(card, { setup: careless, replay: error.token }, body);
    expect(mended).toMatchObject({ runs: 1, unknown: 0 });
    expect(mended.divergence).toMatch(/^step \d+ of /);
    await expect(explore(card, { setup: careless, replay: error.token }, foreign)).rejects.toThrow(
      "The run of the token does not fail, but set-up or body are not those that the token was made with: search again.",
    );
    await expect(explore(edu(), { replay: error.token }, () => {})).rejects.toThrow(
      "This token is of ixgbe, and what is plugged in here is edu: hand it to its own test.",
    );
  });

  test("a broken rule fails although the frames are right", async () => {
    const error = await failureOf(
      explore(card, { setup, runs: 10 }, (bed, driver) => {
        bed.pci.bar(0).write32(0x6018, 100);
        exchange(bed, driver, []);
      }),
    );
    expect(error.message).toMatch(/TDT\(0\).*0x/);
    expect(error.verdict).toBe("violation");
  });
});

describe("workloads", { timeout: SEARCH_LIMIT_MS }, () => {
  test("shrink together with the schedule", async () => {
    const careless = (bed: ExploredBed): EduDriver => new EduDriver(withoutAcquire(bed.pci), "poll");
    const numbers = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 6 });
    const body = (_bed: ExploredBed, driver: EduDriver, list: readonly number[]): void => {
      for (const n of list) {
        driver.factorial(n);
        if (n > 4) throw new Error("above four");
      }
    };
    const error = await failureOf(
      explore(edu(), { setup: careless, workload: numbers, runs: 500, models: ["sc"] }, body),
    );
    // Zeros may stay: fast-check takes from the front only.
    expect(error.message).toMatch(/workload \[5(,0)*\]/);
    const { token: replay, workload } = error;
    for (const again of [numbers, fc.constant(workload as number[])]) {
      const repeated = await failureOf(explore(edu(), { setup: careless, workload: again, replay }, body));
      expect(repeated).toMatchObject({ verdict: "violation", workload });
    }
    const rerun = (other: fc.Arbitrary<number[]>) => explore(edu(), { setup: careless, workload: other, replay }, body);
    await expect(rerun(fc.constant([6]))).rejects.toThrow(/The workload is not drawn as it was/);
    await expect(explore(edu(), { setup: careless, replay }, body as () => void)).rejects.toThrow(
      /with a workload: pass/,
    );
  });
});

describe("what depends on an earlier run", () => {
  test.each([{}, { workload: fc.constant(1) }])("is nondeterminism and no finding %#", async (more) => {
    let run = 0;
    const body = (bed: ExploredBed): void => {
      bed.pci.bar(0).write32(0x04, 1);
      if (++run === 7) throw new Error("a bad day");
    };
    await expect(explore(edu(), { runs: 20, ...more }, body)).rejects.toThrow(
      /^explore: the same schedule was run twice and went two ways: .*a bad day/,
    );
  });
});

describe("a handler on the CPU that it interrupts", { timeout: SEARCH_LIMIT_MS }, () => {
  /** Main function and handler both add one to a word; the handler once for each of two interrupts. */
  const count = (bed: ExploredBed, protects: boolean): void => {
    const { pci } = bed;
    const counter = pci.dma.alloc(64, { label: "counter" });
    const [interrupt] = pci.interrupts("msi", 1);
    const bar = pci.bar(0);
    pci.config.setBusMaster(true);
    let handled = 0;
    interrupt?.handle(() => {
      const raised = bar.read32(0x24);
      bar.write32(0x64, raised);
      counter.write32(0, counter.read32(0) + 1);
      handled++;
    });
    bar.write32(0x60, 1);
    for (let round = 0; round < 3; round++) {
      const held = protects ? pci.cpu.irqSave() : false;
      counter.write32(0, counter.read32(0) + 1);
      if (protects) pci.cpu.irqRestore(held);
    }
    bar.write32(0x60, 2);
    bed.quiesce();
    expect(counter.read32(0)).toBe(3 + handled);
    expect(handled).toBeGreaterThan(0);
    interrupt?.handle(undefined);
  };

  test("comes between any two of its accesses", async () => {
    const error = await failureOf(explore(edu(), { runs: 500, models: ["sc"] }, (bed) => count(bed, false)));
    expect(error.message).toContain("takes the interrupt");
    expect(error.deviationCount).toBeLessThanOrEqual(2);
  });

  test("waits where the CPU holds interrupts back", async () => {
    expect(await explore(edu(), { runs: 300 }, (bed) => count(bed, true))).toEqual({ runs: 900, unknown: 0 });
  });
});

describe("what comes to no end comes to a verdict", { timeout: SEARCH_LIMIT_MS }, () => {
  const setup = (bed: ExploredBed): EduDriver => new EduDriver(bed.pci, "poll");

  test("a loop that polls for what nobody will write", async () => {
    const error = await failureOf(
      explore(edu(), { setup, runs: 20 }, (bed) => {
        const buffer = bed.pci.dma.alloc(64);
        while (buffer.read32(0) === 0) bed.pci.cpu.relax();
      }),
    );
    expect(error.verdict).toBe("livelock");
  });

  test("a driver that swallows the end of the run, and goes on", async () => {
    let accesses = 0;
    const error = await failureOf(
      explore(edu(), { setup, runs: 20 }, (bed) => {
        const buffer = bed.pci.dma.alloc(64);
        for (let attempt = 0; attempt < 5; attempt++) {
          try {
            while (buffer.read32(0) === 0) bed.pci.cpu.relax();
          } catch {
            accesses++;
          }
        }
      }),
    );
    expect(error.verdict).toBe("livelock");
    expect(accesses).toBeGreaterThanOrEqual(5);
  });

  /** Reads for ever what changes all the time. */
  const readsOn = (bed: ExploredBed): void => {
    const bar = bed.pci.bar(0);
    for (let value = 0; ; value++) {
      bar.write32(0x04, value);
      bar.read32(0x04);
    }
  };

  test("runs of which nothing is known do not pass", async () => {
    await expect(explore(edu(), { setup, runs: 2 }, readsOn)).rejects.toThrow(
      "explore: of 6 of 6 runs nothing is known, because they took more than 10,000 steps: put the driver through less",
    );
  });

  test("a body that never ends is starving where it must end, and so is its replay", async () => {
    const options = { setup, runs: 2, mustEnd: true, cure: false };
    const error = await failureOf(explore(edu(), options, readsOn));
    expect(error.verdict).toBe("starvation");
    expect((await failureOf(explore(edu(), { ...options, replay: error.token }, readsOn))).verdict).toBe("starvation");
  });

  test("a wait for an interrupt that is masked ends by its limit", async () => {
    const result = await explore(edu(), { setup, runs: 20 }, (bed) => {
      const [interrupt] = bed.pci.interrupts("msi", 1);
      const before = bed.pci.cpu.nowNs();
      expect(interrupt?.wait(5)).toBe(false);
      expect(bed.pci.cpu.nowNs() - before).toBe(5e6);
    });
    expect(result.unknown).toBe(0);
  });

  test("a driver that needs raw memory is told why it cannot be explored", async () => {
    const error = await failureOf(explore(edu(), { runs: 1 }, (bed) => void bed.pci.bar(0).map()));
    expect(error.message).toContain("Use the accessors");
  });
});
