import { deriveSeed, Rng } from "../../run/rng.ts";
import { type DamageEvent, type DamagePlan, type DamageRule, type InclusiveRange, lineFilter } from "./damage-plan.ts";
import type { FrameSequence } from "./frame-sequence.ts";

/** Streams of chance of one rule. */
const LOSS = 0;
const BURST = 1;
const DUPLICATE = 2;
const REORDER = 3;
const REORDER_COUNT = 4;
const JITTER = 5;
const CORRUPT = 6;
const CORRUPT_BIT = 7;
const STREAM_COUNT = 8;

const DEFAULT_BURST_LENGTH = 8;
const DEFAULT_REORDER_WINDOW = 3;
const DEFAULT_REORDER_TIME_NS = 10e6;

/** Places in {@link DamageDecision.timesNs}. */
export const ARRIVES_NS = 0;
export const DUPLICATE_DELAY_NS = 1;
export const REORDER_WITHIN_NS = 2;

/**
 * What is to happen to the frame just decided on. The object is filled again and again; the rule numbers say who wanted
 * it, -1 for a script.
 */
export class DamageDecision {
  isLost = false;
  /** Lost within a burst. */
  isBurst = false;
  lossRule = -1;
  /** Bit that flips, counted from the first bit of the frame (bit 0 of byte 0); -1 for none. */
  bit = -1;
  corruptRule = -1;
  isDuplicated = false;
  duplicateRule = -1;
  /** Later frames that are to overtake this one; 0 when it keeps its place. */
  overtakers = 0;
  reorderRule = -1;
  isDelayed = false;
  delayRule = -1;
  /** When it arrives for all delays, how long after it the copy comes, and how long it may be held for overtakers. */
  readonly timesNs: Float64Array = new Float64Array(3);

  /** Nothing happens to the frame that comes at `atNs[0]`. */
  reset(atNs: Float64Array): void {
    this.isLost = false;
    this.isBurst = false;
    this.bit = -1;
    this.isDuplicated = false;
    this.overtakers = 0;
    this.isDelayed = false;
    this.timesNs[ARRIVES_NS] = atNs[0] as number;
  }
}

const TWO_TO_32 = 0x1_0000_0000;

/** An event of one probability, drawn from a stream: as `Rng.chance`, but a probability as argument would be boxed. */
class Odds {
  readonly #rng: Rng;
  readonly #limit: Float64Array;

  constructor(rng: Rng, probability: number) {
    this.#rng = rng;
    this.#limit = Float64Array.of(probability * TWO_TO_32);
  }

  /** False without a draw where it never happens. */
  happens(): boolean {
    return this.#limit[0] !== 0 && this.#rng.nextI32() >>> 0 < (this.#limit[0] as number);
  }
}

/** Decides for the frames that one rule is about. */
export class RuleChance {
  readonly #rule: DamageRule;
  readonly #index: number;
  readonly #address: number | undefined;
  readonly #port: number | undefined;
  readonly #streams: readonly Rng[];
  readonly #loss: Odds;
  readonly #burstBegins: Odds;
  readonly #burstEnds: Odds;
  readonly #burstLoss: Odds;
  readonly #duplicate: Odds;
  readonly #reorder: Odds;
  readonly #corrupt: Odds;
  /** `[0]`: when the frame before arrives, so that none overtakes another by jitter. */
  readonly #lastNs = new Float64Array(1);
  #isBad = false;

