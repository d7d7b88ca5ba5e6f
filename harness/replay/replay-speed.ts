/** Frames back to back at a line rate, whatever their recorded times. */
export interface LineSpeed {
  readonly gigabitsPerSecond: number;
}

/** "max" is as fast as card and driver take frames; a number is times the recorded speed. */
export type ReplaySpeed = "max" | number | LineSpeed;

/** Gaps between frames that are scaled otherwise than those within bursts. */
export interface BurstScaling {
  /** Shorter gaps belong to a burst and pass at the speed of the replay; this is also what is left of a longer one at least. */
  readonly gapNs: number;
  /** Times the recorded speed at which longer gaps pass; "max" cuts each of them down to `gapNs`. */
  readonly idle: "max" | number;
}

/** Paced replays beyond these factors are not what anybody means. */
const SPEED_MIN = 1e-6;
const SPEED_MAX = 1e9;
/** The rate of a line that is not named: the 82599's. */
const DEFAULT_LINE_GIGABITS = 10;
const LINE_GIGABITS_MIN = 0.01;
const LINE_GIGABITS_MAX = 1600;

/**
 * "recorded", "max", a factor as "10x", "0.5x" or "10", "line" for back to back at 10 Gb/s, "line:25" at 25. Throws
 * RangeError, in one sentence, for anything else.
 */
export function parseSpeed(text: string): ReplaySpeed {
  if (text === "max") return "max";
  if (text === "recorded") return 1;
  const [, gigabits] = /^line(?::(\d+(?:\.\d+)?))?$/.exec(text) ?? [text];
  if (text.startsWith("line")) {
    const gigabitsPerSecond = text === "line" ? DEFAULT_LINE_GIGABITS : Number(gigabits ?? Number.NaN);
    if (gigabitsPerSecond >= LINE_GIGABITS_MIN && gigabitsPerSecond <= LINE_GIGABITS_MAX) return { gigabitsPerSecond };
    throw new RangeError(`"${text}" is no line rate: want "line", or Gb/s as in "line:25" or "line:100".`);
  }
  const factor = factorOf(text);
  if (factor === undefined) {
    throw new RangeError(
      `"${text}" is no speed: want "recorded", "max", a factor such as "10x" or "0.5x", or a line rate such as "line:25".`,
    );
  }
  return factor;
}

/** "10x" or "max": how fast idle time passes. Throws RangeError, in one sentence, for anything else. */
export function parseIdle(text: string): "max" | number {
  const idle = text === "max" ? text : factorOf(text);
  if (idle !== undefined) return idle;
  throw new RangeError(`"${text}" is no speed of idle time: want a factor such as "10x", or "max".`);
}

/** "the recorded speed", "10 times the recorded speed", "25 Gb/s, back to back": for people. */
export function speedText(speed: ReplaySpeed): string {
  if (speed === "max") return "full speed";
  if (typeof speed === "object") return `${speed.gigabitsPerSecond} Gb/s, back to back`;
  return speed === 1 ? "the recorded speed" : `${speed} times the recorded speed`;
}

function factorOf(text: string): number | undefined {
  const digits = /^(\d+(?:\.\d+)?|\.\d+)x?$/i.exec(text)?.[1];
  const factor = Number(digits ?? Number.NaN);
  return factor >= SPEED_MIN && factor <= SPEED_MAX ? factor : undefined;
}
