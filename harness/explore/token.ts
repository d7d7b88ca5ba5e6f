import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import { HOLD, PREEMPT, Schedule, STALE } from "../../emulator/explore/schedule.ts";
import { crc32 } from "../../emulator/wire/crc32.ts";
import type { RaceProgram } from "./race-program.ts";

/** Changed whenever the same schedule may mean another run: a token of another version is refused. */
const VERSION = "race1";
const LETTERS = ["", "P", "H", "S"];
const SHAPE = /^race1~([a-z0-9-]+)~([0-9a-f]{8})~(sc|tso|relaxed)~([a-z0-9]+)~(\d+)~([PHS0-9._-]*)$/;

/** Everything that makes a run again. */
export interface RaceToken {
  readonly program: string;
  /** Hash of the program's source when the token was made. */
  readonly sourceHash: string;
  readonly model: MemoryModel;
  /** What found it: for the record; the schedule alone makes the run. */
  readonly strategy: string;
  readonly seed: number;
  readonly schedule: Schedule;
}

/** A text that cannot be replayed, with the reason in one sentence. */
export class TokenError extends Error {
  override readonly name = "TokenError";
}

export function sourceHashOf(program: RaceProgram): string {
  return hashOfText(`${program.name}${program.build.toString()}`);
}

/** Hash of a piece of source. */
export function hashOfText(source: string): string {
  // Spaces and semicolons are the compiler's.
  const bytes = new TextEncoder().encode(source.replace(/[\s;]/g, ""));
  return (crc32(bytes, 0, bytes.length) >>> 0).toString(16).padStart(8, "0");
}

export function writeToken(token: RaceToken): string {
  const { schedule } = token;
  const entries: string[] = [];
  for (let at = 0; at < schedule.count; at++) {
    const numbers = [schedule.actor[at], schedule.ordinal[at], schedule.other[at], schedule.otherOrdinal[at]];
    entries.push(`${LETTERS[schedule.kind[at] as number]}${numbers.join(".")}`);
  }
  return [VERSION, token.program, token.sourceHash, token.model, token.strategy, token.seed, entries.join("_")].join(
    "~",
  );
}

/** Throws {@link TokenError} for what is no token, or one of another version. */
export function readToken(text: string): RaceToken {
  const version = text.split("~")[0] ?? "";
  if (version !== VERSION && /^race\d+$/.test(version))
    throw new TokenError(
      `This token is of version ${version}, and this softbar replays ${VERSION}: search again with its seed.`,
    );
  const parts = SHAPE.exec(text);
  if (parts === null)
    throw new TokenError(
      `"${text.slice(0, 40)}" is no token of softbar: one begins with ${VERSION}~ and is copied whole.`,
    );
  const [, program = "", sourceHash = "", model = "", strategy = "", seed = "", entries = ""] = parts;
  const schedule = new Schedule();
  for (const entry of entries === "" ? [] : entries.split("_")) addEntry(schedule, entry);
  if (!MEMORY_MODELS.includes(model as MemoryModel)) throw new TokenError(`There is no memory model "${model}".`);
  return { program, sourceHash, model: model as MemoryModel, strategy, seed: Number(seed), schedule };
}

function addEntry(schedule: Schedule, entry: string): void {
  const kind = LETTERS.indexOf(entry.charAt(0));
  const numbers = entry.slice(1).split(".").map(Number);
  const isWhole = numbers.length === 4 && numbers.every(Number.isInteger);
  if (!isWhole || (kind !== PREEMPT && kind !== HOLD && kind !== STALE))
    throw new TokenError(`The token is damaged at "${entry}": copy it whole.`);
  const [actor = 0, ordinal = 0, other = 0, otherOrdinal = 0] = numbers;
  schedule.add(kind, actor, ordinal, other, otherOrdinal);
}
