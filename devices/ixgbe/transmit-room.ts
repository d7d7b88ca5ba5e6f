import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as reg from "./registers.ts";
import { WIRE_TIMER } from "./timers.ts";
import type { TransmitBuffer } from "./transmit-buffer.ts";

/** 10 Gb/s. */
const BYTES_PER_NS = 1.25;
/** More than any packet buffer has: how much more does not matter. */
const WIRE_BYTES_MAX: number = 1 << 30;

/**
 * Room in the transmit packet buffer (TXPBSIZE(0); 160 KiB for one traffic class): where frames lie from the moment that
 * their data is asked for until the wire has taken them. Sent frames lie on the wire here, which says how far behind it
 * is. When the buffer is full the next frame's data is not fetched, and so the ring fills up, and nothing is lost.
 */
export class TransmitRoom {
  /**
   * At least so much is free: the wire only empties it. Whoever begins a frame takes it away; a frame may begin while
   * this is above 0, or when {@link ask} has found room.
   */
  freeBytes = 0;
  /** The next frame waits for room, and the timer runs. */
  isAwaited = false;
  #sizeBytes = 0;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #buffer: TransmitBuffer;

  constructor(port: DevicePort, registers: RegisterFile, buffer: TransmitBuffer) {
    this.#port = port;
    this.#registers = registers;
    this.#buffer = buffer;
    registers.onWrite(reg.TXPBSIZE, () => {
      this.refresh();
      this.freeBytes = 0;
    });
  }

  /** Takes over TXPBSIZE. */
  refresh(): void {
    this.#sizeBytes = this.#registers.get(reg.TXPBSIZE) & reg.TXPBSIZE.fields.SIZE.mask;
  }

  /** What was known to be free is taken: asks the wire. False when the next frame has to wait for the timer. */
  ask(): boolean {
    if (this.isAwaited) return false;
    let usedBytes = this.#measure();
    if (usedBytes >= this.#sizeBytes) {
      // The wire may have gone on since the last look at the clock.
      this.#port.clock.refresh();
      usedBytes = this.#measure();
    }
    const freeBytes = (this.#sizeBytes - usedBytes) | 0;
    // Empty it takes a frame, however small it is.
    if (freeBytes > 0 || usedBytes === 0) {
      this.freeBytes = freeBytes > 0 ? freeBytes : 1;
      return true;
    }
    // Not frame by frame: the wire has enough to do until a sixteenth is free.
    this.freeBytes = 0;
    this.isAwaited = true;
    this.#port.startTimer(WIRE_TIMER, Math.ceil(((this.#sizeBytes >> 4) - freeBytes) / BYTES_PER_NS) + 1);
    return false;
  }

  /** The timer ran out. */
  onTimer(): void {
    this.isAwaited = false;
  }

  reset(): void {
    this.freeBytes = 0;
    this.isAwaited = false;
  }

  snapshot(): unknown {
    return { freeBytes: this.freeBytes, isAwaited: this.isAwaited } satisfies State;
  }

  restore(state: unknown): void {
    const { freeBytes, isAwaited } = state as State;
    this.freeBytes = freeBytes;
    this.isAwaited = isAwaited;
  }

  /** Bytes of frames whose data is on its way, and of those that the wire has still to take. */
  #measure(): number {
    const wireBytes = Math.ceil(this.#port.wireBacklogNs(0) * BYTES_PER_NS);
    // Cut to int32: a Number with a fraction, or that might have one, is an object on the heap once it is kept in a field.
    return (this.#buffer.usedBytes + Math.min(wireBytes, WIRE_BYTES_MAX)) | 0;
  }
}

interface State {
  readonly freeBytes: number;
  readonly isAwaited: boolean;
}
