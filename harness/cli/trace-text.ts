import type { ConvertReport } from "../trace/convert-trace.ts";
import type { TraceInfo } from "../trace/trace-info.ts";
import { COMMAND } from "./own-name.ts";
import { counted, durationText, grouped, type painter } from "./terminal.ts";
import type { RecordReport } from "./trace-record.ts";

type Paint = ReturnType<typeof painter>;

const LABEL_WIDTH = 10;
const ROW_LIMIT = 12;

/** What is in a trace, for people. */
export function traceInfoText(info: TraceInfo, paint: Paint): string {
  const { header, eventCount, lostCount, edgeCount, kinds, actors, edges, registers, end, damage } = info;
  const names = new Map(header.actors.map(({ id, name }) => [id, name]));
  const rows: [string, string][] = [
    ["run", [header.run, `${header.clock} clock`, header.title].join(", ")],
    ["devices", header.devices.map(({ name }) => name).join(", ")],
    ["events", `${grouped(eventCount)}${spanText(info)}`],
  ];
  if (header.explored !== undefined) {
    const { model, verdict, violation, token } = header.explored;
    rows.push(["explored", `${model}, ${verdict}${violation === "" ? "" : `: ${violation}`}`], ["token", token]);
  }
  if (header.filter !== undefined) rows.push(["filter", `only ${header.filter}`]);
  rows.push(["lost", lostCount === 0 ? "none" : paint("yellow", counted(lostCount, "event"))]);
  rows.push(...listRows("kinds", kinds), ...listRows("actors", actors, (id) => names.get(id) ?? id));
  rows.push(["edges", edgeCount === 0 ? "none" : grouped(edgeCount)], ...listRows("", edges));
  rows.push(...listRows("registers", registers));
  if (end !== undefined && end.reason !== "complete")
    rows.push(["end", paint("yellow", end.message === "" ? end.reason : `${end.reason}: ${end.message}`)]);
  if (damage !== undefined) rows.push(["damage", paint("red", damage)]);
  const lines = rows.map(([label, text]) => `  ${paint("dim", label.padEnd(LABEL_WIDTH))} ${text}`);
  return [paint("bold", info.name), ...lines, ""].join("\n");
}

function spanText({ firstNs, lastNs }: TraceInfo): string {
  if (firstNs === undefined || lastNs === undefined) return "";
  return ` in ${durationText(lastNs - firstNs)}, from ${durationText(firstNs)} on`;
}

/** A row for each, the rest counted. */
function listRows(
  label: string,
  counts: Readonly<Record<string, number>>,
  nameOf: (key: string) => string = (key) => key,
): [string, string][] {
  const entries = Object.entries(counts);
  const width = Math.max(0, ...entries.slice(0, ROW_LIMIT).map(([, count]) => grouped(count).length));
  const rows = entries
    .slice(0, ROW_LIMIT)
    .map(([key, count], index): [string, string] => [
      index === 0 ? label : "",
      `${grouped(count).padStart(width)}  ${nameOf(key)}`,
    ]);
  if (entries.length > ROW_LIMIT) rows.push(["", `and ${entries.length - ROW_LIMIT} more (--json has them)`]);
  return rows;
}

/** What has been recorded, and what to do with it. */
export function recordText(report: RecordReport, paint: Paint): string {
  const { file, run, eventCount, writtenCount, lostCount, lastNs, verdict, message, interrupted } = report;
  const of = writtenCount === eventCount ? "" : ` of ${grouped(eventCount)}`;
  const isGood = verdict === "passed" || verdict === "diverged";
  const ending = paint(isGood ? "green" : "red", `${isGood ? "✓" : "✗"} ${verdict}`);
  const lines = [
    `${paint("bold", file)}   ${run}   ${grouped(writtenCount)}${of} events in ${durationText(lastNs)}   ${ending}`,
  ];
  if (message !== "") lines.push(message);
  if (lostCount > 0)
    lines.push(
      paint(
        "yellow",
        `${counted(lostCount, "event")} lost: they came faster than they were taken; --clock virtual loses none.`,
      ),
    );
  if (interrupted) lines.push("Interrupted: it ends there.");
  lines.push(
    `${COMMAND} trace convert ${file} --to perfetto --out ${file.replace(/\.jsonl$/, "")}.json    # ui.perfetto.dev; or vcd, pcapng, text`,
  );
  return `${lines.join("\n")}\n`;
}

export function convertText(report: ConvertReport, out: string): string {
  const { format, readCount, writtenCount, lostCount } = report;
  const of = writtenCount === readCount ? "" : ` of ${grouped(readCount)}`;
  const lost = lostCount === 0 ? "" : `; ${counted(lostCount, "event")} had been lost`;
  return `${out}   ${format}   ${grouped(writtenCount)}${of} events${lost}\n`;
}
