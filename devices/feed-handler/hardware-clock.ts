import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as reg from "./registers.ts";

const TWO_TO_32 = 0x1_0000_0000;
const NS_PER_CYCLE: number = reg.NS_PER_CYCLE;
// Where the registers of stage 0 are among the values of the file; those of the others follow.
const ordinal = (register: Register): number => reg.FEED_HANDLER_REGISTER_MAP.ordinal(register);
const [LAST, MIN] = [ordinal(reg.LATENCY_LAST), ordinal(reg.LATENCY_MIN)];
const [MAX, COUNT] = [ordinal(reg.LATENCY_MAX), ordinal(reg.LATENCY_COUNT)];

/** Counts cycles since power-on or reset, and keeps the latencies of the stages in them. */
export class HardwareClock {
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  /** On the wall clock stages take no time, and there is nothing to measure. */
  readonly #isPaced: boolean;
  /** `[0]`: the time at cycle 0. */
  readonly #originNs = new Float64Array(1);

  constructor(port: DevicePort, registers: RegisterFile) {
    this.#port = port;
    this.#registers = registers;
    this.#isPaced = port.clock.kind === "virtual";
    registers.beforeRead(reg.TIME_LOW, () => this.#show());
    registers.beforeRead(reg.TIME_HIGH, () => this.#show());
  }

  /** The counter's lower 32 bits, as of the clock's last look. */
  get cyclesLow(): number {
    return this.#cycles() | 0;
  }

  /** A record has been in a stage since `enteredNs[index]`. */
  count(stage: number, enteredNs: Float64Array, index: number): void {
    const { values } = this.#registers;
    values[COUNT + stage] = ((values[COUNT + stage] as number) + 1) | 0;
    if (!this.#isPaced) return;
    const ns = (this.#port.clock.now[0] as number) - (enteredNs[index] as number);
    const cycles = Math.floor(ns / NS_PER_CYCLE) | 0;
    values[LAST + stage] = cycles;
    if (cycles >>> 0 < (values[MIN + stage] as number) >>> 0) values[MIN + stage] = cycles;
    if (cycles >>> 0 > (values[MAX + stage] as number) >>> 0) values[MAX + stage] = cycles;
  }

  reset(): void {
    this.#port.clock.refresh();
    this.#originNs[0] = this.#port.clock.now[0] as number;
  }

  snapshot(): Float64Array {
    return this.#originNs.slice();
  }

  restore(state: Float64Array): void {
    this.#originNs.set(state);
  }

  #show(): void {
    this.#port.clock.refresh();
    const cycles = this.#cycles();
    this.#registers.set(reg.TIME_LOW, cycles | 0);
    this.#registers.set(reg.TIME_HIGH, Math.floor(cycles / TWO_TO_32));
  }

  #cycles(): number {
    return Math.floor(((this.#port.clock.now[0] as number) - (this.#originNs[0] as number)) / NS_PER_CYCLE);
  }
}
