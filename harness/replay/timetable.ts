import type { BurstScaling, ReplaySpeed } from "./replay-speed.ts";

const KEPT = 0;
const IDLE = 1;
const CUT = 2;
const LINE_BYTES = 3;

/**
 * Turns recorded gaps into the times at which frames are to arrive, from the first one on. What is added up are whole
 * nanoseconds and bytes, and a time is rounded once, from the sums: after a billion frames it is as exact as after one.
 */
export class Timetable {
  /** `[0]`: when the frame taken last is to arrive, in whole nanoseconds. */
  readonly plannedNs: Float64Array = new Float64Array(1);
  /** Recorded gaps that were kept and that were idle, and idle ones that were cut down; bytes of link time. */
  readonly #sums = new Float64Array(4);
  readonly #factor: number;
  readonly #gigabitsPerSecond: number;
  readonly #burstGapNs: number;
  readonly #idle: number;
  #isBegun = false;

  /** "max" plans as recorded: nobody waits for the times, but they say what comes before what. */
  constructor(speed: ReplaySpeed, bursts?: BurstScaling) {
    this.#factor = typeof speed === "number" ? speed : 1;
    this.#gigabitsPerSecond = typeof speed === "object" ? speed.gigabitsPerSecond : 0;
    this.#burstGapNs = bursts?.gapNs ?? Number.POSITIVE_INFINITY;
    this.#idle = bursts === undefined || bursts.idle === "max" ? Number.POSITIVE_INFINITY : bursts.idle;
  }

  /** Plans a frame that was recorded `gapNs[0]` (0 or more) after the one before it and takes `wireBytes` of link time. */
  take(gapNs: Float64Array, wireBytes: number): void {
    if (!this.#isBegun) {
      this.#isBegun = true;
      return;
    }
    const sums = this.#sums;
    if (this.#gigabitsPerSecond > 0) {
      // A frame arrives when its last bit has: its own link time after the last bit of the one before.
      sums[LINE_BYTES] = (sums[LINE_BYTES] as number) + wireBytes;
      this.plannedNs[0] = Math.round(((sums[LINE_BYTES] as number) * 8) / this.#gigabitsPerSecond);
      return;
    }
    const gap = gapNs[0] as number;
    if (gap < this.#burstGapNs) sums[KEPT] = (sums[KEPT] as number) + gap;
    else if (gap / this.#idle < this.#burstGapNs / this.#factor) sums[CUT] = (sums[CUT] as number) + this.#burstGapNs;
    else sums[IDLE] = (sums[IDLE] as number) + gap;
    const bursts = ((sums[KEPT] as number) + (sums[CUT] as number)) / this.#factor;
    this.plannedNs[0] = Math.round(bursts + (sums[IDLE] as number) / this.#idle);
  }
}
