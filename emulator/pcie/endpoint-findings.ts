/**
 * What an endpoint says when a driver breaks a rule of the bus. Apart from the paths on which it happens: a closure in
 * them would be garbage for every access.
 */

import { accessName, DMA_READ, type Iommu, iovaName } from "../memory/iommu.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";
import { hex } from "../registers/register-map.ts";

/** A BAR access that is not decoded. `barByteLength` is -1 when it would fit and Memory Space Enable is off. */
export function recordAccess(
  recorder: FindingRecorder,
  bar: number,
  offset: number,
  byteLength: number,
  what: "read" | "write",
  barByteLength: number,
): void {
  const outcome = what === "read" ? "The read gave all ones." : "The write went nowhere.";
  const place = `BAR${bar}+${hex(offset)}`;
  const access = `${byteLength}-byte ${what} of ${place}`;
  if (barByteLength < 0) {
    recorder.record("violation", "memory-space-off", place, () => {
      return `${access} while Memory Space Enable is off in the command register. ${outcome} Enable the function first.`;
    });
  } else {
    recorder.record("violation", "bar-access", place, () => {
      return `${access} is misaligned or outside the BAR of ${barByteLength} bytes. ${outcome}`;
    });
  }
}

/** An interrupt for a vector that the table does not have. */
export function recordVector(recorder: FindingRecorder, name: string, vector: number, vectorCount: number): void {
  recorder.record("violation", "vector-beyond-table", `vector ${vector}`, () => {
    return `${name} raised MSI-X vector ${vector}, but its table has ${vectorCount}. The interrupt is lost. Assign a vector below ${vectorCount}.`;
  });
}

/** A message whose address is no interrupt address. */
export function recordMessageAddress(recorder: FindingRecorder, name: string, high: number, low: number): void {
  recorder.record("violation", "message-outside-window", "MSI-X table", () => {
    const address = `${hex(high >>> 0, 8)}_${(low >>> 0).toString(16).padStart(8, "0")}`;
    return `${name} sent an interrupt message to ${address}, which is not an interrupt address (0xfeexxxxx). The interrupt is lost. Write the vector's address and data before unmasking it.`;
  });
}

/** A byte or word store to the MSI-X table. */
export function recordMsixWidth(recorder: FindingRecorder, offset: number, byteLength: number): void {
  recorder.record("violation", "wrong-width", "MSI-X table", () => {
    return `${byteLength}-byte write to the MSI-X table at offset ${hex(offset)}: only 4 and 8 bytes are defined (PCI 3.0 6.8.2). The write was ignored.`;
  });
}

/** Address or data of a vector that may fire at any moment. */
export function recordVectorChanged(recorder: FindingRecorder, vector: number): void {
  recorder.record("violation", "vector-changed-unmasked", `MSI-X vector ${vector}`, () => {
    return `Address or data of MSI-X vector ${vector} changed while it was unmasked: a card may use old and new mixed (PCI 3.0 6.8.2). Mask the vector first.`;
  });
}

/** A DMA that the IOMMU does not let through. */
export function recordDmaFault(
  recorder: FindingRecorder,
  name: string,
  iommu: Iommu,
  direction: 1 | 2,
  high: number,
  low: number,
  byteLength: number,
): void {
  const place = `IOVA ${iovaName((high >>> 0) * 2 ** 32 + (low >>> 0))}`;
  recorder.record("violation", "dma-outside-map", place, () => {
    const why = iommu.explain(high, low, byteLength);
    const did = direction === DMA_READ ? "got Unsupported Request and no data" : "wrote nothing";
    return `${accessName(direction, byteLength, high, low)} by ${name} ${why}. The card ${did}. Map the buffer, and write its whole address, before the doorbell.`;
  });
}

/** A request of a function that may not make any. */
export function recordBusMasterOff(recorder: FindingRecorder, name: string, what: string, outcome: string): void {
  recorder.record("violation", "bus-master-off", "command register 0x0004", () => {
    return `${what} by ${name} while Bus Master Enable (bit 2 of the command register, 0x0004) is off: ${outcome}. Enable bus mastering before the queues.`;
  });
}
