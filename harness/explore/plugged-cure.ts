import {
  DMA_RMB,
  DMA_WMB,
  MB,
  MEMORY_MODELS,
  type MemoryModel,
  OPERATION_NAMES,
} from "../../emulator/explore/kinds.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import { PartialOrderSampling } from "../../emulator/explore/strategies/pos.ts";
import { isFailure } from "../../emulator/explore/verdict.ts";
import { deriveSeed } from "../../emulator/run/rng.ts";
import { driverLine } from "./code-line.ts";
import type { PluggedSession } from "./plugged-session.ts";

/** A cure has to hold in so many times the runs that the search needed to find the failure, and in this many at least. */
const RUNS_PER_FIND = 30;
const TRIAL_RUNS_MIN = 300;
const TRIAL_RUNS_MAX = 3000;

/** A place in the driver's source at which it accesses memory or the device. */
interface Site {
  readonly line: string;
  readonly kind: number;
}

/**
 * The barrier that cures a failure of a driver, in words, or undefined when none does. Every barrier is tried in front of
 * every line of the driver that the failing run went through, each in a search of its own: one that only happens to
 * change the order of one run is not a cure.
 */
export function findPluggedCure(
  session: PluggedSession,
  model: MemoryModel,
  schedule: Schedule,
  foundAtRun: number,
): string | undefined {
  // In sequential consistency there is nothing that a barrier could put in order.
  if (model === "sc") return undefined;
  const runs = Math.min(TRIAL_RUNS_MAX, Math.max(TRIAL_RUNS_MIN, foundAtRun * RUNS_PER_FIND));
  const sites = sitesOf(session, model, schedule);
  for (const barrier of [DMA_WMB, DMA_RMB, MB]) {
    for (const site of sites) {
      if (!holds(session, model, barrier, site, runs)) continue;
      return `${OPERATION_NAMES[barrier]} before the ${OPERATION_NAMES[site.kind]} at ${site.line}`;
    }
  }
  return undefined;
}

function holds(session: PluggedSession, model: MemoryModel, barrier: number, site: Site, runs: number): boolean {
  const { cpu } = session.plugged;
  const strategy = new PartialOrderSampling();
  let isInserting = false;
  cpu.onAccess = (kind) => {
    if (isInserting || kind !== site.kind || driverLine() !== site.line) return;
    isInserting = true;
    cpu.access(barrier, 0, 0, 0, 0);
    isInserting = false;
  };
  try {
    for (let run = 0; run < runs; run++) {
      isInserting = false;
      if (isFailure(session.run(strategy, MEMORY_MODELS.indexOf(model), deriveSeed(1, run)))) return false;
    }
    return true;
  } finally {
    cpu.onAccess = undefined;
  }
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
