import type { Clock } from "../../clock/clock.ts";
import { Rng } from "../../run/rng.ts";

/** How a recovery service behaves; every probability is 0 and every limit Infinity unless told otherwise. */
export interface ServiceOptions {
  readonly seed?: number;
  /** From a request to its answer: at least so long. Default 50 µs. */
  readonly latencyNs?: number;
  /** Up to so much longer, every value equally likely. Default 0. */
  readonly latencySpreadNs?: number;
  /** Probability that a request is refused: MoldUDP64 has no word for it and is silent. */
  readonly refusalProbability?: number;
  /** Probability that an answer has fewer messages than it could have; at least one. */
  readonly partialProbability?: number;
  /** Requests in any second; what is more is refused. */
  readonly requestsPerSecond?: number;
  /** Messages that are kept for asking; older ones are gone. Default 1,048,576. */
  readonly retentionMessages?: number;
  /** Memory for them. Default 64 MiB. */
  readonly retentionBytes?: number;
}

export const DEFAULT_RETENTION_MESSAGES: number = 1 << 20;
export const DEFAULT_RETENTION_BYTES: number = 1 << 26;
const NS_PER_SECOND = 1e9;
const RATE_LIMIT_MAX = 65_536;

/** What becomes of a request, decided by chance from the seed and by the clock. */
export class ServicePolicy {
  /** [0]: when the answer to the request just judged is due. */
  readonly answerNs: Float64Array = new Float64Array(1);
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #latencyNs: number;
  readonly #latencySpreadNs: number;
  readonly #refusalProbability: number;
  readonly #partialProbability: number;
  /** Times of the last requests that were let in, as many as a second may have; none without a limit. */
  readonly #admittedNs: Float64Array;
  #admittedAt = 0;

  /** @throws RangeError for a probability outside [0, 1], a negative time, or a rate that is no integer of 1 to 65,536. */
  constructor(clock: Clock, options: ServiceOptions) {
    const { requestsPerSecond = Number.POSITIVE_INFINITY } = options;
    this.#clock = clock;
    this.#rng = new Rng(options.seed ?? 1);
    this.#latencyNs = checkTime("latencyNs", options.latencyNs ?? 50_000);
    this.#latencySpreadNs = checkTime("latencySpreadNs", options.latencySpreadNs ?? 0);
    this.#refusalProbability = checkProbability("refusalProbability", options.refusalProbability ?? 0);
    this.#partialProbability = checkProbability("partialProbability", options.partialProbability ?? 0);
    const isLimited = requestsPerSecond !== Number.POSITIVE_INFINITY;
    if (
      isLimited &&
      !(Number.isInteger(requestsPerSecond) && requestsPerSecond >= 1 && requestsPerSecond <= RATE_LIMIT_MAX)
    ) {
      throw new RangeError(`requestsPerSecond is ${requestsPerSecond}; want 1 to ${RATE_LIMIT_MAX}, or Infinity`);
    }
    this.#admittedNs = new Float64Array(isLimited ? requestsPerSecond : 0).fill(Number.NEGATIVE_INFINITY);
  }

  /** Whether the rate still has room for a request now; takes the room. */
  admit(): boolean {
    const times = this.#admittedNs;
    if (times.length === 0) return true;
    const now = this.#clock.now[0] as number;
    if (now - (times[this.#admittedAt] as number) < NS_PER_SECOND) return false;
    times[this.#admittedAt] = now;
    this.#admittedAt = (this.#admittedAt + 1) % times.length;
    return true;
  }

  /** Whether the request is refused by chance. Draws once. */
  refuses(): boolean {
    return this.#rng.chance(this.#refusalProbability);
  }

  /** How many of `messageCount` messages the answer has. Draws twice. */
  portion(messageCount: number): number {
    const isPartial = this.#rng.chance(this.#partialProbability);
    const part = this.#rng.below(messageCount);
    return isPartial && part > 0 ? part : messageCount;
  }

  /** Sets {@link answerNs}. Draws once when latencies differ. */
  delay(): void {
    const spread = this.#latencySpreadNs;
    const more = spread === 0 ? 0 : this.#rng.below(spread + 1);
    this.answerNs[0] = (this.#clock.now[0] as number) + this.#latencyNs + more;
  }
}

function checkProbability(name: string, value: number): number {
  if (value >= 0 && value <= 1) return value;
  throw new RangeError(`${name} is ${value}; want a probability from 0 to 1`);
}

function checkTime(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw new RangeError(`${name} is ${value}; want whole nanoseconds from 0 to 2^32 - 1`);
}
