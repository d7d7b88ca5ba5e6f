/** One bucket of a histogram: durations from `fromNs` up to below `toNs`. Plain data. */
export interface DurationBucket {
  readonly fromNs: number;
  readonly toNs: number;
  readonly count: number;
}

/** Eight buckets to a doubling: each is at most an eighth wider than it begins. */
const STEPS_LOG2 = 3;
const STEPS = 1 << STEPS_LOG2;
/** Up to 2^52 ns, seven weeks; what is longer is in the last one. */
const BUCKET_COUNT = (52 - STEPS_LOG2 + 1) * STEPS;

/** Counts whole nanoseconds in buckets that widen with them, for pictures. Allocates nothing for a sample. */
export class DurationHistogram {
  readonly #counts = new Float64Array(BUCKET_COUNT);

  /** Adds a duration of `durationNs` whole nanoseconds, 0 or more. */
  record(durationNs: number): void {
    const at = bucketOf(durationNs);
    this.#counts[at] = (this.#counts[at] as number) + 1;
  }

  /** Adds what another one has counted. */
  add(other: DurationHistogram): void {
    for (let at = 0; at < BUCKET_COUNT; at++)
      this.#counts[at] = (this.#counts[at] as number) + (other.#counts[at] as number);
  }

  /** From the first bucket that holds something to the last, empty ones between them included. */
  buckets(): DurationBucket[] {
    const first = this.#counts.findIndex((count) => count > 0);
    const end = this.#counts.findLastIndex((count) => count > 0) + 1;
    if (first < 0) return [];
    return Array.from(this.#counts.subarray(first, end), (count, offset) => {
      return { fromNs: startOf(first + offset), toNs: startOf(first + offset + 1), count };
    });
  }
}

function bucketOf(durationNs: number): number {
  if (durationNs < STEPS) return durationNs;
  // Beyond 31 bits the lower ones do not matter for a bucket.
  const isLong = durationNs >= 2 ** 31;
  const word = isLong ? Math.floor(durationNs / 2 ** 21) : durationNs;
  const exponent = 31 - Math.clz32(word);
  const step = (word >>> (exponent - STEPS_LOG2)) & (STEPS - 1);
  const bucket = (exponent + (isLong ? 21 : 0) - STEPS_LOG2 + 1) * STEPS + step;
  return Math.min(bucket, BUCKET_COUNT - 1);
}

function startOf(bucket: number): number {
  if (bucket < STEPS) return bucket;
  const exponent = Math.floor(bucket / STEPS) + STEPS_LOG2 - 1;
  return 2 ** exponent * (1 + (bucket % STEPS) / STEPS);
}
