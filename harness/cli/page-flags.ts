import { checkPageFile, PageFileError, writePage } from "../page/page-file.ts";
import type { registerPage } from "../page/registers/register-page.ts";
import type { reportPage } from "../page/report/report-page.ts";
import { UsageError } from "./exit-codes.ts";
import { bytesText } from "./terminal.ts";
import type { Arguments, Flag } from "./verb.ts";

/**
 * The makers of pages, loaded when one is wanted: they are a good part of the command line, and most of its runs write none.
 */
export const loadReportPage = async (): Promise<typeof reportPage> =>
  (await import("../page/report/report-page.ts")).reportPage;
export const loadRegisterPage = async (): Promise<typeof registerPage> =>
  (await import("../page/registers/register-page.ts")).registerPage;

/** Flags of whatever writes a page. */
export const PAGE_FLAGS: readonly Flag[] = [
  { name: "out", value: "FILE", about: "where the page is written; - is standard output" },
  { name: "force", about: "replace a file although it is no page that softbar has written" },
];

/** Checks that a page can be written there, before anything else is done. Throws UsageError when not. */
export function checkOut(path: string, given: Arguments): void {
  try {
    if (path !== "-") checkPageFile(path, given.has("force"));
  } catch (error) {
    throw asUsageError(error);
  }
}

/** Writes it, and says where, unless it went to standard output itself. */
export async function writeOut(path: string, text: string, say: (line: string) => void): Promise<void> {
  try {
    await writePage(path, text);
  } catch (error) {
    throw asUsageError(error);
  }
  if (path !== "-") say(`${path}  ${bytesText(Buffer.byteLength(text))}`);
}

function asUsageError(error: unknown): unknown {
  return error instanceof PageFileError ? new UsageError(error.message) : error;
}
