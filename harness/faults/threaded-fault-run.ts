import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { MachineOptions } from "../../emulator/run/machine.ts";
import type { RunLimit } from "../explore/run-limit.ts";
import { plugIn } from "../plug-in.ts";
import { FAULT_KINDS } from "./fault-kinds.ts";
import type { LateWatch } from "./late-watch.ts";
import { MemoryGuard } from "./memory-guard.ts";
import { RunWaits } from "./run-waits.ts";
import { type FaultOutcome, type FaultScenario, isDeceit, type PlacedSite, ScenarioRun } from "./scenario-run.ts";

interface ThreadedRunOptions {
  readonly wallLimit: RunLimit;
  readonly watch?: LateWatch | undefined;
  readonly machine?: MachineOptions | undefined;
}

/**
 * One run of a scenario with its devices in a thread of their own, the driver on this one. What is met there is counted and has
 * no description, and need not be met a second time: polls come as they like. Then nothing has struck. A driver is stopped by the wall clock alone.
 */
export async function runThreaded<Context>(
  specs: readonly DeviceSpec[],
  scenario: FaultScenario<Context>,
  chain: readonly PlacedSite[],
  options: ThreadedRunOptions,
  onSite: (site: PlacedSite) => void,
): Promise<FaultOutcome> {
  const faults = chain.map(({ kind, nth, device }) => ({ kind, nth, device }));
  await using bed = await plugIn(specs, { ...options.machine, faults });
  // Time passes by itself. A handler runs where its CPU relaxes, which one whose code awaits never does.
  const meanwhile = { attend: () => bed.pci.cpu.relax(), goOn: () => false, advice: "" };
  const waits = new RunWaits(options.wallLimit.limitMs, meanwhile, options.watch);
  const run = new ScenarioRun(scenario, bed, new MemoryGuard(), options.wallLimit, waits);
  await run.toItsEnd();
  let struckCount = 0;
  for (const device of specs.keys()) {
    const { counts, struck } = await bed.faults.report(device);
    struckCount += struck.length;
    for (const kind of FAULT_KINDS)
      for (let nth = 1; nth <= (counts[kind]?.met ?? 0); nth++) onSite({ kind, nth, device, where: "" });
  }
  // What was not met is told as such.
  await bed.faults.disarm();
  run.judgeRules(chain);
  const { verdict, detail } = run.outcome;
  return {
    verdict: verdict === "wrong-result" && isDeceit(chain) ? "deceived" : verdict,
    detail,
    hasStruck: struckCount >= chain.length,
    steps: 0,
    findings: chain.length === 0 ? [...bed.violations, ...bed.notes] : [],
  };
}
