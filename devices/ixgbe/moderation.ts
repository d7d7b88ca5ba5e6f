import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as reg from "./registers.ts";
import { FIRST_THROTTLE_TIMER, VECTOR_COUNT } from "./timers.ts";

/** EITR, bits 11:3, counts 2 µs at 10 Gb/s. */
const INTERVAL_UNIT_NS = 2_000;
const { ITR_INTERVAL, CNT_WDIS } = reg.EITR.fields;

/**
 * Interrupt moderation (data sheet 7.3.2.1): after an interrupt the next one of the same vector waits for an interval.
 * With one interrupt for all causes it is that of vector 0.
 */
export class Moderation {
  readonly #port: DevicePort;
  readonly #values: Int32Array;
  readonly #throttleAt: number;

  /** `onExpired` is called when a write of EITR ends an interval that runs; the timer's end comes from outside. */
  constructor(port: DevicePort, registers: RegisterFile, onExpired: (vector: number) => void) {
    this.#port = port;
    this.#values = registers.values;
    this.#throttleAt = registers.map.ordinal(reg.EITR);
    registers.onWrite(reg.EITR, (vector, value) => {
      // CNT_WDIS acts on this write alone and reads as 0.
      registers.set(reg.EITR, value & ~CNT_WDIS.mask, vector);
      if (vector >= VECTOR_COUNT || (value & ITR_INTERVAL.mask) !== 0 || !this.isRunning(vector)) return;
      port.stopTimer(FIRST_THROTTLE_TIMER + vector);
      onExpired(vector);
    });
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
    const intervalNs = ((value & ITR_INTERVAL.mask) >>> ITR_INTERVAL.low) * INTERVAL_UNIT_NS;
    if (intervalNs !== 0) this.#port.startTimer(FIRST_THROTTLE_TIMER + vector, intervalNs);
  }

  stopAll(): void {
    for (let vector = 0; vector < VECTOR_COUNT; vector++) this.#port.stopTimer(FIRST_THROTTLE_TIMER + vector);
  }
}
