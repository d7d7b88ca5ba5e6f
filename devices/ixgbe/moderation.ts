import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf, placed } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as reg from "./registers.ts";
import { FIRST_THROTTLE_TIMER, VECTOR_COUNT } from "./timers.ts";

/** EITR, bits 11:3, counts 2 µs at 10 Gb/s; the model takes it for every speed. */
const INTERVAL_UNIT_NS = 2_000;
/** ITR_COUNTER is bits 8–2 of the units that are left. */
const COUNTER_STEP_UNITS = 4;
const { ITR_INTERVAL, ITR_COUNTER, LLI_CREDIT, CNT_WDIS } = reg.EITR.fields;
/** What a write of EITR loads unless it has CNT_WDIS. */
const LOADED = ITR_COUNTER.mask | LLI_CREDIT.mask;

/**
 * Interrupt moderation (data sheet 7.3.2.1): after an interrupt the next one of the same vector waits for an interval.
 * With one interrupt for all causes it is that of vector 0.
 */
export class Moderation {
  /** When the interval of a vector ends, in nanoseconds; counts while its timer runs. */
  readonly #endsAt: Float64Array = new Float64Array(VECTOR_COUNT);
  readonly #onExpired: (vector: number) => void;
  readonly #port: DevicePort;
  readonly #values: Int32Array;
  readonly #throttleAt: number;

  /** `onExpired` is called when an interval ends before its time; the timer's end comes from outside. */
  constructor(port: DevicePort, registers: RegisterFile, onExpired: (vector: number) => void) {
    this.#port = port;
    this.#onExpired = onExpired;
    this.#values = registers.values;
    this.#throttleAt = registers.map.ordinal(reg.EITR);
    registers.onWrite(reg.EITR, (vector, value, before) => this.#write(vector, value, before));
    registers.beforeRead(reg.EITR, (vector) => this.#showCounter(vector));
  }

  /** The vector whose timer this is. */
  static vectorOf(timer: number): number {
    return timer - FIRST_THROTTLE_TIMER;
  }

  /** True while an interrupt of the vector has to wait. */
  isRunning(vector: number): boolean {
    return this.#port.isTimerArmed(FIRST_THROTTLE_TIMER + vector);
  }

  /** Starts the interval unless it runs. Does nothing for a vector that is not moderated. */
  start(vector: number): void {
    if (!this.isRunning(vector)) this.restart(vector);
  }

  /** Starts the interval anew: an interrupt was sent. */
  restart(vector: number): void {
    const value = this.#values[this.#throttleAt + vector] as number;
    const units = (value & ITR_INTERVAL.mask) >>> ITR_INTERVAL.low;
    if (units !== 0) this.#run(vector, units);
  }

  /** Ends the interval of a vector, if there is one (-1: none) and it runs, with all that its end brings about. */
  end(vector: number): void {
    if (vector < 0 || !this.isRunning(vector)) return;
    this.#port.stopTimer(FIRST_THROTTLE_TIMER + vector);
    this.#onExpired(vector);
  }

  snapshot(): Float64Array {
    return this.#endsAt.slice();
  }

  restore(endsAt: Float64Array): void {
    this.#endsAt.set(endsAt);
  }

  #run(vector: number, units: number): void {
    const delayNs = units * INTERVAL_UNIT_NS;
    this.#port.startTimer(FIRST_THROTTLE_TIMER + vector, delayNs);
    this.#endsAt[vector] = (this.#port.clock.now[0] as number) + delayNs;
  }

  /**
   * 8.2.3.5.12: without CNT_WDIS the write loads counter and credit as well, and a counter of 0 lets what waits go at
   * once, which is why drivers that only change the interval set the bit. It acts on this write alone and reads as 0.
   */
  #write(vector: number, value: number, before: number): void {
    const keeps = (value & CNT_WDIS.mask) !== 0;
    const credit = (keeps ? before : value) & LLI_CREDIT.mask;
    this.#values[this.#throttleAt + vector] = (value & ~(CNT_WDIS.mask | LOADED)) | credit;
    if (vector >= VECTOR_COUNT) return;
    // Without an interval nothing is moderated, whatever the counter says.
    const isOff = (value & ITR_INTERVAL.mask) === 0;
    if (keeps && !isOff) return;
    const units = isOff ? 0 : fieldOf(value, ITR_COUNTER) * COUNTER_STEP_UNITS;
    if (units === 0) this.end(vector);
    else this.#run(vector, units);
  }

  #showCounter(vector: number): void {
    const at = this.#throttleAt + vector;
    let units = 0;
    if (vector < VECTOR_COUNT && this.isRunning(vector)) {
      const { clock } = this.#port;
      clock.refresh();
      const leftNs = (this.#endsAt[vector] as number) - (clock.now[0] as number);
      units = Math.ceil(Math.max(0, leftNs) / INTERVAL_UNIT_NS);
    }
    const counter = placed(ITR_COUNTER, Math.floor(units / COUNTER_STEP_UNITS));
    this.#values[at] = ((this.#values[at] as number) & ~ITR_COUNTER.mask) | counter;
  }
}
