import type { Finding } from "../../../emulator/run/findings.ts";
import { counted, durationText, grouped } from "../../cli/quantities.ts";
import type { FindingEvent } from "../../trace/trace-event.ts";
import { type Html, html } from "../html.ts";
import type { ReportContents } from "./report-contents.ts";
import { eventLink, numeric, type Section, table } from "./section.ts";
import type { TraceContents } from "./trace-contents.ts";

/** What the test itself says, and no device. */
const ASSERTION = "assertion";

/** A finding from wherever it was found. */
interface Row {
  readonly kind: Finding["kind"];
  readonly rule: string;
  readonly device: string;
  readonly place: string;
  readonly message: string;
  readonly count: number | undefined;
  readonly timeNs: number;
  readonly line: string | undefined;
  /** Its event, where the report has one. */
  readonly seq: number | undefined;
}

/** Broken rules and remarks, the broken rules first, with the line of the driver and the event in the interleaving. */
export function findingsSection(contents: ReportContents): Section | undefined {
  const rows = rowsOf(contents);
  if (contents.replay === undefined && rows.length === 0) return undefined;
  const violations = rows.filter(({ kind }) => kind === "violation");
  const notes = rows.filter(({ kind }) => kind === "note");
  const body =
    rows.length === 0
      ? html`<p>No rule was broken, and nothing was touched that is not modelled.</p>`
      : html`<p>${leadOf(violations, notes)}</p>
${findingTable([...violations, ...notes], contents.trace)}`;
  return { id: "findings", title: "Violations", body };
}

function leadOf(violations: readonly Row[], notes: readonly Row[]): string {
  const remarks = notes.length > 0 ? `, ${counted(notes.length, "remark")}` : "";
  const asserted = violations.filter(({ rule }) => rule === ASSERTION).length;
  if (asserted === 0)
    return `${counted(violations.length, "rule")} broken${remarks}. The run went on as the hardware would.`;
  const broken = violations.length - asserted;
  const beside = broken === 0 ? "" : `, and ${counted(broken, "rule")} was broken`;
  return `What the test asserts did not hold${beside}${remarks}.`;
}

function findingTable(rows: readonly Row[], trace: TraceContents | undefined): Html {
  const hasLines = rows.some(({ line }) => line !== undefined);
  const hasCounts = rows.some(({ count }) => count !== undefined);
  const hasEvents = rows.some(({ seq }) => seq !== undefined);
  const columns = [
    "What",
    "Rule",
    "Where",
    ...(hasLines ? ["Driver"] : []),
    ...(hasCounts ? [numeric("Times")] : []),
    numeric("First at"),
    ...(hasEvents ? [numeric("Event")] : []),
  ];
  return table(
    "Broken rules and remarks",
    columns,
    rows.map(({ kind, rule, device, place, message, count, timeNs, line, seq }) => [
      html`<span class="finding-text"><span class="verdict ${kind === "violation" ? "bad" : "mild"}">${kind === "violation" ? "✗ violation" : "note"}</span> ${message}</span>`,
      html`<code>${rule}</code>`,
      place === "" ? device : html`${device}<br><code>${place}</code>`,
      ...(hasLines ? [html`<code>${line ?? ""}</code>`] : []),
      ...(hasCounts ? [count === undefined ? "" : grouped(count)] : []),
      durationText(timeNs),
      ...(hasEvents ? [seq === undefined ? "" : eventLink(seq, trace)] : []),
    ]),
    "cards",
  );
}

/** A replay counts repetitions; a trace has places in the order of events. Where both are, each finding is told once. */
function rowsOf({ replay, trace }: ReportContents): Row[] {
  const events = new Map<string, FindingEvent>();
  const rows: Row[] = [];
  for (const event of trace?.findings ?? []) {
    const key = `${event.rule}\n${event.message}`;
    if (!events.has(key)) events.set(key, event);
  }
  for (const finding of [...(replay?.violations ?? []), ...(replay?.notes ?? [])]) {
    const key = `${finding.rule}\n${finding.message}`;
    const event = events.get(key);
    events.delete(key);
    const { line } = finding as Finding & { readonly line?: string };
    rows.push({ ...finding, timeNs: finding.atNs, line: line ?? event?.line, seq: event?.seq });
  }
  for (const { severity: kind, rule, message, device, timeNs, line, seq } of events.values()) {
    const name = device === undefined ? "test" : (trace?.header.devices[device]?.name ?? `device ${device}`);
    rows.push({ kind, rule, device: name, place: "", message, count: undefined, timeNs, line, seq });
  }
  return rows;
}
