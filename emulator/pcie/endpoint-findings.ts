/**
 * What an endpoint says when a driver breaks a rule of the bus. Apart from the paths on which it happens: a closure in
 * them would be garbage for every access.
 */

import { DMA_READ, DMA_WRITE, type Iommu, iovaName } from "../memory/iommu.ts";
import { accessName, explainFault } from "../memory/iommu-fault.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";
import { hex, NO_REGISTER, type RegisterMap } from "../registers/register-map.ts";
import type { DeviceDeclaration, DmaDescription } from "./device-model.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ReadQueue } from "./read-queue.ts";

/** A read of a BAR that is not decoded. */
export function recordRead(
  recorder: FindingRecorder,
  declaration: DeviceDeclaration,
  bar: number,
  offset: number,
  byteLength: number,
): void {
  const what = `${byteLength}-byte read of`;
  recordAccess(recorder, declaration, bar, offset, byteLength, () => [what, "The read gave all ones."]);
}

/** A write to a BAR that is not decoded. */
export function recordWrite(
  recorder: FindingRecorder,
  declaration: DeviceDeclaration,
  bar: number,
  offset: number,
  byteLength: number,
  low: number,
  high: number,
): void {
  recordAccess(recorder, declaration, bar, offset, byteLength, () => {
    return [`${byteLength}-byte write of ${valueText(byteLength, low, high)} to`, "The write went nowhere."];
  });
}

function recordAccess(
  recorder: FindingRecorder,
  { bars, registerMaps }: DeviceDeclaration,
  bar: number,
  offset: number,
  byteLength: number,
  words: () => [what: string, outcome: string],
): void {
  const barByteLength = bars.find(({ index }) => index === bar)?.byteLength ?? 0;
  const isAligned = (offset & (byteLength - 1)) === 0;
  const isInside = offset >= 0 && offset + byteLength <= barByteLength;
  const place = `BAR${bar}+${offset < 0 ? `-${hex(-offset)}` : hex(offset)}`;
  const rule = isInside && isAligned ? "memory-space-off" : "bar-access";
  recorder.record("violation", rule, place, () => {
    const [what, outcome] = words();
    const access = `${what} ${place}${registerAt(registerMaps[bar], offset)}`;
    if (rule === "memory-space-off") {
      return `${access} while Memory Space Enable (bit 1 of the command register, 0x0004) is off. ${outcome} Enable the function first.`;
    }
    if (barByteLength === 0) return `${access}, a BAR that the function does not have. ${outcome}`;
    if (!isInside) return `${access}, which is outside the BAR of ${hex(barByteLength)} bytes. ${outcome}`;
    return `${access}, which is not a multiple of ${byteLength}. ${outcome} Use aligned accesses.`;
  });
}

/** What was written, with all the digits that its width has. */
function valueText(byteLength: number, low: number, high: number): string {
  const word = hex(byteLength < 4 ? low & (2 ** (8 * byteLength) - 1) : low >>> 0, Math.min(2 * byteLength, 8));
  return byteLength < 8 ? word : `${hex(high >>> 0, 8)}_${word.slice(2)}`;
}

