import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as reg from "./registers.ts";

const CYCLES_PER_NS = reg.CLOCK_HZ / 1e9;

// Places in the state: when the clock was last set or its rate changed, what it showed then, and cycles a nanosecond.
const SINCE_NS = 0;
const CYCLES = 1;
const RATE = 2;

/**
 * The clock that stamps frames: cycles of CLK_HZ since power-on, of which registers and chunks show the lower 32 bits.
 * CLK_SET sets it, CLK_ADJ makes it gain or lose one cycle in every n. All in a typed array: doubles in fields are boxed.
 */
export class HardwareClock {
  readonly #port: DevicePort;
  readonly #state = new Float64Array(3);

  constructor(port: DevicePort, registers: RegisterFile) {
    this.#port = port;
    registers.beforeRead(reg.HW_TIME, () => {
      port.clock.refresh();
      registers.set(reg.HW_TIME, this.cycles(0));
    });
    registers.onWrite(reg.CLK_SET, (_index, _value, _before, written) => this.#restart(written >>> 0));
    registers.onWrite(reg.CLK_ADJ, (_index, value) => this.#adjust(value));
  }

  /** What the clock showed `ageNs` ago, as int32. On the wall clock as of the machine's last look at it. */
  cycles(ageNs: number): number {
    const state = this.#state;
    const elapsedNs = (this.#port.clock.now[0] as number) - ageNs - (state[SINCE_NS] as number);
    // Before the clock was set it had the same rate: a stamp may lie a little before it.
    return Math.floor((state[CYCLES] as number) + elapsedNs * (state[RATE] as number)) | 0;
  }

  reset(): void {
    this.#port.clock.refresh();
    this.#state[SINCE_NS] = this.#port.clock.now[0] as number;
    this.#state[CYCLES] = 0;
    this.#state[RATE] = CYCLES_PER_NS;
  }

  snapshot(): Float64Array {
    return this.#state.slice();
  }

  restore(state: unknown): void {
    this.#state.set(state as Float64Array);
  }

  #restart(cycles: number): void {
    this.#port.clock.refresh();
    this.#state[SINCE_NS] = this.#port.clock.now[0] as number;
    this.#state[CYCLES] = cycles;
  }

  #adjust(value: number): void {
    this.#port.clock.refresh();
    this.#restart(this.cycles(0) >>> 0);
    const interval = fieldOf(value, reg.CLK_ADJ.fields.INTERVAL);
    const gain = (value & reg.CLK_ADJ.fields.INCREMENT.mask) === 0 ? -1 : 1;
    this.#state[RATE] = interval === 0 ? CYCLES_PER_NS : CYCLES_PER_NS * (1 + gain / interval);
  }
}
