import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { LoadedDevice, MachineOptions } from "../../emulator/run/machine.ts";
import { AsyncRun } from "../explore/async-run.ts";
import { type RunLimit, RunLimitError } from "../explore/run-limit.ts";
import { FaultBed } from "./fault-bed.ts";
import { FaultInjector } from "./fault-injector.ts";
import { LimitedLink, type RunLimits, StepAccount } from "./fault-limits.ts";
import { wrapDevice } from "./faulty.device.ts";
import { faultyFunction } from "./faulty-function.ts";
import type { LateWatch } from "./late-watch.ts";
import { MemoryGuard } from "./memory-guard.ts";
import { RunWaits } from "./run-waits.ts";
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
  /** For those behind an `await`. */
  readonly watch?: LateWatch | undefined;
  /** Whether the driver's timers and clocks are virtual: see {@link isAsyncScenario}. */
  readonly isAsync: boolean;
  readonly machine?: MachineOptions | undefined;
  /** The first of its scenario: a card that never comes to be is a hang. Those after it are spared the cost of looking. */
  readonly isFirst?: boolean;
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
  const { wallLimit, watch } = options;
  const plugIn = (): FaultBed =>
    new FaultBed(
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
  const bed = options.isFirst === true ? inTime(wallLimit, plugIn) : plugIn();
  if (bed === undefined) return NEVER_PLUGGED_IN;
  const tasks = options.isAsync ? new AsyncRun(bed.waits, virtualClock(bed), false) : undefined;
  const waits = new RunWaits(wallLimit.limitMs, bed, watch, tasks);
  const run = new ScenarioRun(scenario, bed, guard, wallLimit, waits);
  await (tasks?.during(
    () => run.toItsEnd(),
    (work) => work(),
  ) ?? run.toItsEnd());
  const { steps } = account;
  account.close();
  if (options.isDeceived !== true) run.judgeRules(chain);
  const struckCount = injectors.reduce((sum, faults) => sum + faults.report().struck.length, 0);
  const isDeceived = run.outcome.verdict === "wrong-result" && (options.isDeceived === true || isDeceit(chain));
  return {
    verdict: isDeceived ? "deceived" : run.outcome.verdict,
    detail: run.outcome.detail,
    hasStruck: struckCount >= chain.length,
    steps,
    findings: chain.length === 0 ? [...bed.violations, ...bed.notes] : [],
  };
}

const NEVER_PLUGGED_IN: FaultOutcome = {
  verdict: "hang",
  detail: "the devices are at no end of being made: one of them loops in its constructor, or at power-on",
  hasStruck: false,
  steps: 0,
  findings: [],
};

/** Undefined when it takes longer than a run may. */
function inTime<Made>(limit: RunLimit, make: () => Made): Made | undefined {
  let made: Made | undefined;
  try {
    limit.guard(() => {
      made = make();
    });
  } catch (error) {
    if (!(error instanceof RunLimitError)) throw error;
  }
  return made;
}

/** Whoever is of an earlier run is stopped by its own account. */
function virtualClock({ pci: { cpu } }: FaultBed): { nowNs(): number; admit: undefined } {
  return { nowNs: () => cpu.nowNs(), admit: undefined };
}
