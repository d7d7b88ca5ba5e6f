/** Nanoseconds, kept in a typed array: a double that lives in an array is not boxed when it changes. */
export interface Clock {
  /** `now[0]`: the time in nanoseconds, as of the last {@link refresh}. */
  readonly now: Float64Array;
  readonly kind: "virtual" | "wall";
  /** Brings `now` up to date; nothing to do for virtual time, which others move. */
  refresh(): void;
}

/** Time that moves only when it is told to: exact, repeatable, as fast as the machine. Starts at 0. */
export class VirtualClock implements Clock {
  readonly now: Float64Array;
  readonly kind = "virtual";

  /** `now` may be a view of shared memory. */
  constructor(now: Float64Array = new Float64Array(1)) {
    this.now = now;
  }

  refresh(): void {}

  /** Moves to `timeNs`; never backwards. */
  advanceTo(timeNs: number): void {
    if (timeNs > (this.now[0] as number)) this.now[0] = timeNs;
  }

  advanceBy(durationNs: number): void {
    this.now[0] = (this.now[0] as number) + durationNs;
  }
}
