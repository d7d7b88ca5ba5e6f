import { iovaName } from "../../../emulator/memory/iova-name.ts";
import { hex } from "../../../emulator/registers/hex.ts";
import type { DmaRecord } from "../../trace/trace-event.ts";
import type { TimelineEntry } from "../report/timeline-entry.ts";
import { element } from "./dom.ts";
import type { Edge, TimelineModel } from "./timeline-model.ts";

/** Members that the heading or the edges say already. */
const TOLD = new Set(["kind", "seq", "timeNs", "actor", "after", "bytes"]);
const OFFSETS = new Set(["offset", "bufferOffset", "flagOffset"]);
const TIMES = new Set(["delayNs", "dueNs"]);
/** As many as the panel is wide for. */
const BYTES_PER_LINE = 8;
/** Smaller numbers are the same in both notations. */
const HEX_FROM = 10;

const WHY: Readonly<Record<Edge["why"], readonly [into: string, outOf: string]>> = {
  post: ["was posted by", "arrives as"],
  request: ["was asked by", "arrives as"],
  completion: ["answers", "is answered by"],
  drain: ["was stored by", "becomes visible as"],
  land: ["was sent by", "lands as"],
  reads: ["reads what came from", "is read by"],
  raise: ["was set off by", "sets off"],
  doorbell: ["follows the doorbell", "starts"],
  effect: ["is an effect of", "has the effect"],
  timer: ["was armed by", "runs out as"],
  wire: ["was sent by", "arrives as"],
};

const REASONS = { fault: "At fault", deviation: "Not the ordinary order" } as const;

/** What some kinds of entries have. */
interface DetailedEntry {
  readonly bytes: string;
  readonly fields: Readonly<Record<string, number>>;
  readonly records: readonly DmaRecord[];
}

/** Everything about one entry, with its edges as buttons that lead along them. */
export function showDetails(
  panel: HTMLElement,
  model: TimelineModel,
  index: number,
  goTo: (index: number) => void,
): void {
  const entry = model.entry(index);
  const members = Object.entries(entry).filter(([name, value]) => !TOLD.has(name) && typeof value !== "object");
  const { bytes, fields, records } = entry as Partial<DetailedEntry>;
  const line = model.hasLines ? model.numberText(index) : "";
  const number = entry.kind === "lost" ? "" : `${entry.seq}`;
  const title = number === "" ? "Lost events" : line === "" ? `Event ${number}` : `Line ${line}`;
  const causes = model.edgesInto(index).map((edge) => step(model, WHY[edge.why]?.[0] ?? edge.why, edge.from, goTo));
  const effects = model.edgesOutOf(index).map((edge) => step(model, WHY[edge.why]?.[1] ?? edge.why, edge.to, goTo));
  panel.replaceChildren(
    element("h3", {}, [title]),
    element("p", { class: "what" }, [model.text(index)]),
    ...model
      .marks(index)
      .map(({ kind, text }) => element("p", { class: `reason ${kind}` }, [`${REASONS[kind]}: ${text}`])),
    list([
      ["kind", entry.kind],
      ["event", line === "" ? "" : number],
      ["who", model.actorName(index)],
      ["time", `${entry.timeNs.toLocaleString("en-US")} ns`],
      ...members.map(([name, value]): [string, string] => [wordsOf(name), shownValue(name, value)]),
    ]),
    ...(fields === undefined ? [] : [element("h4", {}, ["Fields"]), fieldList(fields)]),
    ...(records ?? []).flatMap(({ layout, offset, fields: decoded }) => [
      element("h4", {}, [offset === 0 ? capital(layout) : `${capital(layout)}, at ${hex(offset)}`]),
      fieldList(decoded),
    ]),
    ...(bytes === undefined ? [] : [element("h4", {}, [bytesTitle(bytes, entry)]), dumpOf(bytes)]),
    ...(causes.length === 0 ? [] : [element("h4", {}, ["Comes after"]), element("ul", { class: "steps" }, causes)]),
    ...(effects.length === 0 ? [] : [element("h4", {}, ["Comes before"]), element("ul", { class: "steps" }, effects)]),
  );
}

function step(model: TimelineModel, why: string, index: number, goTo: (index: number) => void): HTMLElement {
  const number = model.numberText(index);
  const button = element("button", { type: "button" }, [
    element("span", { class: "why" }, [why]),
    element("span", {}, [`${number} ${model.actorName(index)}: ${model.text(index)}`]),
  ]);
  button.addEventListener("click", () => goTo(index));
  return element("li", {}, [button]);
}

function list(entries: readonly (readonly [string, string])[], className = ""): HTMLElement {
  const shown = entries.filter(([, value]) => value !== "");
  return element(
    "dl",
    className === "" ? {} : { class: className },
    shown.map(([name, value]) => element("div", {}, [element("dt", {}, [name]), element("dd", {}, [value])])),
  );
}

/** Fields by the names of the data sheet; those that are 0 are not among them. */
function fieldList(fields: Readonly<Record<string, number | string>>): HTMLElement {
  const entries = Object.entries(fields).map(([name, value]): [string, string] => [name, fieldValue(value)]);
  return entries.length === 0 ? element("p", { class: "hint" }, ["All fields are 0."]) : list(entries, "fields");
}

function fieldValue(value: number | string): string {
  return typeof value === "string" || value < HEX_FROM ? `${value}` : `${value} (${hex(value, 1)})`;
}

/** "bufferOffset" as "buffer offset". */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function shownValue(name: string, value: unknown): string {
  if (value === true) return "yes";
  if (typeof value !== "number") return `${value}`;
  if (name === "iova") return iovaName(value);
  if (OFFSETS.has(name)) return hex(value);
  return TIMES.has(name) ? `${value.toLocaleString("en-US")} ns` : `${value}`;
}

/** A trace keeps the first bytes of what is longer. */
function bytesTitle(bytes: string, entry: TimelineEntry): string {
  const kept = bytes.length / 2;
  const byteLength = "byteLength" in entry ? entry.byteLength : kept;
  return kept < byteLength ? `The first ${kept} of ${byteLength} bytes` : "Bytes";
}

/** Eight bytes to a line, with their offset, and what they are as text. */
function dumpOf(digits: string): HTMLElement {
  const bytes = digits.match(/../g) ?? [];
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    const line = bytes.slice(at, at + BYTES_PER_LINE);
    const text = line.map((byte) => {
      const code = Number.parseInt(byte, 16);
      return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : ".";
    });
    lines.push(`${at.toString(16).padStart(4, "0")}  ${line.join(" ").padEnd(3 * BYTES_PER_LINE)} ${text.join("")}`);
  }
  return element("pre", {}, [lines.join("\n")]);
}
