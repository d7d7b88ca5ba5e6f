import type { Machine } from "../../emulator/explore/machine.ts";
import type { ExploredMachine } from "../../emulator/explore/plugged/explored-machine.ts";
import type { StepTrace } from "../../emulator/explore/trace.ts";
import { ExploredEdges, isEntry } from "./explored-edges.ts";
import { ExploredPlaces } from "./explored-places.ts";
import { ExploredSteps } from "./explored-steps.ts";
import type { TraceEdge, TraceEvent, TraceRecord } from "./trace-event.ts";
import { type ExploredRun, TRACE_VERSION, type TraceActor, type TraceEnd } from "./trace-header.ts";

/** Steps that the trace of a run may have. */
export const EXPLORED_STEPS_MAX: number = 1 << 18;

/** A run that has just ended, with its trace. */
export interface TracedRun {
  readonly machine: Machine;
  readonly trace: StepTrace;
  /** Of a driver with its devices alone. */
  readonly plugged: ExploredMachine | undefined;
  readonly run: ExploredRun;
  /** The line of the driver behind a step of an actor; empty where it is not known. */
  readonly lineOf: (actor: number, ordinal: number) => string;
  /** Why it failed, in words; empty for a run that did not. */
  readonly failure: string;
}

/** The trace of an explored run: an event for each step, in the order of the steps, which are their numbers. */
export function exploredRecords(traced: TracedRun): TraceRecord[] {
  const { machine, trace, plugged, run, lineOf, failure } = traced;
  const places = new ExploredPlaces(machine, plugged);
  const steps = new ExploredSteps(machine, trace, places);
  const edges = new ExploredEdges(machine, trace);
  const originNs = trace.count === 0 ? 0 : (trace.timeNs[0] as number);
  const records: TraceRecord[] = [
    {
      kind: "header",
      softbarTrace: TRACE_VERSION,
      run: "explored",
      title: run.program,
      clock: "virtual",
      originNs,
      devices: places.devices,
      actors: actorsOf(machine, steps),
      detail: { frameBytes: 0, dmaBytes: 0, memory: true },
      explored: run,
    },
  ];
  let timeNs = 0;
  for (let at = 0; at < trace.count; at++) {
    timeNs = Math.max(timeNs, (trace.timeNs[at] as number) - originNs);
    const after = edges.into(at, run.model !== "sc").map((edge) => asked(edge, records[edge.from + 1]));
    const line = isEntry(trace, at) ? "" : lineOf(trace.actor[at] as number, trace.ordinal[at] as number);
    const event: TraceEvent = steps.event(at, { seq: at, timeNs, actor: steps.actorOf(at) });
    records.push({ ...event, ...(after.length === 0 ? {} : { after }), ...(line === "" ? {} : { line }) });
  }
  const lostCount = trace.seenCount - trace.count;
  if (lostCount > 0) records.push({ kind: "lost", count: lostCount, timeNs });
  const reason = lostCount > 0 ? "limit" : failure === "" ? "complete" : "failed";
  const end: TraceEnd = { kind: "end", eventCount: trace.count, lostCount, reason, message: failure };
  records.push(end);
  return records;
}

/**
 * A card asks for memory within the step in which something reaches it: what comes back comes after that, and after no
 * event of its own as elsewhere.
 */
function asked(edge: TraceEdge, source: TraceRecord | undefined): TraceEdge {
  if (edge.why !== "completion" || source === undefined) return edge;
  if (source.kind === "dma-read" || source.kind === "register-read" || source.kind === "step") return edge;
  return { from: edge.from, why: source.kind === "register-write" && source.doorbell === true ? "doorbell" : "effect" };
}

/** All that there may be, and those that take a step. */
function actorsOf(machine: Machine, steps: ExploredSteps): TraceActor[] {
  const actors: TraceActor[] = machine.cpuNames.map((name, cpu) => ({ id: `cpu${cpu}`, kind: "cpu", name, cpu }));
  for (const [device, { name }] of machine.devices.entries())
    actors.push({ id: `device${device}`, kind: "device", name, device });
  for (const id of steps.actorIds()) {
    if (actors.some((actor) => actor.id === id)) continue;
    const [owner = "", part = ""] = id.split(".");
    const number = Number(owner.replace(/\D+/, ""));
    const name = actors.find((actor) => actor.id === owner)?.name ?? owner;
    if (part === "handler") actors.push({ id, kind: "handler", name: `handler of ${name}`, cpu: number });
    else if (part === "stores") actors.push({ id, kind: "store-buffer", name: `store buffer of ${name}`, cpu: number });
    else actors.push({ id, kind: "link", name: `link of ${name}`, device: number });
  }
  return actors;
}
