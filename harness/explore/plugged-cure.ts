import { DMA_RMB, DMA_WMB, MB, type MemoryModel, OPERATION_NAMES, WMB } from "../../emulator/explore/kinds.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import { driverLine } from "./code-line.ts";
import { type Site as Operation, sitesOf as operationsOf, say } from "./cure.ts";
import { CureTrials } from "./cure-trials.ts";
import type { PluggedSession } from "./plugged-session.ts";

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
export function findPluggedCure(
  session: PluggedSession,
  model: MemoryModel,
  schedule: Schedule,
  foundAtRun: number,
): string | undefined {
  // In sequential consistency there is nothing that a barrier could put in order.
  if (model === "sc") return undefined;
  const trials = new CureTrials(session, model, foundAtRun);
  const sites = sitesOf(session, model, schedule);
  const operations = furtherOperations(session, model, schedule);
  for (const barrier of [DMA_WMB, DMA_RMB, WMB, MB]) {
    for (const site of sites) {
      if (!holds(session, trials, barrier, site)) continue;
      if (trials.failsInOrder()) return undefined;
      return `${OPERATION_NAMES[barrier]} before the ${OPERATION_NAMES[site.kind]} at ${site.line}`;
    }
    for (const operation of operations) {
      if (!holdsBefore(session, trials, barrier, operation)) continue;
      return trials.failsInOrder() ? undefined : say(session, barrier, operation);
    }
  }
  return undefined;
}

function holds(session: PluggedSession, trials: CureTrials, barrier: number, site: Site): boolean {
  const { cpu } = session.plugged;
  let isInserting = false;
  cpu.onAccess = (kind) => {
    if (isInserting || kind !== site.kind || driverLine() !== site.line) return;
    isInserting = true;
    try {
      cpu.access(barrier, 0, 0, 0, 0);
    } finally {
      // The run may end in it.
      isInserting = false;
    }
  };
  try {
    return trials.holds();
  } finally {
    cpu.onAccess = undefined;
  }
}

/** The same in front of an operation of a further CPU, whose lines nobody sees from here. */
function holdsBefore(session: PluggedSession, trials: CureTrials, barrier: number, operation: Operation): boolean {
  const { insertion } = session.execution;
  insertion.clear();
  insertion.add(operation.thread, operation.kind, operation.address, barrier);
  try {
    return trials.holds();
  } finally {
    insertion.clear();
  }
}

/** The operations of further CPUs in the failing run. */
function furtherOperations(session: PluggedSession, model: MemoryModel, schedule: Schedule): Operation[] {
  const { plugged, machine } = session;
  if (plugged.furtherCpus.vectors.length === 0) return [];
  const operations = operationsOf(session, model, schedule);
  return operations.filter(({ thread }) => machine.threads[thread]?.cpu !== plugged.cpu.index).reverse();
}

/** The lines that the failing run went through, those nearest to its end first: what is missing is rarely far from there. */
function sitesOf(session: PluggedSession, model: MemoryModel, schedule: Schedule): Site[] {
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
    session.replay(model, schedule);
  } finally {
    cpu.onAccess = undefined;
  }
  return [...sites.values()].reverse();
}
