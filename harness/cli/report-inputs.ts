import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import type { ReportContents } from "../page/report/report-contents.ts";
import { TraceCollector, type TraceContents } from "../page/report/trace-contents.ts";
import type { ReplayReport } from "../replay/replay-report.ts";
import { TraceReader } from "../trace/trace-reader.ts";
import { type CatalogueEntry, declarationOfEntry } from "./catalogue.ts";
import { UsageError } from "./exit-codes.ts";

/** Of a file's beginning, so much tells a trace from the result of a replay. */
const HEAD_LENGTH = 400;

/** Events of a trace that a page shows unasked, the last ones: a browser has them in about a second. */
export const EVENT_LIMIT = 100_000;

/** What a file given to `softbar report` turned out to be. */
export type ReportInput =
  | { readonly kind: "trace"; readonly trace: TraceContents }
  | { readonly kind: "replay"; readonly replay: ReplayReport };

/**
 * Reads a trace, or what `softbar replay --json` printed; told by content. Throws UsageError for anything else, and
 * TraceFormatError for a trace that is none.
 */
export async function readInput(path: string, eventLimit: number): Promise<ReportInput> {
  // What comes through a pipe cannot be looked at twice, and is taken for a trace.
  if (path !== "-" && !headOf(path).includes('"softbarTrace"')) {
    return { kind: "replay", replay: replayOf(path, readFileSync(path, "utf8")) };
  }
  const collector = new TraceCollector(eventLimit);
  for await (const record of new TraceReader(path).records()) collector.take(record);
  return { kind: "trace", trace: collector.contents() as TraceContents };
}

/** The beginning of a file. */
function headOf(path: string): string {
  try {
    const file = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(HEAD_LENGTH);
      return bytes.toString("utf8", 0, readSync(file, bytes, 0, HEAD_LENGTH, 0));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new UsageError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? error}).`);
  }
}

function replayOf(path: string, text: string): ReplayReport {
  if (text.trim() === "")
    throw new UsageError(`${path} is empty: want a trace, or what softbar replay --json printed.`);
  let result: Partial<ReplayReport> | null;
  try {
    result = JSON.parse(text) as Partial<ReplayReport> | null;
  } catch {
    throw new UsageError(`${path} is neither a trace, nor JSON that softbar replay --json printed.`);
  }
  const isReplay =
    typeof result === "object" &&
    typeof result?.sentCount === "number" &&
    typeof result.source === "object" &&
    Array.isArray(result.drops) &&
    Array.isArray(result.feed?.lines);
  if (!isReplay)
    throw new UsageError(`${path} is JSON, but no result of softbar replay --json: that is an object with its counts.`);
  return result as ReplayReport;
}

/** The declarations of a trace's devices, as far as the catalogue knows them; registers of others stay without a picture. */
export async function declarationsOf(
  trace: TraceContents | undefined,
  catalogue: readonly CatalogueEntry[],
): Promise<ReportContents["declarations"]> {
  const declarations = new Map<string, DeviceDeclaration>();
  for (const { name } of trace?.header.devices ?? []) {
    const entry = catalogue.find((known) => known.name === name);
    if (entry !== undefined) declarations.set(name, await declarationOfEntry(entry));
  }
  return declarations;
}
