import type { MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DeviceModel, DevicePort } from "../../../emulator/pcie/device-model.ts";
import { PassModel, PassPort } from "../../pass-through.ts";
import { faultNumber } from "../fault-kinds.ts";
import type { FaultLayer, FaultParts } from "../layer.ts";

const ERROR = faultNumber("dma-read-error");
const STALL = faultNumber("fetch-stall");
const STUCK = faultNumber("fetch-stuck");

interface HeldRead {
  readonly high: number;
  readonly low: number;
  readonly byteLength: number;
  readonly tag: number;
  readonly context: number;
}

/** Reads of host memory that are answered with an error, or that an engine of the card does not get to make. */
export function dmaReadFaults(parts: FaultParts): FaultLayer {
  const stalls = new Stalls(parts);
  return {
    port: (inner) => new StallingPort(inner, parts, stalls),
    model: (inner) => new FailingReads(inner, parts, stalls),
  };
}

/** Which engines stand still: what the card reads with the same tag and context is one engine's. */
class Stalls {
  readonly held: HeldRead[] = [];
  readonly #stalled = new Set<string>();

  constructor(parts: FaultParts) {
    parts.onSetBack.push(() => this.clear());
  }

  has(tag: number, context: number): boolean {
    return this.#stalled.size > 0 && this.#stalled.has(`${tag}:${context}`);
  }

  begin(tag: number, context: number): void {
    this.#stalled.add(`${tag}:${context}`);
  }

  /** Ends one engine's, and hands out what it held. */
  end(tag: number, context: number): HeldRead[] {
    this.#stalled.delete(`${tag}:${context}`);
    const own = this.held.filter((read) => read.tag === tag && read.context === context);
    for (const read of own) this.held.splice(this.held.indexOf(read), 1);
    return own;
  }

  /** A reset gets an engine going again. */
  clear(): void {
    this.held.length = 0;
    this.#stalled.clear();
  }
}

class StallingPort extends PassPort {
  readonly #parts: FaultParts;
  readonly #stalls: Stalls;

  constructor(inner: DevicePort, parts: FaultParts, stalls: Stalls) {
    super(inner);
    this.#parts = parts;
    this.#stalls = stalls;
  }

  override get outstandingReads(): number {
    return super.outstandingReads + this.#stalls.held.length;
  }

  override dmaRead(high: number, low: number, byteLength: number, tag: number, context: number): void {
    const { faults, delays } = this.#parts;
    const stalls = this.#stalls;
    // Both are asked, so that both count the same reads; of two that strike the longer one holds.
    const isStalled = faults.meets(STALL, this, tag, context);
    const isStuck = faults.meets(STUCK, this, tag, context);
    if (isStalled || isStuck) {
      stalls.begin(tag, context);
      delays.after(faults.durationNs, () => {
        for (const read of stalls.end(tag, context))
          super.dmaRead(read.high, read.low, read.byteLength, read.tag, read.context);
      });
    }
    if (stalls.has(tag, context)) stalls.held.push({ high, low, byteLength, tag, context });
    else super.dmaRead(high, low, byteLength, tag, context);
  }

  override cancelDma(): void {
    this.#stalls.clear();
    super.cancelDma();
  }

  describe(_kind: number, tag: number, context: number): string {
    return this.#parts.device?.describeRead?.(tag, context)?.purpose ?? `engine ${tag}, queue ${context}`;
  }
}

class FailingReads extends PassModel {
  readonly #parts: FaultParts;
  readonly #stalls: Stalls;

  constructor(inner: DeviceModel, parts: FaultParts, stalls: Stalls) {
    super(inner);
    this.#parts = parts;
    this.#stalls = stalls;
  }

  override onDmaRead(tag: number, context: number, memory: MemoryView, offset: number, byteLength: number): void {
    if (this.#parts.faults.meets(ERROR, this, tag, context)) super.onDmaReadError(tag, context);
    else super.onDmaRead(tag, context, memory, offset, byteLength);
  }

  /** An engine that stands still for ever keeps nobody waiting. */
  override isIdle(): boolean {
    return this.#stalls.held.length > 0 || super.isIdle();
  }

  describe(_kind: number, tag: number, context: number): string {
    return super.describeRead(tag, context)?.purpose ?? `engine ${tag}, queue ${context}`;
  }
}