  constructor(rule: DamageRule, index: number, seed: number) {
    this.#rule = rule;
    this.#index = index;
    const filter = rule.line === undefined ? undefined : lineFilter(rule.line);
    this.#address = filter?.address;
    this.#port = filter?.port;
    this.#streams = Array.from(
      { length: STREAM_COUNT },
      (_, stream) => new Rng(deriveSeed(seed, index * STREAM_COUNT + stream)),
    );
    const { loss = 0, burstLoss = 0, burstLength = DEFAULT_BURST_LENGTH, burstDensity = 1 } = rule;
    const { duplicate = 0, reorder = 0, corrupt = 0 } = rule;
    this.#loss = new Odds(this.#stream(LOSS), loss);
    this.#burstLoss = new Odds(this.#stream(LOSS), burstDensity);
    this.#burstBegins = new Odds(this.#stream(BURST), burstLoss);
    this.#burstEnds = new Odds(this.#stream(BURST), 1 / burstLength);
    this.#duplicate = new Odds(this.#stream(DUPLICATE), duplicate);
    this.#reorder = new Odds(this.#stream(REORDER), reorder);
    this.#corrupt = new Odds(this.#stream(CORRUPT), corrupt);
  }

  /** Whether the rule is about the frame with this index and content. */
  fits(frameIndex: number, frame: FrameSequence): boolean {
    if (this.#address !== undefined && !(frame.hasLine && frame.address === this.#address)) return false;
    if (this.#port !== undefined && !(frame.hasLine && frame.port === this.#port)) return false;
    const { sequences, frames } = this.#rule;
    if (frames !== undefined && !holds(frames, frameIndex)) return false;
    if (sequences === undefined) return true;
    for (let at = 0; at < sequences.length; at++) {
      const range = sequences[at] as InclusiveRange;
      if (frame.carries(range[0], range[1])) return true;
    }
    return false;
  }

  /** Adds what this rule wants to the decision on a frame of `byteLength` bytes. */
  decide(byteLength: number, decision: DamageDecision): void {
    this.#decideLoss(decision);
    if (this.#duplicate.happens()) {
      decision.isDuplicated = true;
      decision.duplicateRule = this.#index;
      decision.timesNs[DUPLICATE_DELAY_NS] = this.#rule.duplicateDelayNs ?? 0;
    }
    if (this.#reorder.happens()) {
      const { reorderWindow = DEFAULT_REORDER_WINDOW, reorderTimeNs = DEFAULT_REORDER_TIME_NS } = this.#rule;
      decision.overtakers = 1 + this.#stream(REORDER_COUNT).below(reorderWindow);
      decision.reorderRule = this.#index;
      decision.timesNs[REORDER_WITHIN_NS] = reorderTimeNs;
    }
    if (this.#corrupt.happens()) {
      decision.bit = this.#stream(CORRUPT_BIT).below(8 * byteLength);
      decision.corruptRule = this.#index;
    }
    this.#decideDelay(decision);
  }

  #decideLoss(decision: DamageDecision): void {
    // One step of the chain before each frame: a burst is never empty, and 1 / (1 / length) frames long on average.
    if (!this.#isBad) this.#isBad = this.#burstBegins.happens();
    else if (this.#burstEnds.happens()) this.#isBad = false;
    const odds = this.#isBad ? this.#burstLoss : this.#loss;
    if (!odds.happens()) return;
    decision.isLost = true;
    decision.isBurst = this.#isBad;
    decision.lossRule = this.#index;
  }

  #decideDelay(decision: DamageDecision): void {
    const { delayNs = 0, jitterNs = 0 } = this.#rule;
    if (delayNs === 0) return;
    const times = decision.timesNs;
    const offset = jitterNs === 0 ? 0 : Math.round((2 * this.#stream(JITTER).fraction() - 1) * jitterNs);
    let arrivesNs = (times[ARRIVES_NS] as number) + delayNs + offset;
    if (arrivesNs < (this.#lastNs[0] as number)) arrivesNs = this.#lastNs[0] as number;
    this.#lastNs[0] = arrivesNs;
    times[ARRIVES_NS] = arrivesNs;
    decision.isDelayed = true;
    decision.delayRule = this.#index;
  }

  #stream(kind: number): Rng {
    return this.#streams[kind] as Rng;
  }
}

/** Plays a list of events. */
export class DamageScript {
  readonly #events: readonly DamageEvent[];
  #position = 0;

  constructor({ events = [] }: DamagePlan) {
    this.#events = events;
  }

  /** Adds what the script wants to the decision on the frame with this index. */
  decide(frameIndex: number, byteLength: number, decision: DamageDecision): void {
    for (; this.#position < this.#events.length; this.#position++) {
      const event = this.#events[this.#position] as DamageEvent;
      if (event.frame > frameIndex) return;
      if (event.frame === frameIndex) take(event, byteLength, decision);
    }
  }
}

function take(event: DamageEvent, byteLength: number, decision: DamageDecision): void {
  const times = decision.timesNs;
  if (event.what === "lost") {
    decision.isLost = true;
    decision.lossRule = -1;
  } else if (event.what === "duplicated") {
    decision.isDuplicated = true;
    decision.duplicateRule = -1;
    times[DUPLICATE_DELAY_NS] = event.delayNs;
  } else if (event.what === "reordered") {
    decision.overtakers = event.frameCount;
    decision.reorderRule = -1;
    times[REORDER_WITHIN_NS] = event.withinNs;
  } else if (event.what === "delayed") {
    decision.isDelayed = true;
    decision.delayRule = -1;
    times[ARRIVES_NS] = (times[ARRIVES_NS] as number) + event.delayNs;
  } else {
    decision.bit = event.bit % (8 * byteLength);
    decision.corruptRule = -1;
  }
}

function holds(ranges: readonly InclusiveRange[], index: number): boolean {
  for (let at = 0; at < ranges.length; at++) {
    const range = ranges[at] as InclusiveRange;
    if (index >= range[0] && index <= range[1]) return true;
  }
  return false;
}
