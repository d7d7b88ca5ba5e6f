/**
 * The capabilities of an endpoint, built as images that know nothing of where they will lie, and linked into a list by
 * `linkCapabilities`. Sources: PCI Local Bus Specification 3.0, 6.7 and 6.8; PCI Bus Power Management Interface
 * Specification 1.2, 3.2; PCI Express Base Specification 3.0, 7.7 to 7.12.
 */

import { CAPABILITIES_POINTER } from "./config-header.ts";
import { type BitClasses, blankImage, type ConfigImage, declareRegister, placeImage } from "./config-image.ts";

/** Capability ids, in the list that starts at 0x0034. */
export const CAPABILITY_POWER_MANAGEMENT = 0x01;
export const CAPABILITY_MSI = 0x05;
export const CAPABILITY_PCI_EXPRESS = 0x10;
export const CAPABILITY_MSIX = 0x11;
/** Extended capability ids, in the list that starts at 0x0100. */
export const EXTENDED_CAPABILITY_AER = 0x0001;
export const EXTENDED_CAPABILITY_SERIAL_NUMBER = 0x0003;

/** Byte offsets from the start of the power management capability. */
export const PM_CONTROL_STATUS = 0x0004;
/** Byte offsets from the start of the MSI capability in its 64-bit form. */
export const MSI_CONTROL = 0x0002;
export const MSI_ADDRESS_LOW = 0x0004;
export const MSI_ADDRESS_HIGH = 0x0008;
export const MSI_DATA = 0x000c;
export const MSI_CONTROL_ENABLE = 0x0001;
/** Byte offsets from the start of the MSI-X capability. */
export const MSIX_CONTROL = 0x0002;
export const MSIX_TABLE = 0x0004;
export const MSIX_PENDING_BITS = 0x0008;
export const MSIX_CONTROL_FUNCTION_MASK = 0x4000;
export const MSIX_CONTROL_ENABLE = 0x8000;
/** Byte offsets from the start of the PCI Express capability. */
export const EXP_DEVICE_CAPABILITIES = 0x0004;
export const EXP_DEVICE_CONTROL = 0x0008;
export const EXP_DEVICE_STATUS = 0x000a;
export const EXP_LINK_CAPABILITIES = 0x000c;
export const EXP_LINK_CONTROL = 0x0010;
export const EXP_LINK_STATUS = 0x0012;
export const EXP_DEVICE_CONTROL_RELAXED_ORDERING = 0x0010;
export const EXP_DEVICE_CONTROL_INITIATE_FLR = 0x8000;
export const EXP_DEVICE_STATUS_TRANSACTIONS_PENDING = 0x0020;
/** Byte offsets from the start of the advanced error reporting capability. */
export const AER_UNCORRECTABLE_STATUS = 0x0004;
export const AER_UNCORRECTABLE_MASK = 0x0008;
export const AER_UNCORRECTABLE_SEVERITY = 0x000c;
export const AER_CORRECTABLE_STATUS = 0x0010;
export const AER_CORRECTABLE_MASK = 0x0014;

/** Largest TLP payload that the function takes: code 2 is 512 bytes (7.8.3). */
export const MAX_PAYLOAD_SUPPORTED_CODE = 2;

/** Where the MSI-X structures lie: both in one BAR, each 8-byte aligned. */
export interface MsixDeclaration {
  /** Entries in the table, 1 to 2048. */
  readonly vectorCount: number;
  readonly bar: number;
  /** Byte offset in the BAR of `vectorCount` entries of 16 bytes. */
  readonly tableOffset: number;
  /** Byte offset in the BAR of the pending bit array: one bit a vector, in whole quadwords. */
  readonly pendingBitsOffset: number;
}

/** The link as it was trained. */
export interface LinkDeclaration {
  readonly gigatransfersPerSecond: 2.5 | 5 | 8;
  readonly laneCount: 1 | 2 | 4 | 8 | 16;
}

/** One entry of a capability list. */
export interface Capability {
  readonly id: number;
  readonly image: ConfigImage;
}

/** Power management 1.2, D0 and D3hot only, no PME. Going back to D0 keeps the registers (No_Soft_Reset). */
export function powerManagementCapability(): Capability {
  const image = blankImage(0x08);
  declareRegister(image, 0x02, 2, { value: 0x0003 });
  declareRegister(image, PM_CONTROL_STATUS, 2, { value: 0x0008, writable: 0x0003 });
  return { id: CAPABILITY_POWER_MANAGEMENT, image };
}

