const NS_PER_SECOND = 1_000_000_000;
const TWO_TO_32 = 0x1_0000_0000;

/** A time since 1970 that came as 64 bits of nanoseconds: more than a Number holds, so it is kept in two parts. */
export class EpochTime {
  seconds = 0;
  nanoseconds = 0;

  /** Takes an unsigned 64-bit count of nanoseconds, given as two words. */
  set(high: number, low: number): void {
    // The quotient is off by one at most, since its rounding error is; the remainder says by how much, and 32 bits of it
    // are enough to see that.
    let seconds = Math.floor(((high >>> 0) * TWO_TO_32 + (low >>> 0)) / NS_PER_SECOND);
    let nanoseconds = (low - Math.imul(seconds | 0, NS_PER_SECOND)) | 0;
    if (nanoseconds < 0) {
      seconds--;
      nanoseconds += NS_PER_SECOND;
    } else if (nanoseconds >= NS_PER_SECOND) {
      seconds++;
      nanoseconds -= NS_PER_SECOND;
    }
    this.seconds = seconds;
    this.nanoseconds = nanoseconds;
  }

  isAfter(other: EpochTime): boolean {
    return this.seconds > other.seconds || (this.seconds === other.seconds && this.nanoseconds > other.nanoseconds);
  }

  copyFrom(other: EpochTime): void {
    this.seconds = other.seconds;
    this.nanoseconds = other.nanoseconds;
  }
}
