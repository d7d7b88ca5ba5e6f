/**
 * The project's only generator of chance outside fast-check: xoshiro128** (Blackman and Vigna, 2018), seeded by
 * splitmix32. Its whole state is four 32-bit words in a typed array, which may be a view of a SharedArrayBuffer, so that
 * a snapshot, a restore and a state hash are a copy of 16 bytes. No method allocates.
 */

const TWO_TO_32 = 0x1_0000_0000;

/** Words of state that an `Rng` keeps in its `Uint32Array`. */
export const RNG_STATE_WORDS = 4;

/** The finaliser of MurmurHash3, as splitmix32 uses it: a bijection of 32-bit words. */
function mix32(word: number): number {
  let mixed = word;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Folds a seed of up to 53 bits into 32: seeds below 2^32 are taken as they are. */
function foldSeed(seed: number): number {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`A seed is an integer from 0 to 2^53 - 1, not ${seed}.`);
  }
  const high = Math.floor(seed / TWO_TO_32);
  return high === 0 ? seed >>> 0 : ((seed >>> 0) ^ mix32(high)) >>> 0;
}

/**
 * A seed for stream `streamIndex` of a run seeded with `seed`: a queue, a wire or a fault gets a stream of its own, so
 * that one of them drawing more often does not shift what the others draw.
 */
export function deriveSeed(seed: number, streamIndex: number): number {
  return mix32((mix32(foldSeed(seed) ^ 0x6a09_e667) + Math.imul(streamIndex, 0x9e37_79b9)) | 0);
}

/** One stream of chance. Not for cryptography. One owner at a time: the state is read and written without `Atomics`. */
export class Rng {
  /** The four words of xoshiro128**; never all zero after seeding. */
  readonly state: Uint32Array;

  /**
   * Seeds `state` (a fresh array when none is given) from `seed`.
   * @throws RangeError when the seed is no integer of 0 to 2^53 - 1, or `state` has fewer than four words.
   */
  constructor(seed: number, state: Uint32Array = new Uint32Array(RNG_STATE_WORDS)) {
    if (state.length < RNG_STATE_WORDS) {
      throw new RangeError(`An Rng keeps ${RNG_STATE_WORDS} words of state; the array given has ${state.length}.`);
    }
    this.state = state;
    this.seed(seed);
  }

  /** Attaches to a state that another `Rng` left in shared memory or in a snapshot, and goes on where that one stopped. */
  static resume(state: Uint32Array): Rng {
    const words = state.slice(0, RNG_STATE_WORDS);
    const rng = new Rng(0, state);
    state.set(words);
    return rng;
  }

  /** Starts the stream again at `seed`. */
  seed(seed: number): void {
    // Four outputs of splitmix32 for four different counters differ, so at most one of them is zero.
    let counter = foldSeed(seed);
    for (let wordIndex = 0; wordIndex < RNG_STATE_WORDS; wordIndex++) {
      counter = (counter + 0x9e37_79b9) | 0;
      this.state[wordIndex] = mix32(counter);
    }
  }

  /** The next 32 random bits as a signed word: what a hot loop takes, because a Number above 2^31 may be boxed. */
  nextI32(): number {
    const state = this.state;
    const s0 = state[0] as number;
    const s1 = state[1] as number;
    let s2 = state[2] as number;
    let s3 = state[3] as number;
    const scrambled = Math.imul(s1, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    s2 ^= s0;
    s3 ^= s1;
    state[0] = s0 ^ s3;
    state[1] = s1 ^ s2;
    state[2] = s2 ^ (s1 << 9);
    state[3] = (s3 << 11) | (s3 >>> 21);
    return result;
  }

  /** The next 32 random bits, 0 to 2^32 - 1. */
  nextU32(): number {
    return this.nextI32() >>> 0;
  }

  /**
   * An integer of 0 to `bound` - 1, every one equally likely.
   * @throws RangeError unless `bound` is an integer of 1 to 2^32.
   */
  below(bound: number): number {
    const divisor = bound >>> 0;
    if (divisor !== bound || divisor === 0) return this.#belowAll(bound);
    // 2^32 mod bound: as many draws as this would favour small results, so the lowest ones are drawn again. Fewer than
    // half of all draws are, so the loop ends at once or nearly so (64 turns: once in 2^64).
    const threshold = (-divisor >>> 0) % divisor;
    let draw = this.nextI32() >>> 0;
    while (draw < threshold) draw = this.nextI32() >>> 0;
    return draw % divisor;
  }

  /** An integer of `lowest` to `highest`, both included. */
  between(lowest: number, highest: number): number {
    return lowest + this.below(highest - lowest + 1);
  }

  /** A multiple of 2^-32 in [0, 1). */
  fraction(): number {
    return (this.nextI32() >>> 0) / TWO_TO_32;
  }

  /**
   * True with the given probability: never for 0, always for 1. Always draws once, so that raising one fault's
   * probability from zero does not shift the rest of the stream.
   * @throws RangeError unless `probability` is in [0, 1].
   */
  chance(probability: number): boolean {
    if (!(probability >= 0 && probability <= 1)) {
      throw new RangeError(`A probability is from 0 to 1, not ${probability}.`);
    }
    return this.nextI32() >>> 0 < probability * TWO_TO_32;
  }

  #belowAll(bound: number): number {
    if (bound === TWO_TO_32) return this.nextU32();
    throw new RangeError(`Rng.below needs an integer bound of 1 to 2^32, not ${bound}.`);
  }
}
