import type { Machine } from "../../emulator/explore/machine.ts";
import type { ExploredMachine } from "../../emulator/explore/plugged/explored-machine.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import type { StepTrace } from "../../emulator/explore/trace.ts";
import type { DrawnRow } from "../explore/picture.ts";
import { ExploredEvents } from "./explored-events.ts";
import { endingOf } from "./explored-failure.ts";
import { ExploredPlaces } from "./explored-places.ts";
import type { ExploredTracing } from "./explored-tracing.ts";
import type { TraceEvent, TraceRecord } from "./trace-event.ts";
import {
  type ExploredRun,
  TRACE_VERSION,
  type TraceActor,
  type TraceDetail,
  type TracedDevice,
  type TraceEnd,
} from "./trace-header.ts";
import { wiresOf } from "./trace-recorder.ts";

/** Steps that the trace of a run may have. */
export const EXPLORED_STEPS_MAX: number = 1 << 18;

/** What the steps themselves hold: words, and no frames. */
const STEP_DETAIL: TraceDetail = { frameBytes: 0, dmaBytes: 8, memory: true };

/** A run that has just ended, with its trace. */
export interface TracedRun {
  readonly machine: Machine;
  readonly trace: StepTrace;
  /** Of a driver with its devices alone. */
  readonly plugged: ExploredMachine | undefined;
  /** Who stood around devices and driver in that run. */
  readonly tracing: ExploredTracing | undefined;
  readonly run: ExploredRun;
  /** The line of the driver behind a step of an actor; empty where it is not known. */
  readonly lineOf: (actor: number, ordinal: number) => string;
  /** Why it failed, in words; empty for a run that did not. */
  readonly failure: string;
  /** The lines of its picture. */
  readonly rows: readonly DrawnRow[];
  /** Where it differs from the ordinary order. */
  readonly schedule: Schedule;
}

/** The trace of an explored run: its set-up, then an event for each step, in their order, with what was noted within it. */
export function exploredRecords(traced: TracedRun): TraceRecord[] {
  const { machine, trace, plugged, tracing, run, failure } = traced;
  const places = new ExploredPlaces(machine, plugged);
  const events = new ExploredEvents(traced, places, tracing?.notes ?? []);
  const steps = events.all();
  const ending = endingOf(traced, events, steps);
  const all = [...steps, ...ending.events];
  const timeNs = all.at(-1)?.timeNs ?? 0;
  const lostCount = trace.seenCount - trace.count + (tracing?.lostCount ?? 0);
  const reason = lostCount > 0 ? "limit" : failure === "" ? "complete" : "failed";
  const end: TraceEnd = { kind: "end", eventCount: all.length, lostCount, reason, message: failure };
  return [
    {
      kind: "header",
      softbarTrace: TRACE_VERSION,
      run: "explored",
      title: run.program,
      clock: "virtual",
      originNs: events.originNs,
      devices: places.devices,
      actors: actorsOf(machine, places.devices, all),
      detail: tracing?.detail ?? STEP_DETAIL,
      explored: run,
      picture: ending.picture,
    },
    ...all,
    ...(lostCount > 0 ? [{ kind: "lost", count: lostCount, timeNs } as const] : []),
    end,
  ];
}

/** All that there may be, and those that do something. */
function actorsOf(machine: Machine, devices: readonly TracedDevice[], events: readonly TraceEvent[]): TraceActor[] {
  const actors: TraceActor[] = machine.cpuNames.map((name, cpu) => ({ id: `cpu${cpu}`, kind: "cpu", name, cpu }));
  for (const [device, { name }] of machine.devices.entries())
    actors.push(
      { id: `device${device}`, kind: "device", name, device },
      ...wiresOf(devices[device] ?? { name, wirePortCount: 0 }, device),
    );
  for (const id of new Set(events.map(({ actor }) => actor))) {
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
