import { DMA_RMB, DMA_WMB, MB, type MemoryModel, OPERATION_NAMES, WMB } from "../../emulator/explore/kinds.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import { driverLine } from "./code-line.ts";
import { type Site as Operation, sitesOf as operationsOf, say } from "./cure.ts";
import { CureTrials } from "./cure-trials.ts";
import type { DriverSession } from "./driver-session.ts";
import { settled, type Work } from "./work.ts";

/** A place in the driver's source at which it accesses memory or the device. */
interface Site {
  readonly line: string;
  readonly kind: number;
}

/**
 * The barrier that cures a failure of a driver, in words, or undefined when none does. Every barrier is tried in front of
 * every line of the driver that the failing run went through, each in a search of its own: one that only happens to
 * change the order of one run is not a cure. Throws {@link CureNotSought} when the failure is too rare for that.
 */
export function* findPluggedCure(
  session: DriverSession,
  model: MemoryModel,
  schedule: Schedule,
  foundAtRun: number,
): Work<string | undefined> {
  // In sequential consistency there is nothing that a barrier could put in order.
  if (model === "sc") return undefined;
  const trials = yield* CureTrials.measured(session, model, foundAtRun);
  const sites = yield* sitesOf(session, model, schedule);
  const operations = yield* furtherOperations(session, model, schedule);
  for (const barrier of [DMA_WMB, DMA_RMB, WMB, MB]) {
    for (const site of sites) {
      if (!(yield* holds(session, trials, barrier, site))) continue;
      if (yield* trials.failsInOrder()) return undefined;
      return `${OPERATION_NAMES[barrier]} before the ${OPERATION_NAMES[site.kind]} at ${site.line}`;
    }
    for (const operation of operations) {
      if (!(yield* holdsBefore(session, trials, barrier, operation))) continue;
      return (yield* trials.failsInOrder()) ? undefined : say(session, barrier, operation);
    }
  }
  return undefined;
}

function* holds(session: DriverSession, trials: CureTrials, barrier: number, site: Site): Work<boolean> {
  const { cpu } = session.plugged;
  const { races } = session.machine.state;
  let isInserting = false;
  cpu.onAccess = (kind) => {
    if (isInserting || kind !== site.kind || driverLine() !== site.line) return;
    isInserting = true;
    if (races !== undefined) races.isTrying = true;
    try {
      cpu.access(barrier, 0, 0, 0, 0);
    } finally {
      // The run may end in it.
      isInserting = false;
      if (races !== undefined) races.isTrying = false;
    }
  };
  try {
    return yield* trials.holds();
  } finally {
    cpu.onAccess = undefined;
  }
}

/** The same in front of an operation of a further CPU, whose lines nobody sees from here. */
function* holdsBefore(
  session: DriverSession,
  trials: CureTrials,
  barrier: number,
  operation: Operation,
): Work<boolean> {
  const { insertion } = session.execution;
  insertion.clear();
  insertion.add(operation.thread, operation.kind, operation.address, barrier);
  try {
    return yield* trials.holds();
  } finally {
    insertion.clear();
  }
}

/** The operations of further CPUs in the failing run. */
function* furtherOperations(session: DriverSession, model: MemoryModel, schedule: Schedule): Work<Operation[]> {
  const { plugged, machine } = session;
  if (plugged.furtherCpus.vectors.length === 0) return [];
  const operations = yield* operationsOf(session, model, schedule);
  return operations.filter(({ thread }) => machine.threads[thread]?.cpu !== plugged.cpu.index).reverse();
}

/** The lines that the failing run went through, those nearest to its end first: what is missing is rarely far from there. */
function* sitesOf(session: DriverSession, model: MemoryModel, schedule: Schedule): Work<Site[]> {
  const sites = new Map<string, Site>();
  const { cpu } = session.plugged;
  cpu.onAccess = (kind) => {
    const line = driverLine();
    const key = `${kind} ${line}`;
    if (line === "") return;
    sites.delete(key);
    sites.set(key, { line, kind });
  };
  try {
    yield* settled(session.replay(model, schedule));
  } finally {
    cpu.onAccess = undefined;
  }
  return [...sites.values()].reverse();
}
