import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { RaceReport } from "./report.ts";
import { hashOfText, readToken, TokenError } from "./token.ts";

const SUFFIX = ".race";

/** A failure that an earlier search has kept. */
export interface SavedFailure {
  readonly file: string;
  readonly token: string;
}

/** What a folder holds for one scenario, and what in it cannot be read: a sentence for each file. */
export interface SavedFailures {
  readonly failures: readonly SavedFailure[];
  readonly problems: readonly string[];
}

/** The folder cannot be used; the message is one sentence. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/**
 * A folder of failures, one small text file each: its first line is the token, the rest is for people. The name of a
 * file comes from what was searched and from the shrunk schedule, so that the same failure is kept once, whatever seed
 * has found it.
 */
export class FailureStore {
  readonly #folder: string;

  /** The folder is made with the first failure. Throws {@link StoreError} where that cannot be. */
  constructor(folder: string) {
    this.#folder = folder;
    try {
      const nearest = nearestThatIs(resolve(folder));
      readdirSync(nearest);
      accessSync(nearest, constants.W_OK);
    } catch (error) {
      throw new StoreError(`${folder} cannot hold failures: ${reasonOf(error)}.`);
    }
  }

  /** The failures of one scenario, in the order of their files. Those of other scenarios are left alone. */
  read(program: string): SavedFailures {
    const failures: SavedFailure[] = [];
    const problems: string[] = [];
    if (!existsSync(this.#folder)) return { failures, problems };
    for (const name of readdirSync(this.#folder).sort()) {
      if (!name.endsWith(SUFFIX)) continue;
      const file = join(this.#folder, name);
      try {
        const [token = ""] = readFileSync(file, "utf8").split("\n", 1);
        if (readToken(token.trim()).program === program) failures.push({ file, token: token.trim() });
      } catch (error) {
        const reason = error instanceof TokenError ? error.message : `it cannot be read: ${reasonOf(error)}.`;
        problems.push(`${file} is passed over. ${reason}`);
      }
    }
    return { failures, problems };
  }

  /** Keeps a failure; `isNew` is false when the same one was there already. */
  keep(report: RaceReport, text: string): { readonly file: string; readonly isNew: boolean } {
    const { program, model, schedule } = readToken(report.token);
    const deviations: number[] = [];
    for (let at = 0; at < schedule.count; at++)
      for (const column of [schedule.kind, schedule.actor, schedule.ordinal, schedule.other, schedule.otherOrdinal])
        deviations.push(column[at] as number);
    const readable = program.replace(/^[./]+/, "").replace(/[^\w-]+/g, "-");
    const name = `${readable}-${model}-${hashOfText(`${program} ${model} ${deviations.join(" ")}`)}${SUFFIX}`;
    const file = join(this.#folder, name);
    let isNew = true;
    try {
      readToken(readFileSync(file, "utf8").split("\n", 1)[0] ?? "");
      isNew = false;
    } catch {
      // Not there, or damaged: written anew.
    }
    // Whoever is interrupted leaves the old file or the new one, and never half of it.
    const part = `${file}.part`;
    try {
      mkdirSync(this.#folder, { recursive: true });
      writeFileSync(part, `${report.token}\n\n${text}`);
      renameSync(part, file);
    } catch (error) {
      throw new StoreError(`${file} cannot be written: ${reasonOf(error)}.`);
    }
    return { file, isNew };
  }
}

/** The path itself, or what there is of it. */
function nearestThatIs(path: string): string {
  let nearest = path;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  return nearest;
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EEXIST" || code === "ENOTDIR") return "it is no folder";
  if (code === "EACCES" || code === "EROFS") return "writing is not allowed there";
  if (code === "EISDIR") return "it is a folder";
  return message;
}
