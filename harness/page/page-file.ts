import { closeSync, fstatSync, openSync, readSync, unlinkSync, writeFileSync } from "node:fs";
import { StreamOutput } from "../trace/trace-output.ts";

/** Stands at the top of every page, and tells a page of ours from a file that must not be overwritten. */
export const PAGE_MARK = '<meta name="generator" content="softbar">';

/** A page cannot be put where it was asked for. The message says why and what to do. */
export class PageFileError extends Error {
  override readonly name = "PageFileError";
}

/** How far into a file its mark stands. */
const MARK_WITHIN = 512;

/**
 * Throws PageFileError when a page may not or cannot be written at `path`: what is there is replaced only if it is a page
 * that softbar has written, or with `force`. Asked before a long run begins, so that nothing is lost at its end.
 */
export function checkPageFile(path: string, force: boolean): void {
  let file: number;
  try {
    file = openSync(path, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unwritable(path, error);
    checkFolder(path);
    return;
  }
  try {
    const { size } = fstatSync(file);
    const beginning = Buffer.alloc(Math.min(size, MARK_WITHIN));
    readSync(file, beginning, 0, beginning.length, 0);
    if (size === 0 || force || beginning.includes(PAGE_MARK)) return;
  } finally {
    closeSync(file);
  }
  throw new PageFileError(`${path} is there already and is no page of softbar's: name another file, or add --force.`);
}

/**
 * Writes the page; "-" is standard output, which may be a pipe that takes it bit by bit. Rejects with PageFileError
 * where that is not possible.
 */
export async function writePage(path: string, text: string): Promise<void> {
  if (path === "-") {
    const output = new StreamOutput(process.stdout);
    output.write(text);
    await output.close();
    return;
  }
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Whether a file that is not there yet can be made: found out by making it, for a moment. */
function checkFolder(path: string): void {
  try {
    closeSync(openSync(path, "ax"));
    unlinkSync(path);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): PageFileError {
  return new PageFileError(`${path} cannot be written (${(error as NodeJS.ErrnoException).code ?? error}).`);
}
