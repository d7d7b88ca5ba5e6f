import { type Html, html } from "../html.ts";
import type { ReportContents } from "./report-contents.ts";
import type { TraceContents } from "./trace-contents.ts";

/** Where in a run one looks first, by the numbers of events that the page shows; absent where there is no such place. */
export interface Landmarks {
  /** The first that is marked to be at fault; where nothing is, the first broken rule. */
  readonly failure?: number;
  /** What it is called. */
  readonly failureName: string;
  /** The first that differs from the ordinary order. */
  readonly deviation?: number;
}

export function landmarksOf({ header, entries }: TraceContents): Landmarks {
  const events = entries.filter((entry) => entry.kind !== "lost");
  const shown = new Set(events.map(({ seq }) => seq));
  const firstOf = (seqs: readonly number[]): number | undefined =>
    seqs
      .filter((seq) => shown.has(seq))
      .reduce<number | undefined>((first, seq) => Math.min(first ?? seq, seq), undefined);
  const marks = header.picture?.marks ?? [];
  const marked = (kind: "fault" | "deviation"): number | undefined =>
    firstOf(marks.filter((mark) => mark.kind === kind).map(({ seq }) => seq));
  const broken = events.filter((entry) => entry.kind === "finding" && entry.severity === "violation");
  const fault = marked("fault");
  const failure = fault ?? firstOf(broken.map(({ seq }) => seq));
  const failureName = fault === undefined ? "the first broken rule" : "the failure";
  const deviation = marked("deviation");
  return {
    failureName,
    ...(failure === undefined ? {} : { failure }),
    ...(deviation === undefined ? {} : { deviation }),
  };
}

/** Links from the top of a page to them: a long run opens at its beginning. */
export function jumpLinks({ trace }: ReportContents): Html | undefined {
  if (trace === undefined) return undefined;
  const { failure, failureName, deviation } = landmarksOf(trace);
  const links = [
    failure !== undefined && html`<a href="#event-${failure}">Jump to ${failureName}</a>`,
    deviation !== undefined && html`<a href="#event-${deviation}">Jump to the first deviation</a>`,
  ].filter((link) => link !== false);
  return links.length === 0 ? undefined : html`<p class="jumps">${links}</p>`;
}
