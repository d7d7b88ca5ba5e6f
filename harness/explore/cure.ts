import {
  DMA_RMB,
  DMA_WMB,
  FIRST_ENTRY_SLOT,
  MB,
  type MemoryModel,
  OPERATION_NAMES,
  RMB,
  WC_WRITE,
  WMB,
} from "../../emulator/explore/kinds.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import { CureTrials } from "./cure-trials.ts";
import type { AnySession } from "./search-session.ts";
import { settled, type Work } from "./work.ts";

/** An operation that a CPU makes, wherever in its source. */
export interface Site {
  readonly thread: number;
  readonly kind: number;
  readonly address: number;
}

/**
 * The barrier that cures a failure, in words, or undefined when none does: every barrier is tried in front of every
 * operation that a CPU made in the failing run, then mb in front of two operations of two CPUs. Throws {@link CureNotSought} when the failure is too rare for that.
 */
export function* findCure(
  session: AnySession,
  model: MemoryModel,
  schedule: Schedule,
  foundAtRun: number,
): Work<string | undefined> {
  const sites = yield* sitesOf(session, model, schedule);
  // Where everything is in order already, a barrier only shifts who comes when.
  const isCombining = sites.some(({ kind }) => kind === WC_WRITE);
  if (model === "sc" && !isCombining) return undefined;
  const trials = yield* CureTrials.measured(session, model, foundAtRun);
  const cure = yield* firstCure(session, model, schedule, sites, trials);
  return cure !== undefined && !isCombining && (yield* trials.failsInOrder()) ? undefined : cure;
}

function* firstCure(
  session: AnySession,
  model: MemoryModel,
  schedule: Schedule,
  sites: readonly Site[],
  trials: CureTrials,
): Work<string | undefined> {
  const hasDevice = session.machine.devices.length > 0;
  const { insertion } = session.execution;
  function* holds(barrier: number, ...places: Site[]): Work<boolean> {
    insertion.clear();
    for (const { thread, kind, address } of places) insertion.add(thread, kind, address, barrier);
    return (yield* settled(session.replay(model, schedule))) === 0 && (yield* trials.holds());
  }
  try {
    // The weakest that is enough is what is missing.
    for (const barrier of hasDevice ? [DMA_WMB, DMA_RMB, WMB, MB] : [WMB, RMB, MB]) {
      for (const site of sites) if (yield* holds(barrier, site)) return say(session, barrier, site);
      for (const first of sites) {
        for (const second of sites) {
          if (first.thread >= second.thread) continue;
          if (!(yield* holds(barrier, first, second))) continue;
          return `${say(session, barrier, first)}, and ${say(session, barrier, second)}`;
        }
      }
    }
    return undefined;
  } finally {
    insertion.clear();
  }
}

/** A barrier in front of a place, in words. */
export function say(session: AnySession, barrier: number, { thread, kind, address }: Site): string {
  const { machine } = session;
  const where = address >= 0 ? ` of ${machine.nameOf(address)}` : "";
  return `${OPERATION_NAMES[barrier]} in ${machine.threads[thread]?.name} before the ${OPERATION_NAMES[kind]}${where}`;
}

/** The places in a CPU's program that the failing run went through. */
export function* sitesOf(session: AnySession, model: MemoryModel, schedule: Schedule): Work<Site[]> {
  const { execution, machine } = session;
  const { trace } = execution;
  trace.isOn = true;
  yield* settled(session.replay(model, schedule));
  trace.isOn = false;
  const sites = new Map<string, Site>();
  for (let at = 0; at < trace.count; at++) {
    const thread = trace.actor[at] as number;
    if (thread >= FIRST_ENTRY_SLOT || (machine.threads[thread]?.cpu ?? -1) < 0) continue;
    const site = { thread, kind: trace.kind[at] as number, address: trace.address[at] as number };
    sites.set(`${site.thread}.${site.kind}.${site.address}`, site);
  }
  // A failing run may stop short of the operation before which the barrier belongs; what is published counts too.
  for (let thread = 0; thread < machine.threads.length; thread++) {
    const kind = machine.state.kind[thread] as number;
    if (kind === 0 || (machine.threads[thread]?.cpu ?? -1) < 0) continue;
    const address = machine.state.address[thread] as number;
    sites.set(`${thread}.${kind}.${address}`, { thread, kind, address });
  }
  return [...sites.values()];
}
