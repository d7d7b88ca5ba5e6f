import { readFileSync } from "node:fs";
import type { Finding } from "../../emulator/run/findings.ts";
import type { WrongDriver } from "./wrong-driver.ts";

/**
 * Where a wrong driver of the corpus goes wrong is marked in its source: `// here` behind the line that a finding has to name,
 * or `// here, in ring` behind the one from which a method of the driver comes to be called where it must not be, or as
 * it must not be.
 */

const FOLDER = "test/corpus";
const SMALL = `${FOLDER}/small-ixgbe.ts`;
const FILES = [
  "ixgbe-bring-up.ts",
  "ixgbe-rings.ts",
  "ixgbe-memory.ts",
  "ixgbe-interrupts.ts",
  "edu.ts",
  "exanic.ts",
  "feed-handler.ts",
] as const;
const sources = new Map([...FILES.map((file) => `${FOLDER}/${file}`), SMALL].map((path) => [path, linesOf(path)]));

function linesOf(path: string): readonly string[] {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8").split("\n");
}

/** Lines of an entry, from its name on to the next entry's, counted from 1. */
interface Block {
  readonly path: string;
  readonly first: number;
  readonly end: number;
}

function blockOf({ name, device }: WrongDriver): Block {
  const quoted = `"${name.slice(device.name.length + 1)}",`;
  for (const [path, lines] of sources) {
    const first = path.startsWith(`${FOLDER}/${device.name}`) ? lines.findIndex((line) => line.trim() === quoted) : -1;
    if (first < 0) continue;
    const next = lines.findIndex((line, index) => index > first && line === "  [");
    return { path, first: first + 1, end: next < 0 ? lines.length : next + 1 };
  }
  throw new Error(`${name}: no entry of the corpus begins with ${quoted}`);
}

/** What is wrong about the place of a finding; empty when it is the marked one. */
export function misplacedText(entry: WrongDriver, { line = "", calledFrom = [] }: Finding): string {
  const { path, first, end } = blockOf(entry);
  const lines = sources.get(path) ?? [];
  const marks: { readonly at: number; readonly method: string | undefined }[] = [];
  for (let at = first; at < end; at++) {
    const mark = / \/\/ here(?:, in (\w+))?$/.exec(lines[at - 1] ?? "");
    if (mark !== null) marks.push({ at, method: mark[1] });
  }
  const [mark] = marks;
  if (mark === undefined || marks.length > 1) return `${entry.name} has ${marks.length} marks "// here"; want one`;
  const marked = `${path}:${mark.at}`;
  if (mark.method === undefined) return line === marked ? "" : `found at ${line}, and marked at ${marked}`;
  const method = methodAt(line);
  if (method !== mark.method) return `found at ${line}, in ${method}, and marked: in ${mark.method}`;
  const own = calledFrom.find((frame) => isIn(frame, path, first, end));
  return own === undefined || own === marked ? "" : `called from ${own}, and marked at ${marked}`;
}

function isIn(frame: string, path: string, first: number, end: number): boolean {
  const [file, number] = frame.split(":");
  return file === path && Number(number) >= first && Number(number) < end;
}

/** The method of a driver that a line is in. */
function methodAt(line: string): string {
  const [path, number] = line.split(":");
  const lines = sources.get(path ?? "") ?? [];
  for (let at = Number(number); at > 0; at--) {
    const method = /^ {2}(\w+)\(.*\{$/.exec(lines[at - 1] ?? "");
    if (method !== null) return method[1] ?? "";
  }
  return "no method of it";
}
