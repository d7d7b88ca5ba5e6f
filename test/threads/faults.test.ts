import assert from "node:assert/strict";
import { afterAll, expect, test } from "vitest";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { type EveryFaultResult, everyFault } from "../../harness/faults/every-fault.ts";
import { frames } from "../../harness/frames.ts";
import { plugIn } from "../../harness/plug-in.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import * as reg from "../../scenarios/drivers/ixgbe-registers.ts";
import { ROUNDS, toy } from "../unit/faults/fixtures/toy-device.ts";
import { type Bug, ToyDriver } from "../unit/faults/toy-driver.ts";
import { CommandProcess, type Run, start } from "./command-line.ts";

const commands = new CommandProcess();
afterAll(() => commands.close());
const softbar = (...words: string[]): Promise<Run> => commands.run(words);

test("faults of a card in its own thread are armed over the control plane while it runs", async () => {
  const FRAMES = frames(4, { maxByteLength: 64 });
  await using bed = await plugIn(ixgbe({ linkUpNs: 0 }), { faults: [{ kind: "dma-alloc-failed", nth: 2 }] });
  const options = { promiscuous: true, ringSize: 16 } as const;
  expect(() => IxgbeDriver.probe(bed.pci, options)).toThrow("fault dma-alloc-failed");
  expect(bed.pci.dma.mappingCount).toBe(0);
  const driver = IxgbeDriver.probe(bed.pci, options);
  await bed.faults.arm({ kind: "frame-lost", nth: [2, 3] });
  for (const frame of FRAMES) bed.wire.send(frame);
  await bed.quiesce();
  expect([driver.receive(), driver.receive(), driver.receive()]).toEqual([FRAMES[0], FRAMES[3], undefined]);
  await bed.faults.disarm();
  await bed.faults.arm({ kind: "removal", probability: 1, where: "the read of STATUS", limit: 1 });
  expect(bed.pci.bar(0).read32(reg.STATUS)).toBe(0xffff_ffff);
  expect(bed.pci.config.read16(0)).toBe(0xffff);
  expect(() => driver.close()).toThrow("the card is gone from the bus");
  const { struck, counts } = await bed.faults.report();
  expect(struck.map(({ kind, where }) => [kind, where])).toEqual([
    ["frame-lost", "a frame into port 0"],
    ["frame-lost", "a frame into port 0"],
    ["removal", "the read of STATUS"],
    ["dma-alloc-failed", "rx ring 0"],
  ]);
  expect(counts["frame-lost"]).toEqual({ met: 4, struck: 2 });
  const [card] = await bed.statistics();
  expect(card?.counters).toMatchObject({ faultFramesLost: 2, "fault frame-lost": 2, "fault removal": 1 });
  await expect(bed.faults.arm({ kind: "removal" })).rejects.toThrow("say when");
  expect(bed.violations).toEqual([]);
});

test("softbar faults puts a driver through them and says how it fared, in words and as JSON", async () => {
  // It takes its time to be told, and no more: beside the others.
  const silent = softbar("faults", "test/threads/fixtures/never-loaded.ts", "--hang", "5");
  const scenario = "scenarios/faults/feed-handler-faults.ts";
  const good = await softbar(
    "faults",
    scenario,
    "--kinds",
    "interrupt-lost,dma-alloc-failed,interrupts-fewer",
    "--json",
  );
  expect(good.code).toBe(0);
  const result = JSON.parse(good.stdout) as { visitedCount: number; failures: unknown[]; scenario: string };
  expect(result).toMatchObject({ scenario, visitedCount: 3, siteCount: 3, failures: [], isComplete: true });
  const traffic = "scenarios/explorations/ixgbe-traffic.ts";
  const wrong = await softbar("faults", traffic, "--only", "frame-lost#3,frame-runt#1");
  expect(wrong.code).toBe(1);
  // The body's own check, although it throws a plain Error.
  expect(wrong.stdout).toContain("✗ frame-runt#1 (a frame into port 0): wrong-result\n  frame 0 arrived damaged");
  const bad = await softbar("faults", traffic, "--only", "frame-lost#3,frame-bad-fcs#3");
  expect(bad.code).toBe(3);
  expect(bad.stdout).toContain("✗ frame-lost#3 (a frame into port 0): hang");
  expect(bad.stdout).toContain(
    'One again: npm run softbar -- faults scenarios/explorations/ixgbe-traffic.ts --only "frame-',
  );
  const hostile = await softbar("faults", scenario, "--hostile", "20", "--seed", "3");
  expect(hostile).toMatchObject({ code: 0, stderr: "" });
  expect(hostile.stdout).toMatch(/✓ was not deceived into harm\n20 runs with seed 3, \d+ lies told/);
  const tasks = await softbar("faults", "scenarios/explorations/edu-tasks.ts", "--kinds", "interrupt-late");
  expect(tasks).toMatchObject({ code: 0, stderr: "" });
  expect(tasks.stdout).toContain("✓ recovered or gave up cleanly everywhere\n2 of 2 fault sites visited");
  const { code, stderr } = await silent;
  expect(code).toBe(2);
  expect(stderr).toContain("never-loaded.ts was not loaded within 5 s: it loops, or awaits in vain");
});

