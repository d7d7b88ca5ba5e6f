/** A timer that runs: the event that has armed it, and what the device calls it. */
export interface ArmedTimer {
  readonly seq: number;
  /** Empty where the device has no word for it. */
  readonly what: string;
}

/** The timers that run, by device and number. */
export class ArmedTimers {
  readonly #armed: Map<number, ArmedTimer>[] = [];

  started(device: number, timer: number, armed: ArmedTimer): void {
    this.#armed[device] ??= new Map();
    this.#armed[device]?.set(timer, armed);
  }

  /** It has run out, or was stopped. */
  take(device: number, timer: number): ArmedTimer | undefined {
    const armed = this.#armed[device]?.get(timer);
    this.#armed[device]?.delete(timer);
    return armed;
  }

  /** A reset stops them all. */
  reset(device: number): void {
    this.#armed[device]?.clear();
  }
}
