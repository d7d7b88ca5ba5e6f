import { DMA_READ, DMA_WRITE } from "../../emulator/memory/iommu.ts";
import { accessName } from "../../emulator/memory/iommu-fault.ts";
import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort } from "../../emulator/pcie/device-model.ts";
import { PassPort } from "../pass-through.ts";
import type { ClientInterrupts } from "./client-interrupts.ts";
import type { ClientMemory, Refusal } from "./client-memory.ts";
import type { DmaSink } from "./dma-requests.ts";

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
export class ServedPort extends PassPort implements DmaSink {
  readonly #name: string;
  #device: DeviceModel | undefined;
  #memory: ClientMemory | undefined;
  #interrupts: ClientInterrupts | undefined;
  /** Reads of memory that was handed over: answered in the next turn, as no request completes in the handler that made it. */
  readonly #ready: ReadyRead[] = [];
  /** Reads that hit nothing. */
  readonly #failed: ReadyRead[] = [];

  constructor(port: DevicePort, name: string) {
    super(port);
    this.#name = name;
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
      this.#readNow(ready);
      return true;
    }
    const failed = this.#failed.shift();
    if (failed === undefined) return false;
    this.#device?.onDmaReadError(failed.tag, failed.context);
    return true;
  }

  get isIdle(): boolean {
    return this.#ready.length === 0 && this.#failed.length === 0 && (this.#memory?.requests.isIdle ?? true);
  }

  onData(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    this.#device?.onDmaRead(tag, context, memory, offset, byteLength);
  }

  onReadRefused(tag: number, context: number): void {
    this.record("violation", "dma-read-refused", "client", () => {
      return `The client answered a DMA read by ${this.#name} with an error or with other bytes than were asked for. The card got Unsupported Request and no data.`;
    });
    this.#device?.onDmaReadError(tag, context);
  }

  onWriteRefused(): void {
    this.record("violation", "dma-write-refused", "client", () => {
      return `The client answered a DMA write by ${this.#name} with an error. It went nowhere; the card had posted it, and went on.`;
    });
    this.#device?.onDmaWriteError();
  }

  onMessageRefused(): void {
    this.record("violation", "dma-write-refused", "message interrupt", () => {
      return `The client answered a message interrupt of ${this.#name}, a memory write to where the driver had told the card, with an error. No interrupt came.`;
    });
  }

  // ---- DevicePort --------------------------------------------------------------------------------------------------

  override get outstandingReads(): number {
    return this.#ready.length + this.#failed.length + (this.#memory?.requests.readCount ?? 0);
  }

  override dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    const address = (high >>> 0) * 2 ** 32 + (low >>> 0);
    const read = { address, byteLength, tag, context };
    if (!this.busMasterEnabled) this.#fail(read, "disabled");
    else if (this.#memory?.isAtHand(address, byteLength) === true) this.#ready.push(read);
    else {
      const refusal = this.#memory === undefined ? "unmapped" : this.#memory.read(address, byteLength, tag, context);
      if (refusal !== undefined) this.#fail(read, refusal);
    }
  }

  override dmaWrite(
    high: number,
    low: number,
    from: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
  ): void {
    const address = (high >>> 0) * 2 ** 32 + (low >>> 0);
    const memory = this.#memory;
    const refusal = !this.busMasterEnabled
      ? "disabled"
      : memory === undefined
        ? "unmapped"
        : memory.write(address, from, offset, byteLength, flagOffset);
    if (refusal === undefined) return;
    this.#record(DMA_WRITE, address, byteLength, refusal);
    this.#device?.onDmaWriteError();
  }

  /** Messages keep their order, and so do writes in place. */
  override dmaWriteRelaxed(high: number, low: number, from: MemoryView, offset: number, byteLength: number): void {
    this.dmaWrite(high, low, from, offset, byteLength, -1);
  }

  override raise(vector: number): void {
    if (this.#interrupts?.raiseMsix(vector) !== true) super.raise(vector);
  }

  override cancelDma(): void {
    this.#ready.length = 0;
    this.#failed.length = 0;
    this.#memory?.requests.cancelReads();
  }

  #readNow(read: ReadyRead): void {
    const { address, byteLength, tag, context } = read;
    const refusal = this.#memory?.read(address, byteLength, tag, context);
    if (refusal === undefined && this.#memory !== undefined) return;
    // The client may have unmapped it meanwhile, which is its right.
    if (refusal === "shrunk") this.#record(DMA_READ, address, byteLength, refusal);
    this.#device?.onDmaReadError(tag, context);
  }

  #fail(read: ReadyRead, why: Refusal | "disabled"): void {
    this.#record(DMA_READ, read.address, read.byteLength, why);
    this.#failed.push(read);
  }

  #record(
    direction: typeof DMA_READ | typeof DMA_WRITE,
    address: number,
    byteLength: number,
    why: Refusal | "disabled",
  ): void {
    const access = accessName(direction, byteLength, Math.floor(address / 2 ** 32) | 0, address | 0);
    this.record("violation", "dma-outside-map", access, () => {
      const { cause, cure } = CAUSES[why];
      return `${access} by ${this.#name}: ${cause}. ${direction === DMA_READ ? "It got Unsupported Request and no data." : "It went nowhere."} ${cure}`;
    });
  }
}

const CAUSES: Readonly<Record<Refusal | "disabled", { readonly cause: string; readonly cure: string }>> = {
  disabled: { cause: "Bus Master Enable is off", cure: "Set it in the command register before the doorbell." },
  unmapped: {
    cause: "the client has mapped nothing there",
    cure: "Map the buffer for the device, and write its whole address, before the doorbell.",
  },
  shrunk: {
    cause: "the file that is the client's memory there does not reach so far any more, or refuses it",
    cure: "Unmap a range before its file shrinks; a memfd sealed by F_SEAL_SHRINK cannot.",
  },
};
