import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { LoadedDevice, MachineOptions } from "../../emulator/run/machine.ts";
import type { RunLimit } from "../explore/run-limit.ts";
import { FaultBed } from "./fault-bed.ts";
import { FaultInjector } from "./fault-injector.ts";
import { LimitedLink, type RunLimits, StepAccount } from "./fault-limits.ts";
import { wrapDevice } from "./faulty.device.ts";
import { faultyFunction } from "./faulty-function.ts";
import { MemoryGuard } from "./memory-guard.ts";
import { type FaultOutcome, type FaultScenario, isDeceit, type PlacedSite, ScenarioRun } from "./scenario-run.ts";

/** A whole number of bytes that a driver with small rings gets by with; each run has memory of its own. */
const MACHINE: MachineOptions = {
  hostMemoryBytes: 1 << 22,
  wireQueueBytes: 1 << 17,
  iommu: { windowBytes: 1 << 25, mappingCount: 256 },
};
/** How a run is made. */
export interface RunOptions {
  readonly limits: RunLimits;
  /** For loops that access nothing. */
  readonly wallLimit: RunLimit;
  readonly machine?: MachineOptions | undefined;
  /** Gets between the driver and each function, above everything else. */
  readonly around?: (pci: PciFunction) => PciFunction;
  /** Called before each access and wait of the driver. */
  readonly onStep?: () => void;
  /** The card lies: what the driver then does to rules is no failure, and a wrong result is none of its own. */
  readonly isDeceived?: boolean;
}

/** One run of a scenario in virtual time, with the faults of a chain armed; the same every time. */
export async function runWithFaults<Context>(
  devices: readonly LoadedDevice[],
  scenario: FaultScenario<Context>,
  chain: readonly PlacedSite[],
  options: RunOptions,
  onSite: ((site: PlacedSite) => void) | undefined,
): Promise<FaultOutcome> {
  const injectors = devices.map((_, device) => {
    const faults = new FaultInjector();
    faults.arm(chain.filter((site) => site.device === device).map(({ kind, nth }) => ({ kind, nth })));
    if (onSite !== undefined) faults.onSite = (site) => onSite({ ...site, device });
    return faults;
  });
  const account = new StepAccount(options.limits, options.onStep);
  const guard = new MemoryGuard();
  const bed = new FaultBed(
    devices.map((device, index) => wrapDevice(device, { rules: [], seed: 1, injector: injectors[index] })),
    { ...MACHINE, ...options.machine },
    {
      link: (link) => new LimitedLink(link, account),
      kernel: {
        kernels: injectors,
        around: (pci, index) => {
          const guarded = guard.around(faultyFunction(pci, injectors[index] as FaultInjector));
          return options.around?.(guarded) ?? guarded;
        },
      },
    },
  );
  const run = new ScenarioRun(scenario, bed, guard, options.wallLimit);
  await run.toItsEnd();
  if (options.isDeceived !== true) run.judgeRules(chain);
  const struckCount = injectors.reduce((sum, faults) => sum + faults.report().struck.length, 0);
  const isDeceived = run.outcome.verdict === "wrong-result" && (options.isDeceived === true || isDeceit(chain));
  return {
    verdict: isDeceived ? "deceived" : run.outcome.verdict,
    detail: run.outcome.detail,
    hasStruck: struckCount >= chain.length,
    steps: account.steps,
    findings: chain.length === 0 ? [...bed.violations, ...bed.notes] : [],
  };
}
