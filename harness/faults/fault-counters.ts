import type { FaultReport } from "./fault-injector.ts";
import { FAULT_KINDS, type FaultKind } from "./fault-kinds.ts";

/** How often a kind of fault that was asked for could have struck, and did. */
export interface FaultTally {
  readonly kind: FaultKind;
  readonly met: number;
  readonly struck: number;
}

/** In the statistics of a device: how often a fault has struck it; and, of kinds that were armed, could have. */
const struckCounter = (kind: FaultKind): string => `fault ${kind}`;
const metCounter = (kind: FaultKind): string => `fault ${kind} met`;

/** What statistics say of faults: those that have struck, and those that were armed. */
export function faultCounters({ counts }: FaultReport, armed: ReadonlySet<FaultKind>): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const kind of FAULT_KINDS) {
    const { met = 0, struck = 0 } = counts[kind] ?? {};
    if (struck > 0) counters[struckCounter(kind)] = struck;
    if (armed.has(kind)) counters[metCounter(kind)] = met;
  }
  return counters;
}

/** The same read back: of each kind that was armed; undefined where none was. */
export function faultTallies(counters: Readonly<Record<string, number>>): readonly FaultTally[] | undefined {
  const tallies = FAULT_KINDS.flatMap((kind) => {
    const met = counters[metCounter(kind)];
    return met === undefined ? [] : [{ kind, met, struck: counters[struckCounter(kind)] ?? 0 }];
  });
  return tallies.length === 0 ? undefined : tallies;
}