/**
 * MSI with a 64-bit address and one message, without per-vector masking. Multiple Message Enable is tied to zero, as in
 * controllers that ask for one message: there is nothing to choose.
 */
export function msiCapability(): Capability {
  const image = blankImage(0x10);
  declareRegister(image, MSI_CONTROL, 2, { value: 0x0080, writable: MSI_CONTROL_ENABLE });
  declareRegister(image, MSI_ADDRESS_LOW, 4, { writable: 0xfffffffc });
  declareRegister(image, MSI_ADDRESS_HIGH, 4, { writable: 0xffffffff });
  declareRegister(image, MSI_DATA, 2, { writable: 0xffff });
  return { id: CAPABILITY_MSI, image };
}

/** MSI-X (PCI 3.0, 6.8.2). Throws RangeError as `checkMsix` does. */
export function msixCapability(msix: MsixDeclaration): Capability {
  checkMsix(msix);
  const image = blankImage(0x0c);
  const writable = MSIX_CONTROL_ENABLE | MSIX_CONTROL_FUNCTION_MASK;
  declareRegister(image, MSIX_CONTROL, 2, { value: msix.vectorCount - 1, writable });
  declareRegister(image, MSIX_TABLE, 4, { value: msix.tableOffset | msix.bar });
  declareRegister(image, MSIX_PENDING_BITS, 4, { value: msix.pendingBitsOffset | msix.bar });
  return { id: CAPABILITY_MSIX, image };
}

/** Bytes of the MSI-X table. */
export function msixTableByteLength(vectorCount: number): number {
  return 16 * vectorCount;
}

/** Bytes of the pending bit array: whole quadwords. */
export function msixPendingBitsByteLength(vectorCount: number): number {
  return 8 * Math.ceil(vectorCount / 64);
}

/** Throws RangeError where the MSI-X structures cannot be described by the capability or lie on each other. */
export function checkMsix(msix: MsixDeclaration): void {
  const { vectorCount, bar, tableOffset, pendingBitsOffset } = msix;
  if (!Number.isInteger(vectorCount) || vectorCount < 1 || vectorCount > 2048) {
    throw new RangeError(`MSI-X: ${vectorCount} vectors; want 1 to 2048`);
  }
  if (!Number.isInteger(bar) || bar < 0 || bar > 5) throw new RangeError(`MSI-X: BAR${bar}; want BAR0 to BAR5`);
  for (const offset of [tableOffset, pendingBitsOffset]) {
    // The three low bits of the register name the BAR, so the offset has none.
    if (!(Number.isInteger(offset / 8) && offset >= 0 && offset < 2 ** 32)) {
      throw new RangeError(`MSI-X: offset ${hex(offset)} in BAR${bar}; want a multiple of 8 below 4 GiB`);
    }
  }
  const tableEnd = tableOffset + msixTableByteLength(vectorCount);
  const pendingBitsEnd = pendingBitsOffset + msixPendingBitsByteLength(vectorCount);
  if (tableOffset < pendingBitsEnd && pendingBitsOffset < tableEnd) {
    const table = `the table ${hex(tableOffset)}-${hex(tableEnd - 1)}`;
    throw new RangeError(`MSI-X: ${table} and the pending bits at ${hex(pendingBitsOffset)} overlap`);
  }
}

