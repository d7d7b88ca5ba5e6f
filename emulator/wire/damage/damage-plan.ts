import { ipv4Address } from "../build-frame.ts";
import type { SequenceProtocol } from "./frame-sequence.ts";

/** First and last, both included. */
export type InclusiveRange = readonly [first: number, last: number];

/**
 * What happens by chance to the frames that a rule is about. All probabilities are 0 and all times 0 unless given. A frame
 * is asked about by every rule that it fits: it is lost when one of them loses it, and delays add up.
 */
export interface DamageRule {
  /** Frames to this UDP destination alone: "233.54.12.111:26477", or one half of it: "233.54.12.111", ":26477". */
  readonly line?: string;
  /** Frames that carry one of these sequence numbers alone. */
  readonly sequences?: readonly InclusiveRange[];
  /** Frames with these indices alone, counted from 0 in the order in which they come. */
  readonly frames?: readonly InclusiveRange[];
  /** Probability that a frame is lost, independent of the others. */
  readonly loss?: number;
  /**
   * Probability that a burst of losses begins at a frame: the good state of the line goes over into the bad one (Gilbert,
   * "Capacity of a Burst-Noise Channel", BSTJ 39, 1960; Elliott, BSTJ 42, 1963). `loss` is the loss in the good state.
   */
  readonly burstLoss?: number;
  /** Mean number of frames in a burst, 1 or more: the bad state is left after each with probability 1 / length. Default 8. */
  readonly burstLength?: number;
  /** Probability that a frame within a burst is lost. Default 1. */
  readonly burstDensity?: number;
  /** Probability that a second copy follows, and how long after the first. */
  readonly duplicate?: number;
  readonly duplicateDelayNs?: number;
  /** Probability that later frames overtake this one: 1 to `reorderWindow` of them, but for `reorderTimeNs` at most. */
  readonly reorder?: number;
  /** Default 3. */
  readonly reorderWindow?: number;
  /** Default 10 ms. */
  readonly reorderTimeNs?: number;
  /** Every frame comes so much later, ± up to `jitterNs`, evenly distributed. The frames of a rule keep their order. */
  readonly delayNs?: number;
  readonly jitterNs?: number;
  /** Probability that one bit flips on the way, so that the FCS is wrong and the card throws the frame away. */
  readonly corrupt?: number;
}

/** One thing that happens to one frame, said outright. `frame` is its index, counted from 0 in the order of coming. */
export type DamageEvent =
  | { readonly frame: number; readonly what: "lost" }
  | { readonly frame: number; readonly what: "duplicated"; readonly delayNs: number }
  | { readonly frame: number; readonly what: "reordered"; readonly frameCount: number; readonly withinNs: number }
  | { readonly frame: number; readonly what: "delayed"; readonly delayNs: number }
  | { readonly frame: number; readonly what: "corrupted"; readonly bit: number };

/** What the wire does to the traffic: rules of chance, or a script of events, or both. Plain data. */
export interface DamagePlan {
  /** Seed of all rules. Default 1. Each rule and each kind of damage draws from a stream of its own. */
  readonly seed?: number;
  /** How the sequence numbers are found. Default "auto": by what each line carries. */
  readonly protocol?: SequenceProtocol;
  readonly rules?: readonly DamageRule[];
  /** In ascending order of frames. */
  readonly events?: readonly DamageEvent[];
}

/** The destination that a rule is about; undefined where any will do. */
export interface LineFilter {
  readonly address: number | undefined;
  readonly port: number | undefined;
}

/** Takes "233.54.12.111:26477", "233.54.12.111" or ":26477" apart. @throws RangeError for anything else. */
export function lineFilter(text: string): LineFilter {
  const [address = "", port, ...rest] = text.split(":");
  const isPort = port === undefined || (/^\d{1,5}$/.test(port) && Number(port) <= 0xffff);
  if (!isPort || rest.length > 0 || (address === "" && port === undefined)) {
    throw new RangeError(
      `"${text}" is no line; want a UDP destination: 233.54.12.111:26477, or one half: 233.54.12.111, :26477.`,
    );
  }
  return {
    address: address === "" ? undefined : ipv4Address(address) | 0,
    port: port === undefined ? undefined : Number(port),
  };
}

const PROBABILITIES = ["loss", "burstLoss", "burstDensity", "duplicate", "reorder", "corrupt"] as const;
/** Eleven days: no delay of a network is longer, and sums of such times are exact. */
const TIME_LIMIT_NS = 1e15;
const DURATIONS = ["duplicateDelayNs", "reorderTimeNs", "delayNs", "jitterNs"] as const;

/** @throws RangeError naming the rule and the field, when a value makes no sense. */
export function checkDamagePlan(plan: DamagePlan): void {
  for (const [index, rule] of (plan.rules ?? []).entries()) {
    try {
      checkRule(rule);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(`rule ${index + 1} of the damage: ${error.message}`, { cause: error });
    }
  }
  let before = 0;
  for (const event of plan.events ?? []) {
    if (!Number.isSafeInteger(event.frame) || event.frame < before) {
      throw new RangeError(`the events of the damage must be in ascending order of frames, and ${event.frame} is not.`);
    }
    checkEvent(event);
    before = event.frame;
  }
}

function checkEvent(event: DamageEvent): void {
  const of = `the event of the damage for frame ${event.frame}`;
  if (event.what === "lost") return;
  if (event.what === "corrupted") {
    if (!Number.isSafeInteger(event.bit) || event.bit < 0) throw new RangeError(`${of}: ${event.bit} is no bit.`);
    return;
  }
  const timeNs = event.what === "reordered" ? event.withinNs : event.delayNs;
  if (!(timeNs >= 0 && timeNs <= TIME_LIMIT_NS)) throw new RangeError(`${of}: ${timeNs} is no time in nanoseconds.`);
  if (event.what === "reordered" && !(Number.isInteger(event.frameCount) && event.frameCount >= 1)) {
    throw new RangeError(`${of}: ${event.frameCount} is no number of frames that overtake it.`);
  }
}

function checkRule(rule: DamageRule): void {
  for (const name of PROBABILITIES) {
    const value = rule[name] ?? 0;
    if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} is a probability, 0 to 1, not ${value}.`);
  }
  for (const name of DURATIONS) {
    const value = rule[name] ?? 0;
    if (!(value >= 0 && value <= TIME_LIMIT_NS))
      throw new RangeError(`${name} is a time of up to 10^15 ns, not ${value}.`);
  }
  if ((rule.jitterNs ?? 0) > (rule.delayNs ?? 0)) {
    throw new RangeError("the jitter is larger than the delay: no frame comes before it is sent.");
  }
  if (!((rule.burstLength ?? 1) >= 1)) throw new RangeError(`burstLength is 1 or more, not ${rule.burstLength}.`);
  const window = rule.reorderWindow ?? 1;
  if (!Number.isInteger(window) || window < 1 || window > 65_536) {
    throw new RangeError(`reorderWindow is a whole number of frames, 1 to 65,536, not ${window}.`);
  }
  for (const [first, last] of [...(rule.sequences ?? []), ...(rule.frames ?? [])]) {
    if (!(Number.isSafeInteger(first) && Number.isSafeInteger(last) && first >= 0 && first <= last)) {
      throw new RangeError(`${first}..${last} is no range: want first..last, both whole numbers and included.`);
    }
  }
  if (rule.line !== undefined) lineFilter(rule.line);
}
