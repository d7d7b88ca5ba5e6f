/**
 * pcapng time stamps: a 64-bit count of ticks whose length each interface chooses (option if_tsresol: 10^-n or 2^-n
 * seconds), to whole seconds and nanoseconds. Finer ticks are cut off, not rounded, as Wireshark does.
 */

const NS_PER_SECOND = 1_000_000_000;
const NS_PER_SECOND_BIG = 1_000_000_000n;
/** Up to here every step of the 16-bit long division stays below 2^53. */
const FAST_DECIMAL_EXPONENT_MAX = 11;
/** Up to here remainder times 10^9 has at most 53 significant bits: 32 of the remainder, 21 of 5^9. */
const FAST_BINARY_EXPONENT_MAX = 32;
/** Interfaces without the option count microseconds. */
export const DEFAULT_TIME_RESOLUTION = 6;

/** The clock of one interface. `convert` leaves its result in two fields, so that nothing is allocated. */
export class PcapngClock {
  seconds = 0;
  nanoseconds = 0;
  readonly #ticksPerSecond: number;
  readonly #exponent: number;
  readonly #isBinary: boolean;
  readonly #offsetSeconds: number;
  readonly #isFast: boolean;
  /** Nanoseconds of a rest of ticks = rest * multiplier / divisor, with every product exact. */
  readonly #nsMultiplier: number;
  readonly #nsDivisor: number;

  /**
   * `resolution` is the byte of if_tsresol (high bit set: a power of two), `offsetSeconds` that of if_tsoffset.
   * Up to 10^-11 and 2^-32 s nothing is allocated per time stamp; beyond, BigInt does the work.
   */
  constructor(resolution: number, offsetSeconds: number) {
    this.#isBinary = (resolution & 0x80) !== 0;
    this.#exponent = resolution & 0x7f;
    this.#ticksPerSecond = (this.#isBinary ? 2 : 10) ** this.#exponent;
    this.#offsetSeconds = offsetSeconds;
    this.#isFast = this.#exponent <= (this.#isBinary ? FAST_BINARY_EXPONENT_MAX : FAST_DECIMAL_EXPONENT_MAX);
    this.#nsMultiplier = this.#isBinary ? NS_PER_SECOND : 10 ** Math.max(0, 9 - this.#exponent);
    this.#nsDivisor = this.#isBinary ? this.#ticksPerSecond : 10 ** Math.max(0, this.#exponent - 9);
  }

  /**
   * The 64-bit count of ticks, as two words of any sign, into {@link seconds} and {@link nanoseconds}; seconds are exact
   * below 2^53. (Signed words come without a heap number.)
   */
  convert(high: number, low: number): void {
    if (!this.#isFast) {
      this.#convertSlowly(high, low);
      return;
    }
    // Long division by ticks a second, in digits of 32, 16 and 16 bits: exact for all 64 bits of the count.
    const divisor = this.#ticksPerSecond;
    const high32 = high >>> 0;
    const quotient32 = Math.floor(high32 / divisor);
    let rest = (high32 - quotient32 * divisor) * 0x1_0000 + (low >>> 16);
    const quotient16 = Math.floor(rest / divisor);
    rest = (rest - quotient16 * divisor) * 0x1_0000 + (low & 0xffff);
    const quotient0 = Math.floor(rest / divisor);
    rest -= quotient0 * divisor;
    this.seconds = quotient32 * 0x1_0000_0000 + quotient16 * 0x1_0000 + quotient0 + this.#offsetSeconds;
    this.nanoseconds = Math.floor((rest * this.#nsMultiplier) / this.#nsDivisor);
  }

  #convertSlowly(high: number, low: number): void {
    const ticks = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    const divisor = (this.#isBinary ? 2n : 10n) ** BigInt(this.#exponent);
    const seconds = ticks / divisor;
    this.seconds = Number(seconds) + this.#offsetSeconds;
    this.nanoseconds = Number(((ticks - seconds * divisor) * NS_PER_SECOND_BIG) / divisor);
  }
}
