import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import { HOLD, PREEMPT, Schedule, STALE } from "../../emulator/explore/schedule.ts";
import { crc32 } from "../../emulator/wire/crc32.ts";
import type { RaceProgram } from "./race-program.ts";

/** Changed whenever the same schedule may mean another run: a token of another version is refused. */
const VERSION = "race2";
const DAMAGED = "The token is damaged: copy it whole, from race2~ to its last letter.";
const LETTERS = ["", "P", "H", "S"];
const SHAPE = /^race2~([\w./%-]+)~([0-9a-f]{8})~(sc|tso|relaxed)~([a-z0-9]+)~(\d+)~([PHS0-9._-]*)~([0-9a-f]{8})$/;
/** Numbers of a schedule are small: what is larger was not written by us. */
const NUMBER_LIMIT = 2 ** 31;

/** A name in parentheses that is not an argument: `(x as T)` without its type. */
const ASSERTED = /(?<![\w$)\]]\s*)\(([\w$.#[\]]+)\s*\)(?!\s*=>)/g;
const LAST_COMMA = /,(?=[)\]}])/g;

/** Everything that makes a run again. */
export interface RaceToken {
  /** Name of a scenario, or the path of a module, with a slash in it. */
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
  // Spaces, semicolons and last commas are the compiler's, and the parentheses that were around a type assertion.
  const text = source.replace(ASSERTED, "$1").replace(/[\s;]/g, "").replace(LAST_COMMA, "");
  const bytes = new TextEncoder().encode(text);
  return (crc32(bytes, 0, bytes.length) >>> 0).toString(16).padStart(8, "0");
}

export function writeToken(token: RaceToken): string {
  const { schedule } = token;
  const entries: string[] = [];
  for (let at = 0; at < schedule.count; at++) {
    const numbers = [schedule.actor[at], schedule.ordinal[at], schedule.other[at], schedule.otherOrdinal[at]];
    entries.push(`${LETTERS[schedule.kind[at] as number]}${numbers.join(".")}`);
  }
  const { sourceHash, model, strategy, seed } = token;
  const text = [VERSION, escaped(token.program), sourceHash, model, strategy, seed, entries.join("_")].join("~");
  return `${text}~${checksumOf(text)}`;
}

/** Guards against letters lost in copying: a schedule cut short is a schedule too, but another one. */
function checksumOf(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return (crc32(bytes, 0, bytes.length) >>> 0).toString(16).padStart(8, "0");
}

/** A path may hold letters that a shell would take for its own. */
function escaped(program: string): string {
  const hex = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return program.replace(/[^\w./-]/gu, (letter) => [...new TextEncoder().encode(letter)].map(hex).join(""));
}

/** Throws {@link TokenError} for what is no token, or one of another version. */
export function readToken(text: string): RaceToken {
  const version = text.split("~")[0] ?? "";
  if (version !== VERSION && /^race\d+$/.test(version))
    throw new TokenError(
      `This token is of version ${version}, and this softbar replays ${VERSION}: search again with its seed.`,
    );
  if (!text.startsWith(`${VERSION}~`))
    throw new TokenError(
      `"${text.slice(0, 40)}" is no token of softbar: one begins with ${VERSION}~ and is copied whole.`,
    );
  const parts = SHAPE.exec(text);
  const [, program = "", sourceHash = "", model = "", strategy = "", seed = "", entries = "", checksum] = parts ?? [];
  if (checksum !== checksumOf(text.slice(0, -9))) throw new TokenError(DAMAGED);
  const schedule = new Schedule();
  for (const entry of entries === "" ? [] : entries.split("_")) addEntry(schedule, entry);
  return {
    program: unescaped(program),
    sourceHash,
    model: model as MemoryModel,
    strategy,
    seed: Number(seed),
    schedule,
  };
}

function unescaped(program: string): string {
  try {
    return decodeURIComponent(program);
  } catch {
    throw new TokenError(DAMAGED);
  }
}

function addEntry(schedule: Schedule, entry: string): void {
  const kind = LETTERS.indexOf(entry.charAt(0));
  const numbers = entry.slice(1).split(".").map(Number);
  const isWhole = numbers.length === 4 && numbers.every((number) => Number.isInteger(number) && number < NUMBER_LIMIT);
  if (!isWhole || (kind !== PREEMPT && kind !== HOLD && kind !== STALE)) throw new TokenError(DAMAGED);
  const [actor = 0, ordinal = 0, other = 0, otherOrdinal = 0] = numbers;
  schedule.add(kind, actor, ordinal, other, otherOrdinal);
}
