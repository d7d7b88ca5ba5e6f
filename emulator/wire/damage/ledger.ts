import { FrameSequence, lineText, type SequenceProtocol } from "./frame-sequence.ts";
import { type LedgerLine, LineAccount, missingOnAll } from "./line-account.ts";
import type { SequenceRange } from "./sequence-set.ts";

/** What can happen to a frame. `burst-lost` is a loss within a burst. */
export const DAMAGE_KINDS = ["lost", "burst-lost", "corrupted", "duplicated", "delayed", "reordered"] as const;
export type DamageKind = (typeof DAMAGE_KINDS)[number];

/** One thing that was done to one frame. Plain data; times count from the start of the traffic. */
export interface LedgerEntry {
  /** Index of the frame, counted from 0 in the order in which frames came to the damage. */
  readonly frame: number;
  readonly what: DamageKind;
  /** UDP destination; undefined for other frames. */
  readonly line: string | undefined;
  /** Sequences in the frame as [first, behind the last); undefined where there are none. */
  readonly sequences: SequenceRange | undefined;
  /** Rule that wanted it, counted from 1; 0 for an event of a script. */
  readonly rule: number;
  /** When it was to arrive, and when it does, or its copy. Undefined for lost frames. */
  readonly timeNs: number;
  readonly newTimeNs: number | undefined;
  /** The bit that flipped, or how many later frames overtook this one. */
  readonly bit?: number;
  readonly overtakenBy?: number;
  /** Frames that had come out before this was known: where the entry stands among the frames that arrive. */
  readonly after: number;
}

/** How many frames went in and what became of them. `offered + duplicated = passed + lost + held`. */
export interface LedgerCounts {
  readonly offered: number;
  /** Frames that came out, copies and corrupted ones included. */
  readonly passed: number;
  readonly lost: number;
  /** Not yet out: 0 at the end. */
  readonly held: number;
  readonly duplicated: number;
  readonly corrupted: number;
  readonly delayed: number;
  readonly reordered: number;
}

const COLUMNS = 9;
const FRAME = 0;
const KIND = 1;
const ACCOUNT = 2;
const FIRST = 3;
const END = 4;
const RULE = 5;
const TIME = 6;
const NEW_TIME = 7;
const DETAIL = 8;

/**
 * The book of what a damaged wire has done, frame by frame, and of what a correct receiver of each line must therefore
 * report. Rows lie in one typed array that grows by doubling; frames that nothing happened to take no room.
 */
export class DamageLedger {
  /** What is being booked: read by the damage, for each frame that comes in or goes out. */
  readonly frame: FrameSequence;
  /** Arguments of {@link book}: when the frame was to arrive [0], and when it does [1]; NaN: never. */
  readonly timesNs: Float64Array = new Float64Array(2);
  readonly #accounts: LineAccount[] = [];
  readonly #counts = new Float64Array(DAMAGE_KINDS.length);
  #rows = new Float64Array(COLUMNS * 64);
  #afters = new Float64Array(64);
  #count = 0;
  #offeredCount = 0;
  #passedCount = 0;
  #lastAccount: LineAccount | undefined;

  constructor(protocol: SequenceProtocol) {
    this.frame = new FrameSequence(protocol);
  }

  /** Rows so far. */
  get count(): number {
    return this.#count;
  }

  /** A frame comes in; {@link frame} has been read from it. */
  offer(): void {
    this.#offeredCount++;
    if (this.frame.hasSequence) this.#account().send(this.frame);
  }

  /** A frame goes out. One with a wrong FCS does not arrive: {@link frame} need not have been read then. */
  pass(frameIndex: number, hasGoodFcs: boolean): void {
    this.#passedCount++;
    if (hasGoodFcs && this.frame.hasSequence) this.#account().arrive(frameIndex, this.frame);
  }

