/** The most packets in any window of so many nanoseconds. Plain data. */
export interface Burst {
  readonly windowNs: number;
  readonly packetCount: number;
  /** More packets than are remembered fell into one window: there were at least so many. */
  readonly isAtLeast: boolean;
  /** Time of the first packet of the first such window, from the first packet of all. */
  readonly startSeconds: number;
  readonly startNanoseconds: number;
}

export const BURST_WINDOWS_NS: readonly number[] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

const INITIAL_CAPACITY = 4096;
/** Packets that are remembered, 24 MiB of times: a window with more of them is reported as "at least". */
const BURST_PACKET_LIMIT = 2 * 1024 * 1024;

/**
 * Finds the densest stretches of a capture. A window slides: it is [t, t + width) for every packet's time t, so that a
 * burst which straddles two seconds counts as one. All windows look at one ring of times.
 */
export class BurstMeter {
  readonly #limit: number;
  #capacity = INITIAL_CAPACITY;
  #seconds = new Float64Array(INITIAL_CAPACITY);
  #nanoseconds = new Int32Array(INITIAL_CAPACITY);
  /** Packets so far; packet n lies at n modulo the capacity. */
  #count = 0;
  /** Of each window: its first packet now, the most it held, the packet with which that window began, its time. */
  readonly #first = new Float64Array(BURST_WINDOWS_NS.length);
  readonly #most = new Float64Array(BURST_WINDOWS_NS.length);
  readonly #mostSeconds = new Float64Array(BURST_WINDOWS_NS.length);
  readonly #mostNanoseconds = new Int32Array(BURST_WINDOWS_NS.length);
  readonly #isAtLeast = new Uint8Array(BURST_WINDOWS_NS.length);

  /** `packetLimit`, a power of two, is for tests; {@link BURST_PACKET_LIMIT} when left out. */
  constructor(packetLimit: number = BURST_PACKET_LIMIT) {
    this.#limit = packetLimit;
  }

  /** Adds a packet. Times never go back. */
  record(seconds: number, nanoseconds: number): void {
    if (this.#count >= this.#capacity && this.#capacity < this.#limit) this.#growIfNeeded();
    const mask = this.#capacity - 1;
    const at = this.#count & mask;
    this.#seconds[at] = seconds;
    this.#nanoseconds[at] = nanoseconds;
    this.#count++;
    const oldest = this.#count - this.#capacity;
    for (let window = 0; window < BURST_WINDOWS_NS.length; window++) {
      const widthNs = BURST_WINDOWS_NS[window] as number;
      let first = this.#first[window] as number;
      let isFull = false;
      if (first < oldest) {
        first = oldest;
        isFull = true;
      }
      while (this.#ageNs(first & mask, seconds, nanoseconds) >= widthNs) {
        first++;
        isFull = false;
      }
      this.#first[window] = first;
      const packetCount = this.#count - first;
      if (isFull) this.#isAtLeast[window] = 1;
      if (packetCount <= (this.#most[window] as number)) continue;
      this.#most[window] = packetCount;
      this.#mostSeconds[window] = this.#seconds[first & mask] as number;
      this.#mostNanoseconds[window] = this.#nanoseconds[first & mask] as number;
    }
  }

  report(): Burst[] {
    return BURST_WINDOWS_NS.map((windowNs, window) => ({
      windowNs,
      packetCount: this.#most[window] as number,
      isAtLeast: this.#isAtLeast[window] === 1,
      startSeconds: this.#mostSeconds[window] as number,
      startNanoseconds: this.#mostNanoseconds[window] as number,
    }));
  }

  #ageNs(at: number, seconds: number, nanoseconds: number): number {
    return (seconds - (this.#seconds[at] as number)) * 1e9 + (nanoseconds - (this.#nanoseconds[at] as number));
  }

  /** Doubles the ring when the longest window reaches back to its oldest packet. */
  #growIfNeeded(): void {
    const oldest = this.#count - this.#capacity;
    if ((this.#first.at(-1) as number) > oldest) return;
    const seconds = new Float64Array(2 * this.#capacity);
    const nanoseconds = new Int32Array(2 * this.#capacity);
    const mask = this.#capacity - 1;
    for (let packet = oldest; packet < this.#count; packet++) {
      seconds[packet & (2 * mask + 1)] = this.#seconds[packet & mask] as number;
      nanoseconds[packet & (2 * mask + 1)] = this.#nanoseconds[packet & mask] as number;
    }
    this.#capacity *= 2;
    this.#seconds = seconds;
    this.#nanoseconds = nanoseconds;
  }
}
