import { describe, expect, test } from "vitest";
import { type EveryFaultOptions, type EveryFaultResult, everyFault } from "../../../harness/faults/every-fault.ts";
import { FAULT_KINDS } from "../../../harness/faults/fault-kinds.ts";
import type { FaultModule } from "../../../harness/faults/fault-module.ts";
import { hostile } from "../../../harness/faults/hostile/hostile.ts";
import exanicFaults from "../../../scenarios/faults/exanic-faults.ts";
import feedHandlerFaults from "../../../scenarios/faults/feed-handler-faults.ts";
import ixgbeFaults from "../../../scenarios/faults/ixgbe-faults.ts";

const SCENARIOS = [
  ["ixgbe", ixgbeFaults as FaultModule],
  ["feed-handler", feedHandlerFaults as FaultModule],
  ["exanic", exanicFaults as FaultModule],
] as const;

function through(module: FaultModule, options: Partial<EveryFaultOptions<unknown>> = {}): Promise<EveryFaultResult> {
  const { devices, body, ...scenario } = module;
  return everyFault(devices, { ...scenario, ...options }, body);
}

describe("the reference drivers recover, or give up with an error of their own", () => {
  test.for(SCENARIOS)("%s: at every site of every fault", { timeout: 60_000 }, async ([, module]) => {
    const { failures, visitedCount, siteCount, failurePathCount, isComplete, verdicts } = await through(module);
    expect(failures).toEqual([]);
    expect(isComplete).toBe(true);
    expect(visitedCount).toBe(siteCount + failurePathCount);
    expect(verdicts.recovered + verdicts["clean-error"]).toBe(visitedCount);
  });

  test("the feed handler's also when a write is lost, which hardware does not do", async () => {
    const { verdicts } = await through(feedHandlerFaults as FaultModule, { kinds: ["write-lost"] });
    expect(verdicts).toMatchObject({ hang: 0, outside: 0, "lost-buffer": 0 });
  });

  test.for(SCENARIOS)("%s: against a card that lies", async ([, module]) => {
    const { devices, body, ...scenario } = module;
    const { failures, lieCount } = await hostile(devices, { ...scenario, runs: 60, seed: 3 }, body);
    expect(failures).toEqual([]);
    expect(lieCount).toBeGreaterThan(0);
  });

  test("between them the three meet every kind of fault", async () => {
    const met = new Set<string>();
    for (const [, module] of SCENARIOS) {
      const { kinds } = await through(module, { kinds: FAULT_KINDS, siteLimit: 1 });
      for (const kind of Object.keys(kinds)) met.add(kind);
    }
    expect([...met].sort()).toEqual([...FAULT_KINDS].sort());
  });
});
