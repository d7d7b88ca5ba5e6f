import assert from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import type { DmaBuffer } from "../../../emulator/pcie/driver-view.ts";
import {
  EveryFaultError,
  type EveryFaultOptions,
  type EveryFaultResult,
  everyFault,
} from "../../../harness/faults/every-fault.ts";
import type { FaultKind } from "../../../harness/faults/fault-kinds.ts";
import type { FaultVerdict } from "../../../harness/faults/scenario-run.ts";
import type { Testbed } from "../../../harness/testbed.ts";
import { toy } from "./fixtures/toy-device.ts";
import { type Bug, ToyDriver } from "./toy-driver.ts";

const ROUNDS = 3;

function drive(bug?: Bug, options: Partial<EveryFaultOptions<ToyDriver>> = {}): Promise<EveryFaultResult> {
  return everyFault(
    toy(),
    {
      setup: (bed) => new ToyDriver(bed.pci, bug),
      teardown: (driver) => driver.close(),
      stepLimit: 20_000,
      ...options,
    },
    (_bed, driver) => {
      for (let round = 0; round < ROUNDS; round++) assert.equal(driver.ask(round), round + 1);
    },
  );
}

describe("all sites are visited", () => {
  test("of a card whose events can be counted by hand, as many as there are", async () => {
    const { kinds, siteCount, failurePathCount, visitedCount, isComplete, failures, verdicts } = await drive();
    // Each round fetches a question, waits for a timer, writes an answer and sends a message.
    for (const kind of ["dma-read-error", "fetch-stall", "fetch-stuck"] as const) expect(kinds[kind]).toBe(ROUNDS);
    for (const kind of ["write-back-late", "write-back-torn", "write-back-corrupt", "dma-write-error"] as const)
      expect(kinds[kind]).toBe(ROUNDS);
    for (const kind of ["interrupt-lost", "interrupt-late", "interrupt-spurious"] as const)
      expect(kinds[kind]).toBe(ROUNDS);
    // A timer a round, and the reset.
    for (const kind of ["operation-slow", "operation-stuck"] as const) expect(kinds[kind]).toBe(ROUNDS + 1);
    expect(kinds["dma-alloc-failed"]).toBe(2);
    expect(kinds["interrupts-fewer"]).toBe(1);
    // Two registers a round, and two polls of the reset.
    expect(kinds["read-error"]).toBe(2 * ROUNDS + 2);
    expect(kinds["frame-lost"]).toBeUndefined();
    expect(kinds["write-lost"]).toBeUndefined();
    expect(kinds.removal).toBe(kinds["power-glitch"]);
    expect(visitedCount).toBe(siteCount + failurePathCount);
    expect(isComplete).toBe(true);
    expect(Object.values(verdicts).reduce((sum, count) => sum + count)).toBe(visitedCount);
    expect(failures).toEqual([]);
  });

  test("and each once, under a name by which it can be visited alone, with the same end", async () => {
    const whole = await drive();
    const names = whole.sites.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const some = whole.sites.filter((_, index) => index % 7 === 0);
    const again = await drive(undefined, { only: some.map(({ name }) => name) });
    expect(again.sites.map(({ name, verdict, detail }) => ({ name, verdict, detail }))).toEqual(
      some.map(({ name, verdict, detail }) => ({ name, verdict, detail })),
    );
  });

  test("also those that only a failure path meets, behind the fault that leads there", async () => {
    // The driver asks for a second buffer only when an answer did not come.
    const body = (bed: Parameters<NonNullable<EveryFaultOptions<ToyDriver>["setup"]>>[0], driver: ToyDriver): void => {
      try {
        driver.ask(1);
      } catch (cause) {
        bed.pci.dma.alloc(64, { label: "report" }).free();
        throw new Error("toy: no answer, and a report of it", { cause });
      }
    };
    const options: EveryFaultOptions<ToyDriver> = {
      setup: (bed) => new ToyDriver(bed.pci),
      teardown: (driver) => driver.close(),
      kinds: ["dma-read-error", "dma-alloc-failed"],
    };
    const { failurePathCount, sites } = await everyFault(toy(), options, body);
    expect(failurePathCount).toBe(1);
    expect(sites.map(({ name }) => name)).toEqual([
      "dma-alloc-failed#1",
      "dma-alloc-failed#2",
      "dma-read-error#1",
      "dma-read-error#1+dma-alloc-failed#3",
    ]);
    expect(sites.at(-2)).toMatchObject({ verdict: "clean-error", detail: "toy: no answer, and a report of it" });
    expect(sites.at(-1)).toMatchObject({ verdict: "clean-error", where: "the question, then report" });
    // Such a chain is replayed by its name, and one that the run does not come to is not there.
    const only = (name: string) => everyFault(toy(), { ...options, only: [name] }, body);
    const again = await only("dma-read-error#1+dma-alloc-failed#3");
    expect(again).toMatchObject({ visitedCount: 1, isComplete: true, sites: [{ verdict: "clean-error" }] });
    await expect(only("dma-read-error#1+dma-alloc-failed#9")).rejects.toThrow(
      "dma-read-error#1+dma-alloc-failed#9 is not there: the run does not come to all of these places",
    );
  });

  test("of the kinds that are asked for, up to the limit, or until it is told to end", async () => {
    const some = await drive(undefined, { kinds: ["removal"], siteLimit: 5 });
    expect(some).toMatchObject({ visitedCount: 5, isComplete: false });
    expect(Object.keys(some.kinds)).toEqual(["removal"]);
    const none = await drive(undefined, { signal: AbortSignal.abort() });
    expect(none).toMatchObject({ visitedCount: 0, isComplete: false });
    const progress: number[] = [];
    await drive(undefined, {
      kinds: ["interrupt-lost"],
      onProgress: (visited, known) => progress.push(visited / known),
    });
    expect(progress).toEqual([1 / 3, 2 / 3, 1]);
  });
});

