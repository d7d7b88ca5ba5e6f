import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel, ResetKind } from "../../emulator/pcie/device-model.ts";
import { PassModel } from "../pass-through.ts";
import type { RingWatch } from "./ring-watch.ts";
import type { TraceLog } from "./trace-log.ts";
import * as ring from "./trace-ring.ts";

/** What reaches a device, noted before the device sees it; what it does within is set off by it. */
export class TracedModel extends PassModel {
  readonly #log: TraceLog;
  readonly #place: number;
  readonly #rings: RingWatch;

  constructor(device: DeviceModel, log: TraceLog, place: number, rings: RingWatch) {
    super(device);
    this.#log = log;
    this.#place = place;
    this.#rings = rings;
  }

  override onWrite(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.#log.cause = this.#log.note(ring.REGISTER_WRITE, this.#place, byteLength, bar, offset, low, high);
    super.onWrite(bar, offset, byteLength, low, high);
    this.#rings.written(bar, offset);
    this.#done();
  }

  override onRead(bar: number, offset: number, byteLength: number): number {
    const low = super.onRead(bar, offset, byteLength);
    // Its value is known only now: what the device does within the read comes before it.
    this.#log.note(ring.REGISTER_READ, this.#place, byteLength, bar, offset, low, this.readHigh);
    return low;
  }

  override onDmaRead(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    const kept = Math.min(byteLength, this.#log.detail.dmaBytes);
    const { DMA_DATA } = ring;
    const { bytes } = memory;
    this.#log.cause = this.#log.noteAll(DMA_DATA, this.#place, byteLength, tag, context, 0, 0, bytes, offset, kept, "");
    super.onDmaRead(tag, context, memory, offset, byteLength);
    this.#done();
  }

  override onDmaReadError(tag: number, context: number): void {
    this.#log.cause = this.#log.note(ring.DMA_ERROR, this.#place, 0, tag, context, 0, 0);
    super.onDmaReadError(tag, context);
    this.#done();
  }

  override onFrame(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const kept = Math.min(byteLength, this.#log.detail.frameBytes);
    const { FRAME_IN } = ring;
    const { bytes } = memory;
    this.#log.cause = this.#log.noteAll(FRAME_IN, this.#place, byteLength, port, flags, 0, 0, bytes, offset, kept, "");
    super.onFrame(port, memory, offset, byteLength, flags);
    this.#done();
  }

  override onTimer(timer: number): void {
    this.#log.cause = this.#log.note(ring.TIMER, this.#place, 0, timer, 0, 0, 0);
    super.onTimer(timer);
    this.#done();
  }

  override onReset(kind: ResetKind): void {
    this.#log.cause = this.#log.note(ring.RESET, this.#place, 0, kind === "function-level" ? 1 : 0, 0, 0, 0);
    super.onReset(kind);
    this.#done();
  }

  /** What reached the device has been dealt with. A device that throws ends its thread, and needs no tidying up. */
  #done(): void {
    if (!this.#rings.isIdle) this.#rings.look(this.inner);
    this.#log.cause = ring.NO_CAUSE;
  }
}
