import type { Clock } from "../../emulator/clock/clock.ts";
import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort, DmaDescription, ResetKind } from "../../emulator/pcie/device-model.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import type { WrappedDevice } from "../../emulator/run/device-thread.ts";
import type { FindingKind } from "../../emulator/run/findings.ts";
import * as event from "./trace-ring.ts";
import { TraceRing } from "./trace-ring.ts";

/** What the tracer is attached with: the memory of a {@link TraceRing}. */
export interface TracerOptions {
  readonly ring: SharedArrayBuffer;
}

/** How many devices were wrapped with the same options: devices are wrapped in the order of their numbers. */
const wrappedCounts = new WeakMap<TracerOptions, number>();

/** The entry of the device thread's Attachment: every device gets a tracer on either side of it. */
export function wrap(endpoint: Endpoint, options: unknown): WrappedDevice {
  const tracer = options as TracerOptions;
  const device = wrappedCounts.get(tracer) ?? 0;
  wrappedCounts.set(tracer, device + 1);
  const log = new TraceLog(endpoint.clock, device, new TraceRing(tracer.ring));
  return { port: (port) => new TracedPort(port, log), model: (device) => new TracedModel(device, log) };
}

/** Writes one device's events down. */
class TraceLog {
  readonly #ring: TraceRing;
  readonly #clock: Clock;
  readonly #device: number;

  constructor(clock: Clock, device: number, ring: TraceRing) {
    this.#ring = ring;
    this.#clock = clock;
    this.#device = device;
  }

  note(kind: number, byteLength: number, a: number, b: number, c: number, d: number): void {
    // Exact times are worth more here than speed.
    this.#clock.refresh();
    this.#ring.put(kind, this.#device, byteLength, a, b, c, d, this.#clock.now);
  }
}

/** What the device asks of the machine. */
class TracedPort implements DevicePort {
  readonly clock: Clock;
  readonly #port: DevicePort;
  readonly #log: TraceLog;

  constructor(port: DevicePort, log: TraceLog) {
    this.clock = port.clock;
    this.#port = port;
    this.#log = log;
  }

  get outstandingReads(): number {
    return this.#port.outstandingReads;
  }

  get busMasterEnabled(): boolean {
    return this.#port.busMasterEnabled;
  }

  dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    this.#log.note(event.TRACE_DMA_READ, 0, high, low, byteLength, 0);
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
    this.#log.note(event.TRACE_DMA_WRITE, 0, high, low, byteLength, 0);
    this.#port.dmaWrite(high, low, memory, offset, byteLength, flagOffset);
  }

  dmaWriteRelaxed(high: number, low: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.#log.note(event.TRACE_DMA_WRITE, 0, high, low, byteLength, 0);
    this.#port.dmaWriteRelaxed?.(high, low, memory, offset, byteLength);
  }

  raise(vector: number): void {
    this.#log.note(event.TRACE_MESSAGE, 0, vector, 0, 0, 0);
    this.#port.raise(vector);
  }

  withdraw(vector: number): void {
    this.#port.withdraw?.(vector);
  }

  setLegacyInterrupt(asserted: boolean): void {
    this.#log.note(event.TRACE_LEGACY, 0, asserted ? 1 : 0, 0, 0, 0);
    this.#port.setLegacyInterrupt(asserted);
  }

  interruptMode(): "intx" | "msi" | "msix" {
    return this.#port.interruptMode();
  }

  transmit(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.#log.note(event.TRACE_FRAME_OUT, 0, port, 0, byteLength, flags);
    this.#port.transmit(port, memory, offset, byteLength, flags);
  }

  wireBacklogNs(port: number): number {
    return this.#port.wireBacklogNs(port);
  }

  startTimer(timer: number, delayNs: number): void {
    this.#port.startTimer(timer, delayNs);
  }

  stopTimer(timer: number): void {
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
}

/** What reaches the device. */
class TracedModel implements DeviceModel {
  readonly #device: DeviceModel;
  readonly #log: TraceLog;

  constructor(device: DeviceModel, log: TraceLog) {
    this.#device = device;
    this.#log = log;
  }

  get readHigh(): number {
    return this.#device.readHigh;
  }

  set readHigh(word: number) {
    this.#device.readHigh = word;
  }

  onWrite(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.#log.note(event.TRACE_WRITE, byteLength, bar, offset, low, high);
    this.#device.onWrite(bar, offset, byteLength, low, high);
  }

  onRead(bar: number, offset: number, byteLength: number): number {
    const low = this.#device.onRead(bar, offset, byteLength);
    this.#log.note(event.TRACE_READ, byteLength, bar, offset, low, this.#device.readHigh);
    return low;
  }

  onDmaRead(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.#device.onDmaRead(tag, context, memory, offset, byteLength);
  }

  onDmaReadError(tag: number, context: number): void {
    this.#log.note(event.TRACE_DMA_READ_ERROR, 0, 0, 0, 0, 0);
    this.#device.onDmaReadError(tag, context);
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
    this.#log.note(event.TRACE_FRAME_IN, 0, port, 0, byteLength, flags);
    this.#device.onFrame(port, memory, offset, byteLength, flags);
  }

  onTimer(timer: number): void {
    this.#device.onTimer(timer);
  }

  onConfigChanged(): void {
    this.#device.onConfigChanged?.();
  }

  onReset(kind: ResetKind): void {
    this.#log.note(event.TRACE_RESET, 0, kind === "function-level" ? 1 : 0, 0, 0, 0);
    this.#device.onReset(kind);
  }

  isIdle(): boolean {
    return this.#device.isIdle();
  }

  statistics(): Record<string, number> {
    return this.#device.statistics();
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
}