  /** Writes down what happened to the frame in {@link frame}, at {@link timesNs}. `rule` counts from 0, -1 for a script. */
  book(kind: DamageKind, frameIndex: number, rule: number, detail: number): void {
    if (COLUMNS * this.#count === this.#rows.length) this.#grow();
    const rows = this.#rows;
    const at = COLUMNS * this.#count;
    const kindIndex = DAMAGE_KINDS.indexOf(kind);
    rows[at + FRAME] = frameIndex;
    rows[at + KIND] = kindIndex;
    rows[at + ACCOUNT] = this.frame.hasLine ? (this.frame.address >>> 0) * 65_536 + this.frame.port : -1;
    rows[at + FIRST] = this.frame.hasSequence ? (this.frame.range[0] as number) : -1;
    rows[at + END] = this.frame.range[1] as number;
    rows[at + RULE] = rule + 1;
    rows[at + TIME] = this.timesNs[0] as number;
    rows[at + NEW_TIME] = this.timesNs[1] as number;
    rows[at + DETAIL] = detail;
    this.#afters[this.#count++] = this.#passedCount;
    (this.#counts[kindIndex] as number)++;
  }

  /** Row `index`, in the order of booking. */
  entry(index: number): LedgerEntry {
    const row = this.#rows.subarray(COLUMNS * index, COLUMNS * (index + 1));
    const what = DAMAGE_KINDS[row[KIND] as number] as DamageKind;
    const line = row[ACCOUNT] as number;
    const newTimeNs = row[NEW_TIME] as number;
    const detail = row[DETAIL] as number;
    return {
      frame: row[FRAME] as number,
      what,
      line: line < 0 ? undefined : lineText(Math.floor(line / 65_536) | 0, line % 65_536),
      sequences: (row[FIRST] as number) < 0 ? undefined : [row[FIRST] as number, row[END] as number],
      rule: row[RULE] as number,
      timeNs: row[TIME] as number,
      newTimeNs: Number.isNaN(newTimeNs) ? undefined : newTimeNs,
      ...(what === "corrupted" ? { bit: detail } : {}),
      ...(what === "reordered" ? { overtakenBy: detail } : {}),
      after: this.#afters[index] as number,
    };
  }

  entries(): LedgerEntry[] {
    return Array.from({ length: this.#count }, (_, index) => this.entry(index));
  }

  counts(): LedgerCounts {
    const [lost = 0, burstLost = 0, corrupted = 0, duplicated = 0, delayed = 0, reordered = 0] = this.#counts;
    const offered = this.#offeredCount;
    const passed = this.#passedCount;
    const held = offered + duplicated - lost - burstLost - passed;
    return { offered, passed, lost: lost + burstLost, held, duplicated, corrupted, delayed, reordered };
  }

  /** What the receiver of each line must report, by line and session in the order of their first frames. */
  lines(): LedgerLine[] {
    return this.#accounts.map((account) => account.report());
  }

  /**
   * What an arbiter of these lines ("233.54.12.111:26477") must report missing, by session in order of appearance: what
   * arrived on none of them, although one of them shows that it was sent.
   */
  missingOnAll(lines: readonly string[]): { readonly session: string; readonly missing: SequenceRange[] }[] {
    const taken = this.#accounts
      .map((account) => ({ account, ...account.report() }))
      .filter(({ line }) => lines.includes(line));
    const sessions = [...new Set(taken.map(({ session }) => session))];
    return sessions.map((session) => ({
      session,
      missing: missingOnAll(taken.filter((each) => each.session === session).map(({ account }) => account)),
    }));
  }

  #account(): LineAccount {
    const { frame } = this;
    if (this.#lastAccount?.isOf(frame) === true) return this.#lastAccount;
    for (let index = 0; index < this.#accounts.length; index++) {
      const account = this.#accounts[index] as LineAccount;
      if (!account.isOf(frame)) continue;
      this.#lastAccount = account;
      return account;
    }
    const account = new LineAccount(frame);
    this.#accounts.push(account);
    this.#lastAccount = account;
    return account;
  }

  #grow(): void {
    const rows = new Float64Array(2 * this.#rows.length);
    rows.set(this.#rows);
    this.#rows = rows;
    const afters = new Float64Array(2 * this.#afters.length);
    afters.set(this.#afters);
    this.#afters = afters;
  }
}