describe("a bug is found at a site of its kind, and only there", () => {
  const planted: readonly (readonly [Bug, FaultKind, FaultVerdict])[] = [
    ["waits-for-ever", "dma-read-error", "hang"],
    ["waits-for-ever", "dma-write-error", "hang"],
    ["waits-for-ever", "fetch-stuck", "hang"],
    ["leaks", "dma-alloc-failed", "lost-buffer"],
    ["believes-length", "write-back-corrupt", "outside"],
    ["believes-registers", "read-error", "failed"],
    ["sleeps-on-one-interrupt", "interrupt-lost", "failed"],
    ["counts-on-vectors", "interrupts-fewer", "failed"],
    ["leaves-the-old-length", "write-back-partial", "wrong-result"],
  ];
  test.for(planted)("%s at %s: %s", async ([bug, kind, verdict]) => {
    const { failures } = await drive(bug, { kinds: [kind] });
    expect(failures.map((failure) => failure.verdict)).toContain(verdict);
    for (const { name } of failures) expect(name).toMatch(new RegExp(`^${kind}#\\d+`));
    expect((await drive(undefined, { kinds: [kind] })).failures).toEqual([]);
  });

  test("a driver that loops without an access is stopped", async () => {
    const body = (_bed: unknown, driver: ToyDriver): void => {
      try {
        driver.ask(1);
      } catch {
        for (let turns = 0; turns >= 0; ) turns = (turns + 1) % 7;
      }
    };
    const { failures } = await everyFault(
      toy(),
      { setup: (bed) => new ToyDriver(bed.pci), kinds: ["fetch-stuck"], runLimitMs: 30 },
      body,
    );
    expect(failures).toMatchObject([{ name: "fetch-stuck#1", verdict: "hang" }]);
  });

  test("so is one that waits for a promise that nobody resolves", async () => {
    const body = async (_bed: unknown, driver: ToyDriver): Promise<void> => {
      try {
        driver.ask(1);
      } catch {
        await new Promise(() => {});
      }
    };
    const options = {
      setup: (bed: Testbed) => new ToyDriver(bed.pci),
      kinds: ["fetch-stuck"],
      runLimitMs: 30,
    } as const;
    const { failures } = await everyFault(toy(), options, body);
    expect(failures).toMatchObject([{ name: "fetch-stuck#1", verdict: "hang" }]);
  });

  test("so is one that writes behind its buffer by way of raw memory", async () => {
    let isWild = false;
    const { failures } = await everyFault<DmaBuffer>(
      toy(),
      {
        setup: (bed) => bed.pci.dma.alloc(100, { label: "frame" }),
        teardown: (buffer) => buffer.free(),
        kinds: ["config-read-error"],
      },
      (bed, buffer) => {
        isWild = bed.pci.config.read16(0) === 0xffff;
        const raw = new Uint8Array(buffer.bytes.buffer);
        raw.fill(0, buffer.bytes.byteOffset, buffer.bytes.byteOffset + buffer.byteLength + (isWild ? 1 : 0));
      },
    );
    expect(failures).toMatchObject([
      { verdict: "outside", detail: expect.stringContaining("frame: byte 0 behind its end") },
    ]);
  });

  test("an async driver is judged as well", async () => {
    const { failures, visitedCount } = await everyFault(
      toy(),
      {
        setup: async (bed) => new ToyDriver(bed.pci),
        teardown: async (driver) => driver.close(),
        kinds: ["dma-read-error", "read-error"],
      },
      async (bed, driver) => {
        await bed.quiesce();
        assert.equal(driver.ask(1), 2);
      },
    );
    expect(failures).toEqual([]);
    expect(visitedCount).toBeGreaterThan(3);
  });
});

