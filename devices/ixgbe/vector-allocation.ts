import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { QUEUE_COUNT } from "./queues.ts";
import * as reg from "./registers.ts";

export const NO_VECTOR = -1;

/** IVAR and IVAR_MISC: which vector, or with one interrupt which bit of EICR, a queue and the other causes have (7.3.1). */
export class VectorAllocation {
  /** By queue; {@link NO_VECTOR} where none is valid. */
  readonly receive: Int8Array = new Int8Array(QUEUE_COUNT).fill(NO_VECTOR);
  readonly transmit: Int8Array = new Int8Array(QUEUE_COUNT).fill(NO_VECTOR);
  readonly #registers: RegisterFile;

  constructor(registers: RegisterFile) {
    this.#registers = registers;
    registers.onWrite(reg.IVAR, (index, value) => {
      this.receive[2 * index] = vectorOf(value);
      this.transmit[2 * index] = vectorOf(value >>> 8);
      this.receive[2 * index + 1] = vectorOf(value >>> 16);
      this.transmit[2 * index + 1] = vectorOf(value >>> 24);
    });
  }

  get tcpTimer(): number {
    return vectorOf(this.#registers.get(reg.IVAR_MISC));
  }

  /** Of all causes 16–29. */
  get other(): number {
    return vectorOf(this.#registers.get(reg.IVAR_MISC) >>> 8);
  }

  reset(): void {
    this.receive.fill(NO_VECTOR);
    this.transmit.fill(NO_VECTOR);
  }
}

/** The vector in the low byte of an allocation. */
function vectorOf(allocation: number): number {
  return (allocation & 0x80) === 0 ? NO_VECTOR : allocation & 0x3f;
}
