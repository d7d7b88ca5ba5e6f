import { counted } from "../../cli/quantities.ts";
import type { TraceActor } from "../../trace/trace-header.ts";
import { type Html, html } from "../html.ts";
import { groupOf } from "./entry-groups.ts";
import { landmarksOf } from "./landmarks.ts";
import { packEntries } from "./packed-entries.ts";
import type { ReportContents } from "./report-contents.ts";
import type { Section } from "./section.ts";
import type { TraceContents } from "./trace-contents.ts";

/** What the filter calls the groups of entries, in the order in which it offers them. */
const GROUP_NAMES = [
  ["access", "register accesses", "●"],
  ["dma", "DMA", "■"],
  ["interrupt", "interrupts", "◆"],
  ["frame", "frames", "▶"],
  ["memory", "memory, barriers", "●"],
  ["wait", "waits", "●"],
  ["timer", "timers", "●"],
  ["ring", "ring pointers", "●"],
  ["finding", "findings", "✕"],
] as const;

/** A short list is as high as it is long, and a shorter one needs no overview. */
const SMALL_COUNT = 200;
const STRIP_FROM = 60;

/** A column of the interleaving; see browser/timeline-model.ts, which reads it. */
interface Lane {
  readonly name: string;
  readonly kind: "cpu" | "device";
  readonly actors: Record<string, string>;
}

/** Everything that happened, a column for each CPU and each device; the page's script fills it. */
export function timelineSection({ trace, explored }: ReportContents): Section | undefined {
  if (trace === undefined || trace.entries.length === 0) return undefined;
  const lanes = lanesOf(trace.actors);
  const run = trace.header.explored;
  const hasFailed =
    explored?.rerun === undefined
      ? explored !== undefined || (run !== undefined && run.verdict !== "passed")
      : explored.rerun.outcome === "failed";
  const setUpCount = trace.entries.reduce((sum, entry) => sum + ("setUp" in entry ? 1 : 0), 0);
  const shownCount = trace.entries.length - setUpCount;
  const isSmall = shownCount <= SMALL_COUNT;
  const heads = lanes.map(({ name, kind }) => html`<span class="lane ${kind}" role="presentation">${name}</span>`);
  const options = lanes.map(({ name }, lane) => html`<option value="${lane}">${name}</option>`);
  const groups = new Set(trace.entries.map(({ kind }) => groupOf(kind)));
  const picture = trace.header.picture;
  const hasFaults = groups.has("finding") || picture?.marks.some(({ kind }) => kind === "fault") === true;
  const boxes = GROUP_NAMES.filter(([group]) => groups.has(group)).map(
    ([group, name, mark]) =>
      html`<label class="check"><input type="checkbox" name="group" value="${group}" checked><span class="glyph ${group}" aria-hidden="true">${mark}</span>${name}</label>`,
  );
  const body = html`${notesOf(trace).map((note) => html`<p class="note">${note}</p>`)}<form class="tools" role="search" aria-label="Filter of the interleaving">
<label class="find"><span>Find</span><input type="search" id="event-text" autocomplete="off" spellcheck="false" placeholder="register, buffer, value, …"></label>
<label><span>Who</span><select id="event-lane"><option value="-1">everybody</option>${options}</select></label>
<div class="steps-buttons"${!hasFaults && html` hidden`}><button type="button" id="finding-previous" disabled>Previous finding</button><button type="button" id="finding-next" disabled>Next finding</button></div>
<fieldset><legend class="unseen">Kinds of events</legend>${boxes}${setUpCount > 0 && setUpBox(setUpCount)}</fieldset>
<output id="event-count" for="event-text event-lane">${counted(trace.entries.length, "event")}</output>
</form>
<canvas class="strip" aria-hidden="true"${shownCount <= STRIP_FROM && html` hidden`}></canvas>
<div class="split">
<div class="grid${isSmall ? " small" : ""}" role="grid" tabindex="0" aria-label="Events in their order; arrow keys move the selection" aria-readonly="true" aria-multiselectable="false" aria-colcount="4">
<div class="grid-head" role="row" aria-rowindex="1"><span role="columnheader" class="number">${picture === undefined ? "No." : "Line"}</span><span role="columnheader" class="time">Time, µs</span><span role="columnheader" class="who">Who</span><span role="columnheader" class="what"><span class="unseen">Event</span></span>${heads}</div>
<div class="grid-body" role="rowgroup"><svg aria-hidden="true"></svg></div>
<p class="nothing" hidden>No event fits the filter.</p>
</div>
<div class="details" role="region" aria-label="The selected event"><p class="hint">Choose an event: its fields, its bytes, what it comes after and what comes after it stand here.</p></div>
</div>
<noscript><p class="note">The interleaving is drawn by the page's script, which is not allowed to run here.</p></noscript>`;
  return { id: "interleaving", title: hasFailed ? "Counterexample" : "Interleaving", body };
}

/** What was done before the first decision is seldom what one looks for, and most of the trace. */
function setUpBox(count: number): Html {
  return html`<label class="check"><input type="checkbox" name="set-up">set-up, ${counted(count, "event")}</label>`;
}

/** What the script is given. */
export function timelineData({ trace }: ReportContents): Readonly<Record<string, unknown>> {
  if (trace === undefined || trace.entries.length === 0) return {};
  const { picture } = trace.header;
  const packed = packEntries(trace.entries);
  const { failure } = landmarksOf(trace);
  const landmark = failure === undefined ? {} : { failure };
  return {
    timeline: { lanes: lanesOf(trace.actors), packed, ...landmark, ...(picture === undefined ? {} : { picture }) },
  };
}

/** CPUs first, as who acts stands left of whom it acts on. */
function lanesOf(actors: readonly TraceActor[]): Lane[] {
  const lanes = new Map<string, Lane>();
  const add = (key: string, kind: Lane["kind"], actor: TraceActor): void => {
    const lane = lanes.get(key) ?? { name: actor.name, kind, actors: {} };
    lane.actors[actor.id] = actor.name;
    lanes.set(key, lane);
  };
  const isOfCpu = ({ kind }: TraceActor): boolean => kind === "cpu" || kind === "handler" || kind === "store-buffer";
  for (const actor of actors.filter(isOfCpu)) add(`cpu ${actor.cpu}`, "cpu", actor);
  for (const actor of actors.filter((each) => !isOfCpu(each))) add(`device ${actor.device}`, "device", actor);
  return [...lanes.values()];
}

/** What a reader must know before believing the picture. */
function notesOf({ header, entries, leftOutCount, lostCount: lost, end }: TraceContents): string[] {
  const shown = entries.length - entries.filter(({ kind }) => kind === "lost").length;
  return [
    header.filter === undefined ? "" : `The trace was filtered: ${header.filter}.`,
    leftOutCount > 0
      ? `These are the last ${counted(shown, "event")}; ${counted(leftOutCount, "earlier one")} would make the page too large.`
      : "",
    lost > 0
      ? `${counted(lost, "event")} got lost where the trace says so: they came faster than they were taken away.`
      : "",
    end === undefined ? "The trace has no end: it was cut, or its run is still going on." : "",
    end !== undefined && end.reason !== "complete" && header.explored === undefined
      ? `The trace ended early (${end.reason})${end.message === "" ? "" : `: ${end.message}`}.`
      : "",
  ].filter((note) => note !== "");
}