test("a task that is left over, and comes back to its card when all is told, does not end the process", async () => {
  const { run } = start(["faults", "test/threads/fixtures/left-over-task.ts", "--kinds", "interrupt-late"]);
  const { code, stdout, stderr } = await run;
  expect(stdout).toContain("✓ recovered or gave up cleanly everywhere");
  // One of each of the two runs.
  expect([code, stderr]).toEqual([0, "late\nlate\n"]);
});

test("replay --fault loses what it is told to, accounts for it, and says what struck; who lost nothing has passed", async () => {
  const words = ["replay", "--frames", "600", "--clock", "virtual", "--fault", "frame-lost#5;interrupt-lost#1"];
  const run = await softbar(...words, "--json");
  const report = JSON.parse(run.stdout) as {
    drops: { about: string; count: number }[];
    balance: { lostInCard: number };
    faults: unknown;
  };
  expect(run.code).toBe(0);
  expect(report.drops.find(({ about }) => about === "lost to a fault")?.count).toBe(1);
  expect(report.balance.lostInCard).toBe(0);
  expect(report.faults).toEqual([
    { kind: "interrupt-lost", met: 0, struck: 0 },
    { kind: "frame-lost", met: 600, struck: 1 },
  ]);
  const { stdout } = await softbar(...words);
  expect(stdout).toContain("frame-lost struck 1 time, and could have 600");
  expect(stdout).toContain("interrupt-lost never struck: the replay came to 0 places for it");
});

test("what makes no sense is said in one sentence", async () => {
  for (const [words, reason] of [
    [["faults", "no-such.ts"], 'There is no file "no-such.ts"'],
    [["faults", "scenarios/faults/exanic-faults.ts", "--kinds", "meteor"], '--kinds: there is no fault "meteor"'],
    [["replay", "--fault", "meteor=1"], '--fault: fault "meteor=1": want KIND#N or KIND=PROBABILITY'],
    [["replay", "--fault", "dma-alloc-failed#1"], "--fault: fault dma-alloc-failed: it is the kernel's"],
    [
      ["faults", "scenarios/faults/exanic-faults.ts", "--kinds", "fetch-stall"],
      "nothing is tested: the run comes to no",
    ],
  ] as const) {
    const { code, stderr } = await softbar(...words);
    expect(code).toBe(2);
    expect(stderr).toContain(reason);
  }
});

test("every fault of a few kinds, with the card in its own thread", async () => {
  const options = { run: "threaded", kinds: ["interrupt-lost", "dma-read-error", "dma-alloc-failed"] } as const;
  const through = (bug?: Bug): Promise<EveryFaultResult> =>
    everyFault(
      toy(),
      {
        ...options,
        setup: (bed) => new ToyDriver(bed.pci, bug, 500),
        teardown: (driver) => driver.close(),
        runLimitMs: 2000,
      },
      (_bed, driver) => assert.equal(driver.ask(1), 2),
    );
  const { sites, failures } = await through();
  expect(failures).toEqual([]);
  expect(sites.map(({ name, verdict }) => [name, verdict])).toEqual([
    ["interrupt-lost#1", "recovered"],
    ["dma-read-error#1", "clean-error"],
    ["dma-alloc-failed#1", "clean-error"],
    ["dma-alloc-failed#2", "clean-error"],
  ]);
  expect((await through("waits-for-ever")).failures).toMatchObject([{ name: "dma-read-error#1", verdict: "hang" }]);
});

test("a fault that was not met on threads is no recovery", async () => {
  const reading = async (counts: readonly number[]): Promise<EveryFaultResult> => {
    let run = 0;
    return everyFault(toy(), { run: "threaded", kinds: ["read-error"] }, (bed) => {
      for (let left = counts[run++] ?? 0; left > 0; left--) bed.pci.bar(0).read32(ROUNDS);
    });
  };
  const result = await reading([2, 1, 1]);
  expect(result).toMatchObject({ siteCount: 2, visitedCount: 1, isComplete: false, failures: [] });
  expect(result.sites.map(({ verdict }) => verdict)).toEqual(["recovered", "not-met"]);
  await expect(reading([1])).rejects.toThrow("nothing is tested: in 1 runs none came to its fault");
});
