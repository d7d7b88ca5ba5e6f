import { readFileSync } from "node:fs";
import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import type { ReportContents } from "../page/report/report-contents.ts";
import { linesOf, type TraceContents, TraceFormatError, traceContents } from "../page/report/trace-contents.ts";
import type { ReplayReport } from "../replay/replay-report.ts";
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

/** Reads a trace, or what `softbar replay --json` printed; told by content. Throws UsageError for anything else. */
export function readInput(path: string, eventLimit: number): ReportInput {
  const text = textOf(path);
  if (text.trim() === "")
    throw new UsageError(`${path} is empty: want a trace, or what softbar replay --json printed.`);
  if (text.slice(0, HEAD_LENGTH).includes('"softbarTrace"')) {
    try {
      return { kind: "trace", trace: traceContents(linesOf(text), eventLimit) };
    } catch (error) {
      throw error instanceof TraceFormatError ? new UsageError(`${path}: ${error.message}.`) : error;
    }
  }
  return { kind: "replay", replay: replayOf(path, text) };
}

function textOf(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`${path} cannot be read (${code ?? message}).`);
  }
}

function replayOf(path: string, text: string): ReplayReport {
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
