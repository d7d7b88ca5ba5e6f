import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel, DmaDescription, ResetKind } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import type { Handover, MemoryOwnership } from "../../emulator/sanitize/ownership.ts";
import type { RingWatch } from "./ring-watch.ts";
import type { TraceLog } from "./trace-log.ts";
import * as ring from "./trace-ring.ts";

/** What reaches a device, noted before the device sees it; what it does within is set off by it. */
export class TracedModel implements DeviceModel {
  readonly #device: DeviceModel;
  readonly #log: TraceLog;
  readonly #place: number;
  readonly #rings: RingWatch;

  constructor(device: DeviceModel, log: TraceLog, place: number, rings: RingWatch) {
    this.#device = device;
    this.#log = log;
    this.#place = place;
    this.#rings = rings;
  }

  get readHigh(): number {
    return this.#device.readHigh;
  }

  set readHigh(word: number) {
    this.#device.readHigh = word;
  }

  onWrite(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.#log.cause = this.#log.note(ring.REGISTER_WRITE, this.#place, byteLength, bar, offset, low, high);
    this.#device.onWrite(bar, offset, byteLength, low, high);
    this.#rings.written(bar, offset);
    this.#done();
  }

  onRead(bar: number, offset: number, byteLength: number): number {
    const low = this.#device.onRead(bar, offset, byteLength);
    // Its value is known only now: what the device does within the read comes before it.
    this.#log.note(ring.REGISTER_READ, this.#place, byteLength, bar, offset, low, this.#device.readHigh);
    return low;
  }

  onDmaRead(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    const kept = Math.min(byteLength, this.#log.detail.dmaBytes);
    const { DMA_DATA } = ring;
    const { bytes } = memory;
    this.#log.cause = this.#log.noteAll(DMA_DATA, this.#place, byteLength, tag, context, 0, 0, bytes, offset, kept, "");
    this.#device.onDmaRead(tag, context, memory, offset, byteLength);
    this.#done();
  }

  onDmaReadError(tag: number, context: number): void {
    this.#log.cause = this.#log.note(ring.DMA_ERROR, this.#place, 0, tag, context, 0, 0);
    this.#device.onDmaReadError(tag, context);
    this.#done();
  }

  describeRead(tag: number, context: number): DmaDescription | undefined {
    return this.#device.describeRead?.(tag, context);
  }

  describeWrite(high: number, low: number): DmaDescription | undefined {
    return this.#device.describeWrite?.(high, low);
  }

  onDmaWriteError(): void {
    this.#device.onDmaWriteError();
  }

  onFrame(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const kept = Math.min(byteLength, this.#log.detail.frameBytes);
    const { FRAME_IN } = ring;
    const { bytes } = memory;
    this.#log.cause = this.#log.noteAll(FRAME_IN, this.#place, byteLength, port, flags, 0, 0, bytes, offset, kept, "");
    this.#device.onFrame(port, memory, offset, byteLength, flags);
    this.#done();
  }

  onTimer(timer: number): void {
    this.#log.cause = this.#log.note(ring.TIMER, this.#place, 0, timer, 0, 0, 0);
    this.#device.onTimer(timer);
    this.#done();
  }

  onConfigChanged(): void {
    this.#device.onConfigChanged?.();
  }

  onReset(kind: ResetKind): void {
    this.#log.cause = this.#log.note(ring.RESET, this.#place, 0, kind === "function-level" ? 1 : 0, 0, 0, 0);
    this.#device.onReset(kind);
    this.#done();
  }

  isIdle(): boolean {
    return this.#device.isIdle();
  }

  statistics(): Record<string, number> {
    return this.#device.statistics();
  }

  ownership(handover: Handover): MemoryOwnership | undefined {
    return this.#device.ownership?.(handover);
  }

  registerFile(bar: number): RegisterFile | undefined {
    return this.#device.registerFile?.(bar);
  }

  hasRoomForFrame(port: number, byteLength: number): boolean {
    return this.#device.hasRoomForFrame?.(port, byteLength) ?? true;
  }

  snapshot(): unknown {
    return this.#device.snapshot();
  }

  restore(state: unknown): void {
    this.#device.restore(state);
  }

  /** What reached the device has been dealt with. A device that throws ends its thread, and needs no tidying up. */
  #done(): void {
    if (!this.#rings.isIdle) this.#rings.look(this.#device);
    this.#log.cause = ring.NO_CAUSE;
  }
}
