/** The timers of one device: a fixed number, each armed or not. No timer is an object: state is one Float64Array. */
export class Timers {
  /** Deadline in nanoseconds by timer number; Infinity when not armed. */
  readonly deadlines: Float64Array;
  /** `next[0]`: the earliest deadline. */
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);

  constructor(timerCount: number) {
    this.deadlines = new Float64Array(timerCount).fill(Number.POSITIVE_INFINITY);
  }

  /** Arms timer `timer` for `delayNs` after `now[0]`; an armed timer is set anew. */
  start(timer: number, now: Float64Array, delayNs: number): void {
    const deadline = (now[0] as number) + delayNs;
    const before = this.deadlines[timer] as number;
    this.deadlines[timer] = deadline;
    if (deadline < (this.next[0] as number)) this.next[0] = deadline;
    else if (before === this.next[0]) this.#findNext();
  }

  stop(timer: number): void {
    const before = this.deadlines[timer] as number;
    if (before === Number.POSITIVE_INFINITY) return;
    this.deadlines[timer] = Number.POSITIVE_INFINITY;
    if (before === this.next[0]) this.#findNext();
  }

  isArmed(timer: number): boolean {
    return (this.deadlines[timer] as number) !== Number.POSITIVE_INFINITY;
  }

  stopAll(): void {
    this.deadlines.fill(Number.POSITIVE_INFINITY);
    this.next[0] = Number.POSITIVE_INFINITY;
  }

  /** Takes the earliest timer that is due at `now[0]`, disarms it and returns its number; -1 when none is due. */
  takeDue(now: Float64Array): number {
    if ((this.next[0] as number) > (now[0] as number)) return -1;
    const timer = this.deadlines.indexOf(this.next[0] as number);
    this.deadlines[timer] = Number.POSITIVE_INFINITY;
    this.#findNext();
    return timer;
  }

  #findNext(): void {
    let next = Number.POSITIVE_INFINITY;
    for (let timer = 0; timer < this.deadlines.length; timer++) {
      const deadline = this.deadlines[timer] as number;
      if (deadline < next) next = deadline;
    }
    this.next[0] = next;
  }
}
