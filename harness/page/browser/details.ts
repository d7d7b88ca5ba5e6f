import { iovaName } from "../../../emulator/memory/iova-name.ts";
import { hex } from "../../../emulator/registers/hex.ts";
import { element } from "./dom.ts";
import type { Edge, TimelineModel } from "./timeline-model.ts";

/** Members that the heading or the edges say already. */
const TOLD = new Set(["kind", "seq", "timeNs", "actor", "after"]);
const OFFSETS = new Set(["offset", "bufferOffset", "flagOffset"]);
const BYTES_PER_LINE = 16;

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

/** Everything about one entry, with its edges as buttons that lead along them. */
export function showDetails(
  panel: HTMLElement,
  model: TimelineModel,
  index: number,
  goTo: (index: number) => void,
): void {
  const entry = model.entry(index);
  const members = Object.entries(entry).filter(([name]) => !TOLD.has(name));
  const title = entry.kind === "lost" ? "Lost events" : `Event ${entry.seq}`;
  const causes = model.edgesInto(index).map((edge) => step(model, WHY[edge.why]?.[0] ?? edge.why, edge.from, goTo));
  const effects = model.edgesOutOf(index).map((edge) => step(model, WHY[edge.why]?.[1] ?? edge.why, edge.to, goTo));
  panel.replaceChildren(
    element("h3", {}, [title]),
    element("p", { class: "what" }, [model.text(index)]),
    list([
      ["kind", entry.kind],
      ["who", model.actorName(index)],
      ["time", `${entry.timeNs.toLocaleString("en-US")} ns`],
      ...members.map(([name, value]): [string, string | Node] => [name, shownValue(name, value)]),
    ]),
    ...(causes.length === 0 ? [] : [element("h4", {}, ["Comes after"]), element("ul", { class: "steps" }, causes)]),
    ...(effects.length === 0 ? [] : [element("h4", {}, ["Comes before"]), element("ul", { class: "steps" }, effects)]),
  );
}

function step(model: TimelineModel, why: string, index: number, goTo: (index: number) => void): HTMLElement {
  const entry = model.entry(index);
  const number = entry.kind === "lost" ? "" : `${entry.seq} `;
  const button = element("button", { type: "button" }, [
    element("span", { class: "why" }, [why]),
    element("span", {}, [`${number}${model.actorName(index)}: ${model.text(index)}`]),
  ]);
  button.addEventListener("click", () => goTo(index));
  return element("li", {}, [button]);
}

function list(entries: readonly (readonly [string, string | Node])[]): HTMLElement {
  const shown = entries.filter(([, value]) => value !== "");
  return element(
    "dl",
    {},
    shown.map(([name, value]) => element("div", {}, [element("dt", {}, [wordsOf(name)]), element("dd", {}, [value])])),
  );
}

/** "bufferOffset" as "buffer offset". */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function shownValue(name: string, value: unknown): string | Node {
  if (typeof value === "number") return name === "iova" ? iovaName(value) : OFFSETS.has(name) ? hex(value) : `${value}`;
  if (name === "bytes" && typeof value === "string") return element("pre", {}, [dumpOf(value)]);
  if (Array.isArray(value))
    return element(
      "div",
      {},
      value.map((each) => element("div", { class: "record" }, [recordOf(each)])),
    );
  if (typeof value === "object" && value !== null) return recordOf(value);
  return `${value}`;
}

function recordOf(value: unknown): string | Node {
  if (typeof value !== "object" || value === null) return `${value}`;
  return list(
    Object.entries(value).map(([name, each]) => [name, typeof each === "object" ? recordOf(each) : `${each}`]),
  );
}

/** Sixteen bytes to a line, with their offset. */
function dumpOf(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    lines.push(`${at.toString(16).padStart(4, "0")}  ${bytes.slice(at, at + BYTES_PER_LINE).join(" ")}`);
  }
  return lines.join("\n");
}