describe("what cannot be done is said", () => {
  test("a body that fails by itself", async () => {
    const failing = everyFault(toy(), {}, () => assert.fail("always"));
    await expect(failing).rejects.toThrow(EveryFaultError);
    await expect(failing).rejects.toThrow("it fails without any fault: wrong-result: AssertionError: always");
  });

  test("with what the sanitizers know of it, which is often why", async () => {
    const asleep = everyFault(edu(), { stepLimit: 1000 }, (bed) => {
      const [interrupt] = bed.pci.interrupts("msi", 1);
      const bar = bed.pci.bar(0);
      bar.write32(0x20, 0x80);
      bar.write32(0x08, 5);
      while (interrupt?.poll() !== true) bed.pci.cpu.relax();
    });
    await expect(asleep).rejects.toThrow(/^it fails without any fault: hang: .*\n {2}bus-master-off/);
  });

  test("rules about whose the memory is, as in every other run", async () => {
    const careless = everyFault(
      edu(),
      {
        setup: (bed) => {
          bed.pci.config.setBusMaster(true);
          return bed.pci.dma.alloc(64, { label: "source" });
        },
        teardown: (buffer) => buffer.free(),
      },
      (bed, buffer) => {
        const bar = bed.pci.bar(0);
        bar.write64(0x80, BigInt(buffer.iova));
        bar.write64(0x88, 0x40000n);
        bar.write64(0x90, 64n);
        bar.write64(0x98, 1n);
        buffer.write32(0, 7);
      },
    );
    await expect(careless).rejects.toThrow("it fails without any fault: violation: buffer-changed-in-flight");
  });

  test("nothing to visit", async () => {
    await expect(drive(undefined, { kinds: ["frame-lost", "link-flap"] })).rejects.toThrow(
      "nothing is tested: the run comes to no place for frame-lost, link-flap",
    );
  });

  test("a site or a kind that is none", async () => {
    await expect(drive(undefined, { only: ["dma-read-error"] })).rejects.toThrow(
      '"dma-read-error" is no site: want KIND#N',
    );
    await expect(drive(undefined, { kinds: ["no-such" as FaultKind] })).rejects.toThrow('there is no fault "no-such"');
    await expect(drive(undefined, { only: ["dma-read-error#99"] })).rejects.toThrow(
      `dma-read-error#99 is not there: the run comes to ${ROUNDS} places for dma-read-error`,
    );
    await expect(drive(undefined, { only: ["frame-lost#1"] })).rejects.toThrow("comes to no places for frame-lost");
    // Of a kind that is not visited by itself it is there all the same.
    expect((await drive(undefined, { only: ["write-lost#1"] })).sites).toMatchObject([
      { where: "the write of BAR0+0x000c" },
    ]);
  });

  test("a run that is not the same every time", async () => {
    let runs = 0;
    const { failures } = await everyFault(toy(), { kinds: ["read-error"] }, (bed) => {
      if (runs++ === 0) bed.pci.bar(0).read32(0x10);
    });
    expect(failures).toMatchObject([{ verdict: "failed", detail: expect.stringContaining("not the same every time") }]);
  });
});
