import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import { RELAXED } from "../../../emulator/explore/kinds.ts";
import { Portfolio } from "../../../emulator/explore/strategies/portfolio.ts";
import type { DmaBuffer, PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { explore } from "../../../harness/explore/explore.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../../harness/explore/plugged-session.ts";
import { frames } from "../../../harness/frames.ts";
import { EduDriver } from "../../../scenarios/drivers/edu.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";
import { failureOf } from "./failure-of.ts";

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

test("the error of a test tells a loop once, and how far from the ordinary order it is", async () => {
  const body = (bed: ExploredBed): void => {
    for (let times = 0; times < 37; times++) bed.pci.cpu.relax();
    throw new Error("never answered");
  };
  const { message } = (await explore(edu(), { runs: 2, cure: false }, body).catch((error: unknown) => error)) as Error;
  expect(message).toMatch(/Fails in every memory model\.\nIt fails in the ordinary order of events\.\n\n/);
  expect(message).toMatch(/\n +1 +relax .*\n \(the same 36 times more\)\n\nReplay it: /);
});

describe("a promise of a function that is not declared async is refused, as what comes later would not be explored", () => {
  const later = Promise.reject.bind(Promise, new Error("later"));
  const ofBody = "explore: body returned a promise, and what it does later is not explored; declare it async.";
  const cases: readonly (readonly [what: string, run: () => Promise<unknown>, sentence: string])[] = [
    ["of a body", () => explore(edu(), { runs: 5 }, () => later()), ofBody],
    ["of a body for a workload", () => explore(edu(), { runs: 5, workload: fc.nat() }, () => later()), ofBody],
    [
      "of a set-up",
      () => explore(edu(), { runs: 5, setup: () => later() }, () => {}),
      "explore: setup returned a promise, and what it does later is not explored; declare it async.",
    ],
    [
      "and so is a generator",
      () => explore(edu(), { runs: 5 }, function* () {}),
      "explore: body is neither a plain nor an async function; one that yields is not explored.",
    ],
    [
      "and a wait that a plain body cannot make",
      () => explore(edu(), { runs: 5 }, (bed) => bed.sleep(1)),
      "TypeError: explore: bed.sleep is for a body that awaits; declare set-up or body async",
    ],
  ];

  test.for(cases)("%s", async ([, run, sentence], { expect }) => {
    await expect(run()).rejects.toThrow(sentence);
  });
});

describe("the real driver against the real card", { timeout: SEARCH_LIMIT_MS }, () => {
  const list = frames(3, { seed: 2, minByteLength: 60, maxByteLength: 64 });
  const setup = (bed: ExploredBed): IxgbeDriver => IxgbeDriver.probe(bed.pci, SMALL);

  test("passes in every memory model", async () => {
    const result = await explore(card, { setup, runs: 150 }, (bed, driver) => exchange(bed, driver, list));
    expect(result).toEqual({ runs: 450, unknown: 0 });
  });

  test("a body that waits for rest may look once, in every memory model", async () => {
    const [frame = new Uint8Array()] = list;
    let lookedCount = 0;
    const passed = await explore(card, { setup, runs: 150 }, (bed, driver) => {
      bed.wire.send(frame);
      bed.quiesce();
      lookedCount++;
      expect(driver.receive()).toEqual(frame);
    });
    expect(passed).toEqual({ runs: 450, unknown: 0 });
    expect(lookedCount).toBeGreaterThanOrEqual(450);
  });

  test("a missing barrier is found in the model that needs it, named with its line, and replayed", async () => {
    let isMended = false;
    const careless = (bed: ExploredBed): IxgbeDriver =>
      IxgbeDriver.probe(isMended ? bed.pci : withoutAcquire(bed.pci), SMALL);
    const body = (bed: ExploredBed, driver: IxgbeDriver): void => exchange(bed, driver, list);
    const error = await failureOf(explore(card, { setup: careless, races: false, runs: 400 }, body));
    expect(error.model).toBe("relaxed");
    expect(error.message).toMatch(/Missing: dmaRmb before the read at .*ixgbe\.ts:\d+\./);
    expect(error.message).toContain("(older)");
    expect(error.deviationCount).toBeLessThanOrEqual(6);
    const again = await failureOf(explore(card, { setup: careless, races: false, replay: error.token }, body));
    expect(again.verdict).toBe(error.verdict);
    const foreign = (bed: ExploredBed, driver: IxgbeDriver): void => exchange(bed, driver, list.slice(1));
    isMended = true;
    const mended = await explore(card, { setup: careless, races: false, replay: error.token }, body);
    expect(mended).toMatchObject({ runs: 1, unknown: 0 });
    expect(mended.divergence).toMatch(/^step \d+ of /);
    await expect(explore(card, { setup: careless, races: false, replay: error.token }, foreign)).rejects.toThrow(
      "The run of the token does not fail, but set-up, body or options are not those that the token was made with: search again.",
    );
    await expect(explore(edu(), { replay: error.token }, () => {})).rejects.toThrow(
      "This token is of ixgbe, and what is plugged in here is edu: hand it to its own test.",
    );
  });

  test("each run of a driver that reads what is older is repeated by its deviations, word for word", async () => {
    const session = new PluggedSession<IxgbeDriver>([await loadDevice(card)], {
      setup: (bed) => IxgbeDriver.probe(withoutAcquire(bed.pci), SMALL),
      body: (bed, driver) => exchange(bed, driver, list),
    });
    const strategy = new Portfolio();
    const others: number[] = [];
    for (let run = 0; run < 400; run++) {
      const verdict = session.run(strategy, RELAXED, run);
      const { execution } = session;
      const { hash, recorder } = execution;
      if (recorder.schedule.isIncomplete) continue;
      if (session.replay("relaxed", recorder.schedule) !== verdict || execution.hash !== hash) others.push(run);
    }
    expect(others).toEqual([]);
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
      /^explore: the same schedule need not go the same way twice: .*a bad day/,
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

describe("an interrupt that arrives before anybody could take it", { timeout: SEARCH_LIMIT_MS }, () => {
  const RAISE = 0x60;
  const ACKNOWLEDGE = 0x64;
  /** The first interrupt of the function, and how often its handler has run. */
  const interruptOf = (bed: ExploredBed, kind: "msi" | "intx") => {
    const bar = bed.pci.bar(0);
    const runs = { count: 0 };
    const [interrupt] = bed.pci.interrupts(kind, 1);
    bed.pci.config.setBusMaster(true);
    const handle = (): void =>
      interrupt?.handle(() => {
        const causes = bar.read32(0x24);
        bar.write32(ACKNOWLEDGE, causes);
        // A line that is still up while the acknowledgement travels interrupts once more.
        if (causes !== 0) runs.count++;
      });
    return { bar, runs, handle, interrupt };
  };

  test.each(["msi", "intx"] as const)("%s: is handled when the handler comes later", async (kind) => {
    const result = await explore(edu(), { runs: 20 }, (bed) => {
      const { bar, runs, handle, interrupt } = interruptOf(bed, kind);
      bar.write32(RAISE, 1);
      bar.read32(0x24);
      bed.quiesce();
      handle();
      bed.quiesce();
      expect(runs.count).toBe(1);
      interrupt?.handle(undefined);
      bed.pci.cpu.synchronizeIrq();
      bar.write32(RAISE, 1);
      bed.quiesce();
      expect(runs.count).toBe(1);
      handle();
      bed.quiesce();
      expect(runs.count).toBe(2);
    });
    expect(result).toEqual({ runs: 60, unknown: 0 });
  });

  test.each(["msi", "intx"] as const)("%s: is handled when the set-up ended with it", async (kind) => {
    const setup = (bed: ExploredBed): { runs: { count: number } } => {
      const { bar, runs, handle } = interruptOf(bed, kind);
      handle();
      bar.write32(RAISE, 1);
      return { runs };
    };
    const result = await explore(edu(), { setup, runs: 20 }, (bed, { runs }) => {
      bed.quiesce();
      expect(runs.count).toBe(1);
    });
    expect(result).toEqual({ runs: 60, unknown: 0 });
  });

  test("waits on while the set-up leaves the CPU holding interrupts back", async () => {
    const setup = (bed: ExploredBed): { runs: { count: number }; wereHeld: boolean } => {
      const { bar, runs, handle } = interruptOf(bed, "msi");
      handle();
      const wereHeld = bed.pci.cpu.irqSave();
      bar.write32(RAISE, 1);
      return { runs, wereHeld };
    };
    const result = await explore(edu(), { setup, runs: 20 }, (bed, { runs, wereHeld }) => {
      bed.quiesce();
      expect(runs.count).toBe(0);
      bed.pci.cpu.irqRestore(wereHeld);
      bed.quiesce();
      expect(runs.count).toBe(1);
    });
    expect(result).toEqual({ runs: 60, unknown: 0 });
  });
});