/** PCI Express 2.x endpoint (7.8) that takes 512-byte payloads and can be reset by function. */
export function pciExpressCapability(link: LinkDeclaration = { gigatransfersPerSecond: 5, laneCount: 8 }): Capability {
  const image = blankImage(0x3c);
  const speedCode = link.gigatransfersPerSecond === 2.5 ? 1 : link.gigatransfersPerSecond === 5 ? 2 : 3;
  const speedAndWidth = (link.laneCount << 4) | speedCode;
  // Capability version 2, device/port type 0 (endpoint).
  declareRegister(image, 0x02, 2, { value: 0x0002 });
  // Function-level reset, role-based error reporting, 8-bit tags.
  declareRegister(image, EXP_DEVICE_CAPABILITIES, 4, { value: 0x10008020 | MAX_PAYLOAD_SUPPORTED_CODE });
  // After reset: relaxed ordering and no snoop enabled, payload 128, read request 512. Initiate FLR reads as zero.
  declareRegister(image, EXP_DEVICE_CONTROL, 2, { value: 0x2810, writable: 0x79ff, survivesFunctionReset: 0x00e0 });
  declareRegister(image, EXP_DEVICE_STATUS, 2, { writeOneToClear: 0x000f });
  // No ASPM, and says so by the rules that allow it (ASPM optionality compliance): link power states are not modelled.
  declareRegister(image, EXP_LINK_CAPABILITIES, 4, { value: 0x00400000 | speedAndWidth });
  // ASPM control, read completion boundary, common clock, extended synch: all exempt from a function-level reset.
  declareRegister(image, EXP_LINK_CONTROL, 2, { writable: 0x00cb, survivesFunctionReset: 0x00cb });
  // Slot clock configuration: the reference clock is the connector's.
  declareRegister(image, EXP_LINK_STATUS, 2, { value: 0x1000 | speedAndWidth });
  // Completion timeout ranges A to D and its disabling.
  declareRegister(image, 0x24, 4, { value: 0x0000001f });
  declareRegister(image, 0x28, 2, { writable: 0x001f });
  // Every speed up to the link's own.
  declareRegister(image, 0x2c, 4, { value: ((1 << speedCode) - 1) << 1 });
  declareRegister(image, 0x30, 2, { value: speedCode, writable: 0xff9f, survivesFunctionReset: 0xff9f });
  return { id: CAPABILITY_PCI_EXPRESS, image };
}

/**
 * Advanced error reporting (7.10) without ECRC. The status and mask words are sticky: they outlive a function-level
 * reset, which is what makes them worth reading after one.
 */
export function advancedErrorReportingCapability(): Capability {
  const image = blankImage(0x2c);
  // Data link protocol, poisoned TLP, flow control protocol, completion timeout, completer abort, unexpected
  // completion, receiver overflow, malformed TLP, unsupported request: what an endpoint can detect.
  const uncorrectable = 0x0017f010;
  // Receiver error, bad TLP, bad DLLP, replay rollover, replay timer, advisory non-fatal.
  const correctable = 0x000031c1;
  declareSticky(image, AER_UNCORRECTABLE_STATUS, { writeOneToClear: uncorrectable });
  declareSticky(image, AER_UNCORRECTABLE_MASK, { writable: uncorrectable });
  declareSticky(image, AER_UNCORRECTABLE_SEVERITY, { value: 0x00062010, writable: uncorrectable });
  declareSticky(image, AER_CORRECTABLE_STATUS, { writeOneToClear: correctable });
  declareSticky(image, AER_CORRECTABLE_MASK, { value: 0x00002000, writable: correctable });
  return { id: EXTENDED_CAPABILITY_AER, image };
}

function declareSticky(image: ConfigImage, offset: number, classes: BitClasses): void {
  const survivesFunctionReset = (classes.writable ?? 0) | (classes.writeOneToClear ?? 0);
  declareRegister(image, offset, 4, { ...classes, survivesFunctionReset });
}

/** The EUI-64 of the card (7.12), as the two words that software reads. */
export function serialNumberCapability(high: number, low: number): Capability {
  const image = blankImage(0x0c);
  declareRegister(image, 0x04, 4, { value: low });
  declareRegister(image, 0x08, 4, { value: high });
  return { id: EXTENDED_CAPABILITY_SERIAL_NUMBER, image };
}

/** Places capabilities at the given offsets of the space, in this order, and writes the links between them. */
export function linkCapabilities(space: ConfigImage, placed: readonly (readonly [number, Capability])[]): void {
  placed.forEach(([offset, { id, image }], index) => {
    placeImage(space, offset, image);
    const next = placed[index + 1]?.[0] ?? 0;
    declareRegister(space, offset, 2, { value: (next << 8) | id });
  });
  declareRegister(space, CAPABILITIES_POINTER, 1, { value: placed[0]?.[0] ?? 0 });
}

/** The same for extended capabilities, all of version 1. The first must lie at 0x0100. */
export function linkExtendedCapabilities(space: ConfigImage, placed: readonly (readonly [number, Capability])[]): void {
  placed.forEach(([offset, { id, image }], index) => {
    placeImage(space, offset, image);
    const next = placed[index + 1]?.[0] ?? 0;
    declareRegister(space, offset, 4, { value: (next << 20) | (1 << 16) | id });
  });
}

function hex(offset: number): string {
  return `0x${offset.toString(16).padStart(4, "0")}`;
}
