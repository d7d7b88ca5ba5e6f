import type { Clock } from "../../emulator/clock/clock.ts";
import { accessName, DMA_READ, DMA_WRITE } from "../../emulator/memory/iommu.ts";
import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort } from "../../emulator/pcie/device-model.ts";
import type { FindingKind } from "../../emulator/run/findings.ts";
import type { ClientInterrupts } from "./client-interrupts.ts";
import type { ClientMemory, ReadSink } from "./client-memory.ts";

/** A read whose data is there already, and waits for the handler that asked to return. */
interface ReadyRead {
  readonly address: number;
  readonly byteLength: number;
  readonly tag: number;
  readonly context: number;
}

/**
 * Between a device and its endpoint while it is served: DMA and message interrupts go to the client instead of host
 * memory here. Registers, timers and wires are the endpoint's as ever. Without a client the device reaches nothing.
 */
export class ServedPort implements DevicePort, ReadSink {
  readonly clock: Clock;
  readonly #port: DevicePort;
  readonly #name: string;
  #device: DeviceModel | undefined;
  #memory: ClientMemory | undefined;
  #interrupts: ClientInterrupts | undefined;
  /** Reads of memory that was handed over: answered in the next turn, as no request completes in the handler that made it. */
  readonly #ready: ReadyRead[] = [];
  /** Reads that hit nothing. */
  readonly #failed: ReadyRead[] = [];

  constructor(port: DevicePort, name: string) {
    this.#port = port;
    this.#name = name;
    this.clock = port.clock;
  }

  /** The device that asks. */
  attach(device: DeviceModel): DeviceModel {
    this.#device = device;
    return device;
  }

  /** Memory and interrupts of a client that came; undefined: it went. */
  connect(memory: ClientMemory | undefined, interrupts: ClientInterrupts | undefined): void {
    this.#memory = memory;
    this.#interrupts = interrupts;
    this.#ready.length = 0;
    this.#failed.length = 0;
  }

  /** Answers what is ready. False when nothing was. */
  turn(): boolean {
    const ready = this.#ready.shift();
    if (ready !== undefined) {
      const { address, byteLength, tag, context } = ready;
      // The client may have unmapped it meanwhile.
      if (this.#memory?.read(address, byteLength, tag, context) !== true) this.#device?.onDmaReadError(tag, context);
      return true;
    }
    const failed = this.#failed.shift();
    if (failed === undefined) return false;
    this.#device?.onDmaReadError(failed.tag, failed.context);
    return true;
  }

  get isIdle(): boolean {
    return this.#ready.length === 0 && this.#failed.length === 0 && (this.#memory?.isIdle ?? true);
  }

  onData(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.#device?.onDmaRead(tag, context, memory, offset, byteLength);
  }

  onError(tag: number, context: number): void {
    this.record("violation", "dma-read-refused", "client", () => {
      return `The client answered a DMA read by ${this.#name} with an error or with other bytes than were asked for. The card got Unsupported Request and no data.`;
    });
    this.#device?.onDmaReadError(tag, context);
  }

  // ---- DevicePort --------------------------------------------------------------------------------------------------

  get busMasterEnabled(): boolean {
    return this.#port.busMasterEnabled;
  }

  get outstandingReads(): number {
    return this.#ready.length + this.#failed.length + (this.#memory?.readCount ?? 0);
  }

  dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    const address = (high >>> 0) * 2 ** 32 + (low >>> 0);
    const read = { address, byteLength, tag, context };
    if (!this.#port.busMasterEnabled) this.#fail("read", high, low, read, "Bus Master Enable is off");
    else if (this.#memory?.isInPlace(address, byteLength) === true) this.#ready.push(read);
    else if (this.#memory?.read(address, byteLength, tag, context) !== true) {
      this.#fail("read", high, low, read, "the client has mapped nothing there");
    }
  }

  dmaWrite(high: number, low: number, from: MemoryView, offset: number, byteLength: number, flagOffset: number): void {
    const address = (high >>> 0) * 2 ** 32 + (low >>> 0);
    const isThrough =
      this.#port.busMasterEnabled && this.#memory?.write(address, from, offset, byteLength, flagOffset) === true;
    if (isThrough) return;
    const why = this.#port.busMasterEnabled ? "the client has mapped nothing there" : "Bus Master Enable is off";
    this.#record(DMA_WRITE, high, low, byteLength, why);
    this.#device?.onDmaWriteError();
  }

  raise(vector: number): void {
    if (this.#interrupts?.raiseMsix(vector) !== true) this.#port.raise(vector);
  }

  withdraw(vector: number): void {
    this.#port.withdraw?.(vector);
  }

  setLegacyInterrupt(asserted: boolean): void {
    this.#port.setLegacyInterrupt(asserted);
  }

  interruptMode(): "intx" | "msi" | "msix" {
    return this.#port.interruptMode();
  }

  transmit(port: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
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
    this.#ready.length = 0;
    this.#failed.length = 0;
    this.#memory?.cancelReads();
  }

  record(kind: FindingKind, rule: string, place: string, text: () => string): void {
    this.#port.record(kind, rule, place, text);
  }

  #fail(_direction: "read", high: number, low: number, read: ReadyRead, why: string): void {
    this.#record(DMA_READ, high, low, read.byteLength, why);
    this.#failed.push(read);
  }

  #record(
    direction: typeof DMA_READ | typeof DMA_WRITE,
    high: number,
    low: number,
    byteLength: number,
    why: string,
  ): void {
    const access = accessName(direction, byteLength, high, low);
    this.record("violation", "dma-outside-map", access, () => {
      return `${access} by ${this.#name}: ${why}. ${direction === DMA_READ ? "It got Unsupported Request and no data." : "It went nowhere."} Map the buffer for the device, and write its whole address, before the doorbell.`;
    });
  }
}
