import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort, DmaDescription } from "../../emulator/pcie/device-model.ts";
import { PassPort } from "../pass-through.ts";
import type { TraceLog } from "./trace-log.ts";
import * as ring from "./trace-ring.ts";

/** How a device interrupts; the place in it is what stands in the ring. */
export const INTERRUPT_MODES = ["intx", "msi", "msix"] as const;

/** What a device asks of the machine, noted before it is done. */
export class TracedPort extends PassPort {
  /** The device behind it, once there is one: it says what its requests are for. */
  device: DeviceModel | undefined;
  readonly #log: TraceLog;
  readonly #place: number;
  #isLineUp = false;

  /** `place` is that of the device. */
  constructor(port: DevicePort, log: TraceLog, place: number) {
    super(port);
    this.#log = log;
    this.#place = place;
  }

  override dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    const about = textOf(this.device?.describeRead?.(tag, context));
    this.#log.noteText(ring.DMA_READ, this.#place, byteLength, high, low, tag, context, about);
    super.dmaRead(high, low, byteLength, tag, context);
  }

  override dmaWrite(
    high: number,
    low: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    this.#noteWrite(high, low, memory, offset, byteLength, flagOffset, 0);
    super.dmaWrite(high, low, memory, offset, byteLength, flagOffset);
  }

  override dmaWriteRelaxed(high: number, low: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.#noteWrite(high, low, memory, offset, byteLength, -1, 1);
    super.dmaWriteRelaxed(high, low, memory, offset, byteLength);
  }

  override raise(vector: number): void {
    const mode = INTERRUPT_MODES.indexOf(super.interruptMode());
    this.#log.note(ring.INTERRUPT, this.#place, 0, mode, vector, 1, 0);
    super.raise(vector);
  }

  override setLegacyInterrupt(asserted: boolean): void {
    // Devices drive the line anew whenever a cause changes; it is an event when it moves, and as a message when it rises.
    if (asserted !== this.#isLineUp) {
      this.#isLineUp = asserted;
      const mode = super.interruptMode();
      if (asserted || mode === "intx")
        this.#log.note(ring.INTERRUPT, this.#place, 0, INTERRUPT_MODES.indexOf(mode), 0, asserted ? 1 : 0, 0);
    }
    super.setLegacyInterrupt(asserted);
  }

  override transmit(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const { frameBytes } = this.#log.detail;
    const kept = Math.min(byteLength, frameBytes);
    this.#log.noteAll(ring.FRAME_OUT, this.#place, byteLength, port, flags, 0, 0, memory.bytes, offset, kept, "");
    super.transmit(port, memory, offset, byteLength, flags);
  }

  override startTimer(timer: number, delayNs: number): void {
    const high = Math.floor(delayNs / 2 ** 32);
    const what = this.device?.describeTimer?.(timer) ?? "";
    this.#log.noteText(ring.TIMER_START, this.#place, 0, timer, 0, (delayNs % 2 ** 32) | 0, high, what);
    super.startTimer(timer, delayNs);
  }

  override stopTimer(timer: number): void {
    if (super.isTimerArmed(timer)) this.#log.note(ring.TIMER_STOP, this.#place, 0, timer, 0, 0, 0);
    super.stopTimer(timer);
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
    const about = textOf(this.device?.describeWrite?.(high, low));
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
