import type { Clock } from "../../emulator/clock/clock.ts";
import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DevicePort, DmaDescription } from "../../emulator/pcie/device-model.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { FindingKind } from "../../emulator/run/findings.ts";
import type { TraceLog } from "./trace-log.ts";
import * as ring from "./trace-ring.ts";

/** How a device interrupts; the place in it is what stands in the ring. */
export const INTERRUPT_MODES = ["intx", "msi", "msix"] as const;

/** What a device asks of the machine, noted before it is done. */
export class TracedPort implements DevicePort {
  readonly clock: Clock;
  readonly #port: DevicePort;
  readonly #endpoint: Endpoint;
  readonly #log: TraceLog;
  readonly #place: number;
  #isLineUp = false;

  /** `place` is that of the device. */
  constructor(port: DevicePort, endpoint: Endpoint, log: TraceLog, place: number) {
    this.clock = port.clock;
    this.#port = port;
    this.#endpoint = endpoint;
    this.#log = log;
    this.#place = place;
  }

  get outstandingReads(): number {
    return this.#port.outstandingReads;
  }

  get busMasterEnabled(): boolean {
    return this.#port.busMasterEnabled;
  }

  dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    const about = textOf(this.#endpoint.device.describeRead?.(tag, context));
    this.#log.noteText(ring.DMA_READ, this.#place, byteLength, high, low, tag, context, about);
    this.#port.dmaRead(high, low, byteLength, tag, context);
  }

  dmaWrite(
    high: number,
    low: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    this.#noteWrite(high, low, memory, offset, byteLength, flagOffset, 0);
    this.#port.dmaWrite(high, low, memory, offset, byteLength, flagOffset);
  }

  dmaWriteRelaxed(high: number, low: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.#noteWrite(high, low, memory, offset, byteLength, -1, 1);
    if (this.#port.dmaWriteRelaxed === undefined) this.#port.dmaWrite(high, low, memory, offset, byteLength, -1);
    else this.#port.dmaWriteRelaxed(high, low, memory, offset, byteLength);
  }

  raise(vector: number): void {
    const mode = INTERRUPT_MODES.indexOf(this.#port.interruptMode());
    this.#log.note(ring.INTERRUPT, this.#place, 0, mode, vector, 1, 0);
    this.#port.raise(vector);
  }

  withdraw(vector: number): void {
    this.#port.withdraw?.(vector);
  }

  setLegacyInterrupt(asserted: boolean): void {
    // Devices drive the line anew whenever a cause changes; it is an event when it moves.
    if (asserted !== this.#isLineUp) {
      this.#isLineUp = asserted;
      const mode = INTERRUPT_MODES.indexOf(this.#port.interruptMode());
      this.#log.note(ring.INTERRUPT, this.#place, 0, mode, 0, asserted ? 1 : 0, 0);
    }
    this.#port.setLegacyInterrupt(asserted);
  }

  interruptMode(): "intx" | "msi" | "msix" {
    return this.#port.interruptMode();
  }

  transmit(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const { frameBytes } = this.#log.detail;
    const kept = Math.min(byteLength, frameBytes);
    this.#log.noteAll(ring.FRAME_OUT, this.#place, byteLength, port, flags, 0, 0, memory.bytes, offset, kept, "");
    this.#port.transmit(port, memory, offset, byteLength, flags);
  }

  wireBacklogNs(port: number): number {
    return this.#port.wireBacklogNs(port);
  }

  startTimer(timer: number, delayNs: number): void {
    const high = Math.floor(delayNs / 2 ** 32);
    this.#log.note(ring.TIMER_START, this.#place, 0, timer, 0, (delayNs % 2 ** 32) | 0, high);
    this.#port.startTimer(timer, delayNs);
  }

  stopTimer(timer: number): void {
    if (this.#port.isTimerArmed(timer)) this.#log.note(ring.TIMER_STOP, this.#place, 0, timer, 0, 0, 0);
    this.#port.stopTimer(timer);
  }

  isTimerArmed(timer: number): boolean {
    return this.#port.isTimerArmed(timer);
  }

  cancelDma(): void {
    this.#port.cancelDma();
  }

  record(kind: FindingKind, rule: string, place: string, text: () => string): void {
    this.#port.record(kind, rule, place, text);
  }

  #noteWrite(
    high: number,
    low: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
    isRelaxed: number,
  ): void {
    const about = textOf(this.#endpoint.device.describeWrite?.(high, low));
    const kept = Math.min(byteLength, this.#log.detail.dmaBytes);
    const { bytes } = memory;
    const { DMA_WRITE } = ring;
    this.#log.noteAll(DMA_WRITE, this.#place, byteLength, high, low, flagOffset, isRelaxed, bytes, offset, kept, about);
  }
}

/** The purpose, and behind a line feed the layout. */
function textOf(description: DmaDescription | undefined): string {
  if (description === undefined) return "";
  return description.layout === undefined ? description.purpose : `${description.purpose}\n${description.layout}`;
}
