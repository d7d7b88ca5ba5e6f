import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { wireByteLength } from "../../emulator/wire/line-rate.ts";
import * as reg from "./registers.ts";
import { WIRE_TIMER } from "./timers.ts";
import type { TransmitBuffer } from "./transmit-buffer.ts";

/** 10 Gb/s. */
const BYTES_PER_NS = 1.25;

/**
 * Room in the transmit packet buffer (TXPBSIZE(0); 160 KiB for one traffic class): where frames lie from the moment that
 * their data is asked for until the wire has taken them. Sent frames lie on the wire here, which says how far behind it
 * is. When the buffer is full the next frame's data is not fetched, and so the ring fills up, and nothing is lost.
 */
export class TransmitRoom {
  /** The next frame waits for room, and the timer runs. */
  isAwaited = false;
  /** At least so much is free: the wire only empties it. Below 0 when the last frame was larger than the room. */
  #freeBytes = 0;
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
      this.#freeBytes = 0;
    });
  }

  /** Takes over TXPBSIZE. */
  refresh(): void {
    this.#sizeBytes = this.#registers.get(reg.TXPBSIZE) & reg.TXPBSIZE.fields.SIZE.mask;
  }

  /** Takes the room of a frame. False when it has to wait for the timer. */
  take(byteLength: number): boolean {
    const wireBytes = wireByteLength(byteLength);
    if (wireBytes > this.#freeBytes) return this.#ask(wireBytes);
    this.#freeBytes -= wireBytes;
    return true;
  }

  /** The timer ran out. */
  onTimer(): void {
    this.isAwaited = false;
  }

  reset(): void {
    this.isAwaited = false;
    this.#freeBytes = 0;
  }

  snapshot(): unknown {
    return { isAwaited: this.isAwaited, freeBytes: this.#freeBytes };
  }

  restore(state: unknown): void {
    const { isAwaited, freeBytes } = state as { isAwaited: boolean; freeBytes: number };
    this.isAwaited = isAwaited;
    this.#freeBytes = freeBytes;
  }

  #ask(wireBytes: number): boolean {
    const size = this.#sizeBytes;
    // A frame that is to be segmented may be larger than the buffer, and goes through it in parts.
    const wanted = Math.min(wireBytes, size >> 1);
    let free = this.#measure();
    if (free < wanted) {
      this.#port.clock.refresh();
      free = this.#measure();
    }
    this.#freeBytes = free - wireBytes;
    if (free >= wanted) return true;
    // Not frame by frame: the wire has enough to do meanwhile.
    const missing = Math.max(wanted, size >> 4) - free;
    this.#freeBytes = 0;
    this.isAwaited = true;
    this.#port.startTimer(WIRE_TIMER, Math.ceil(missing / BYTES_PER_NS));
    return false;
  }

  #measure(): number {
    return this.#sizeBytes - this.#buffer.usedBytes - Math.ceil(this.#port.wireBacklogNs(0) * BYTES_PER_NS);
  }
}
