import type { Clock } from "../../emulator/clock/clock.ts";
import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort, ResetKind } from "../../emulator/pcie/device-model.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { WrappedDevice } from "../../emulator/run/device-thread.ts";
import { PassModel, PassPort } from "../pass-through.ts";
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
class TracedPort extends PassPort {
  readonly #log: TraceLog;

  constructor(port: DevicePort, log: TraceLog) {
    super(port);
    this.#log = log;
  }

  override dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    this.#log.note(event.TRACE_DMA_READ, 0, high, low, byteLength, 0);
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
    this.#log.note(event.TRACE_DMA_WRITE, 0, high, low, byteLength, 0);
    super.dmaWrite(high, low, memory, offset, byteLength, flagOffset);
  }

  override dmaWriteRelaxed(high: number, low: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.#log.note(event.TRACE_DMA_WRITE, 0, high, low, byteLength, 0);
    super.dmaWriteRelaxed(high, low, memory, offset, byteLength);
  }

  override raise(vector: number): void {
    this.#log.note(event.TRACE_MESSAGE, 0, vector, 0, 0, 0);
    super.raise(vector);
  }

  override setLegacyInterrupt(asserted: boolean): void {
    this.#log.note(event.TRACE_LEGACY, 0, asserted ? 1 : 0, 0, 0, 0);
    super.setLegacyInterrupt(asserted);
  }

  override transmit(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.#log.note(event.TRACE_FRAME_OUT, 0, port, 0, byteLength, flags);
    super.transmit(port, memory, offset, byteLength, flags);
  }
}

/** What reaches the device. */
class TracedModel extends PassModel {
  readonly #log: TraceLog;

  constructor(device: DeviceModel, log: TraceLog) {
    super(device);
    this.#log = log;
  }

  override onWrite(bar: number, offset: number, byteLength: number, low: number, high: number): void {
    this.#log.note(event.TRACE_WRITE, byteLength, bar, offset, low, high);
    super.onWrite(bar, offset, byteLength, low, high);
  }

  override onRead(bar: number, offset: number, byteLength: number): number {
    const low = super.onRead(bar, offset, byteLength);
    this.#log.note(event.TRACE_READ, byteLength, bar, offset, low, this.readHigh);
    return low;
  }

  override onDmaReadError(tag: number, context: number): void {
    this.#log.note(event.TRACE_DMA_READ_ERROR, 0, 0, 0, 0, 0);
    super.onDmaReadError(tag, context);
  }

  override onFrame(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.#log.note(event.TRACE_FRAME_IN, 0, port, 0, byteLength, flags);
    super.onFrame(port, memory, offset, byteLength, flags);
  }

  override onReset(kind: ResetKind): void {
    this.#log.note(event.TRACE_RESET, 0, kind === "function-level" ? 1 : 0, 0, 0, 0);
    super.onReset(kind);
  }
}
