import { FIRST_DEVICE_SITE, ordinalOfSite, whoseSite } from "../../emulator/explore/races/access-marks.ts";

/** Accesses of which the line is known: the newest. A stack costs some microseconds, and a line little memory. */
const LINE_LIMIT = 100_000;
/** Steps of a copy that go back to the access that began it: 4 KiB. */
const COPY_STEPS = 512;
const UNKNOWN = -1;

/** The line of the driver behind an operation of a thread: "drivers/ixgbe.ts:287"; empty when nobody knows. */
export type LineOf = (thread: number, ordinal: number) => string;

/** The same where the operation may be a later one of a copy, of which only the first is noted. */
export function lineBehind(lineOf: LineOf, thread: number, ordinal: number): string {
  for (let back = 0; back < COPY_STEPS && back <= ordinal; back++) {
    const line = lineOf(thread, ordinal - back);
    if (line !== "") return line;
  }
  return "";
}

/** From which line of a driver each of its accesses comes. */
export class AccessLines {
  readonly #lines = new Map<string, string>();
  /** A number for each line. */
  readonly #numbers = new Map<string, number>();
  /** The access of which the number was asked for last, and that. */
  #lastSite = UNKNOWN;
  #lastNumber = UNKNOWN;

  note(thread: number, ordinal: number, line: string): void {
    if (this.#lines.size === LINE_LIMIT) this.#lines.clear();
    this.#lines.set(`${thread}.${ordinal}`, line);
  }

  readonly lineOf: LineOf = (thread, ordinal) => this.#lines.get(`${thread}.${ordinal}`) ?? "";

  /** For {@link RaceList.lineOf}: all accesses of a device have one line. */
  readonly numberOf = (site: number): number => {
    const thread = whoseSite(site);
    if (thread >= FIRST_DEVICE_SITE) return 0;
    const ordinal = ordinalOfSite(site);
    // The next word of a copy, most often.
    const isNext = site === this.#lastSite + 1 && this.lineOf(thread, ordinal) === "";
    if (site !== this.#lastSite && !isNext) this.#lastNumber = this.#number(lineBehind(this.lineOf, thread, ordinal));
    this.#lastSite = site;
    return this.#lastNumber;
  };

  #number(line: string): number {
    if (line === "") return UNKNOWN;
    const number = this.#numbers.get(line) ?? this.#numbers.size;
    this.#numbers.set(line, number);
    return number;
  }
}
