/** What stands around an endpoint: where it sits, what may carry its requests up, and its state as data. */

import type { Clock } from "../clock/clock.ts";
import type { HostMemory } from "../memory/host-memory.ts";
import type { Iommu } from "../memory/iommu.ts";
import type { MemoryView } from "../memory/memory-view.ts";
import type { InterruptController } from "./interrupt-controller.ts";
import type { MsixSnapshot } from "./msix.ts";
import type { TransferParts } from "./transfer-parts.ts";

/** See Endpoint.snapshot. */
export interface EndpointSnapshot {
  readonly config: Uint8Array;
  readonly msix: MsixSnapshot | undefined;
  readonly deadlines: Float64Array;
  readonly nextDeadline: number;
  readonly legacyAsserted: boolean;
  readonly device: unknown;
}

/** Where an endpoint sits: what it shares with the rest of the machine. */
export interface EndpointSlot {
  readonly clock: Clock;
  readonly iommu: Iommu;
  readonly memory: HostMemory;
  readonly interrupts: InterruptController;
  /** Number of the function in the testbed; also its INTx line. */
  readonly functionIndex: number;
  /** Rules whose findings nobody wants to hear of. */
  readonly silenced?: ReadonlySet<string>;
  /** Through what it reaches host memory, where somebody wants to hear of its transfers. */
  readonly parts?: TransferParts | undefined;
}

/** What a sanitizer hears of a function that it watches. Nobody does on threads. */
export interface EndpointWatch {
  /** A write to a BAR has arrived and the device has taken it. */
  arrived(bar: number, offset: number): void;
  /** The device writes to mapped memory, with a flag that says so: a descriptor, an event. */
  written(high: number, low: number, memory: MemoryView, offset: number, byteLength: number): void;
  /** The device raises an MSI-X vector, masked or not. */
  raised(vector: number): void;
  /** A message interrupt leaves the function. */
  message(data: number): void;
}

/**
 * What leaves a function on its way up, for a machine in which it arrives later than it was sent. Addresses are offsets in
 * segment 0 of host memory. Without an uplink, writes and messages land within the call and reads wait for
 * Endpoint.step.
 */
export interface Uplink {
  /** `isRelaxed`: it may pass earlier writes. */
  write(
    address: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
    isRelaxed: boolean,
  ): void;
  /** A read was asked for; Endpoint.answerRead answers it. `address` is -1 where nothing is mapped. */
  read(address: number, byteLength: number, tag: number, context: number): void;
  /** A message with this data. */
  message(data: number): void;
  /** The line changes, at once. */
  line(asserted: boolean): void;
  /** A timer was armed. */
  timer(): void;
}