/** " (TDT(3))": the register at the place, if the device has one there. */
function registerAt(map: RegisterMap | undefined, offset: number): string {
  const ordinal = offset < 0 ? NO_REGISTER : (map?.ordinalAt(offset & ~3) ?? NO_REGISTER);
  return map === undefined || ordinal === NO_REGISTER ? "" : ` (${map.nameOf(ordinal)})`;
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
export function recordMsixWidth(recorder: FindingRecorder, offset: number, byteLength: number, low: number): void {
  recorder.record("violation", "wrong-width", "MSI-X table", () => {
    return `${byteLength}-byte write of ${valueText(byteLength, low, 0)} to the MSI-X table at offset ${hex(offset)}: only 4 and 8 bytes are defined (PCI 3.0 6.8.2). The write was ignored.`;
  });
}

/** Address or data of a vector that may fire at any moment. */
export function recordVectorChanged(recorder: FindingRecorder, vector: number): void {
  recorder.record("violation", "vector-changed-unmasked", `MSI-X vector ${vector}`, () => {
    return `Address or data of MSI-X vector ${vector} changed while it was unmasked: a card may use old and new mixed (PCI 3.0 6.8.2). Mask the vector first.`;
  });
}

/** The function whose DMA fails. */
type Requester = FindingRecorder & Pick<Endpoint, "busMasterEnabled" | "declaration" | "device">;

/** A DMA read, just taken from the queue, that gets no data. */
export function recordFailedRead(
  requester: Requester,
  iommu: Iommu,
  { high, low, byteLength, tag, context }: ReadQueue,
): void {
  const { declaration, device } = requester;
  if (byteLength < 0) {
    const access = accessName(DMA_READ, ~byteLength, high, low);
    recordBusMasterOff(requester, declaration.name, access, "nothing was transferred");
    return;
  }
  recordFault(requester, iommu, high, low, byteLength, () => {
    const access = `${accessName(DMA_READ, byteLength, high, low)} by ${declaration.name}`;
    return [access, "got Unsupported Request and no data", device.describeRead?.(tag, context)];
  });
}

/** A DMA write that does not get through. */
export function recordFailedWrite(
  requester: Requester,
  iommu: Iommu,
  high: number,
  low: number,
  byteLength: number,
): void {
  const { declaration, device } = requester;
  if (!requester.busMasterEnabled) {
    const access = accessName(DMA_WRITE, byteLength, high, low);
    recordBusMasterOff(requester, declaration.name, access, "nothing was transferred");
    return;
  }
  recordFault(requester, iommu, high, low, byteLength, () => {
    const access = `${accessName(DMA_WRITE, byteLength, high, low)} by ${declaration.name}`;
    return [access, "wrote nothing", device.describeWrite?.(high, low)];
  });
}

/** A DMA that the IOMMU does not let through. */
function recordFault(
  recorder: FindingRecorder,
  iommu: Iommu,
  high: number,
  low: number,
  byteLength: number,
  words: () => [access: string, did: string, description: DmaDescription | undefined],
): void {
  const iova = (high >>> 0) * 2 ** 32 + (low >>> 0);
  const place = `IOVA ${iovaName(iova)}`;
  const rule = iommu.unmappedAt(iova) !== undefined ? "dma-after-unmap" : "dma-outside-map";
  recorder.record("violation", rule, place, () => {
    const [access, did, description] = words();
    const purpose = description === undefined ? "" : `, for ${description.purpose},`;
    const outcome = description === undefined ? "" : `; ${description.outcome}`;
    const why = explainFault(iommu, high, low, byteLength);
    const end = why.endsWith("?") ? "" : ".";
    const advice =
      rule === "dma-after-unmap"
        ? "Stop the card, and wait until it has stopped, before memory is given back."
        : "Map the buffer, and write its whole address, before the doorbell.";
    return `${access}${purpose} ${why}${end} The card ${did}${outcome}. ${advice}`;
  });
}

/** A request of a function that may not make any. */
export function recordBusMasterOff(recorder: FindingRecorder, name: string, what: string, outcome: string): void {
  recorder.record("violation", "bus-master-off", "command register 0x0004", () => {
    return `${what} by ${name} while Bus Master Enable (bit 2 of the command register, 0x0004) is off: ${outcome}. Enable bus mastering before the queues.`;
  });
}

/** What an endpoint counts, in order; of interrupts, the messages and rising lines that left it. */
export const COUNTER_NAMES: readonly string[] = ["dmaReads", "dmaWrites", "interrupts"];
/** Places of {@link COUNTER_NAMES}. */
export const DMA_READS = 0;
export const DMA_WRITES = 1;
export const INTERRUPTS = 2;
