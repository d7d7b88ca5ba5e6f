/**
 * What a function is made of, and where its capabilities lie in configuration space.
 *
 * The layout is that of a common Ethernet controller: power management at 0x0040, MSI at 0x0050, MSI-X at 0x0070,
 * PCI Express at 0x00a0, advanced error reporting at 0x0100, device serial number at 0x0140. Software must not rely on
 * it and walks the lists.
 */

import {
  advancedErrorReportingCapability,
  type Capability,
  type LinkDeclaration,
  linkCapabilities,
  linkExtendedCapabilities,
  type MsixDeclaration,
  msiCapability,
  msixCapability,
  msixPendingBitsByteLength,
  msixTableByteLength,
  pciExpressCapability,
  powerManagementCapability,
  serialNumberCapability,
} from "./capabilities.ts";
import { type BarDeclaration, type FunctionIdentity, headerImage } from "./config-header.ts";
import { blankImage, type ConfigImage, placeImage } from "./config-image.ts";

/** Bytes of configuration space of one function. */
export const CONFIG_SPACE_BYTE_LENGTH = 4096;

export const POWER_MANAGEMENT_AT = 0x0040;
export const MSI_AT = 0x0050;
export const MSIX_AT = 0x0070;
export const PCI_EXPRESS_AT = 0x00a0;
const AER_AT = 0x0100;
const SERIAL_NUMBER_AT = 0x0140;

/** What a function is made of. */
export interface FunctionDeclaration {
  readonly identity: FunctionIdentity;
  readonly bars: readonly BarDeclaration[];
  /** Absent: the function has no MSI-X. */
  readonly msix?: MsixDeclaration;
  /** False: the function has no MSI. */
  readonly msi?: boolean;
  /** 5 GT/s on 8 lanes when absent. */
  readonly link?: LinkDeclaration;
  /** EUI-64 as two 32-bit words; zero when absent. */
  readonly serialNumber?: { readonly high: number; readonly low: number };
}

/** Builds all 4096 bytes. Throws RangeError where a part of the declaration does not fit, and names it. */
export function functionImage(declaration: FunctionDeclaration): ConfigImage {
  const { identity, bars, msix, msi = true, link, serialNumber = { high: 0, low: 0 } } = declaration;
  const image = blankImage(CONFIG_SPACE_BYTE_LENGTH);
  placeImage(image, 0, headerImage(identity, bars));
  const placed: [number, Capability][] = [[POWER_MANAGEMENT_AT, powerManagementCapability()]];
  if (msi) placed.push([MSI_AT, msiCapability()]);
  if (msix !== undefined) {
    placed.push([MSIX_AT, msixCapability(msix)]);
    checkMsixFitsBar(msix, bars);
  }
  placed.push([PCI_EXPRESS_AT, pciExpressCapability(link)]);
  linkCapabilities(image, placed);
  linkExtendedCapabilities(image, [
    [AER_AT, advancedErrorReportingCapability()],
    [SERIAL_NUMBER_AT, serialNumberCapability(serialNumber.high, serialNumber.low)],
  ]);
  return image;
}

function checkMsixFitsBar(msix: MsixDeclaration, bars: readonly BarDeclaration[]): void {
  const bar = bars.find(({ index }) => index === msix.bar);
  if (bar === undefined) throw new RangeError(`MSI-X lies in BAR${msix.bar}, which the function does not declare`);
  const tableEnd = msix.tableOffset + msixTableByteLength(msix.vectorCount);
  const pendingBitsEnd = msix.pendingBitsOffset + msixPendingBitsByteLength(msix.vectorCount);
  if (Math.max(tableEnd, pendingBitsEnd) <= bar.byteLength) return;
  throw new RangeError(
    `MSI-X needs ${Math.max(tableEnd, pendingBitsEnd)} bytes of BAR${msix.bar}, which has ${bar.byteLength}`,
  );
}
