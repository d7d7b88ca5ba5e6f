/**
 * The first 64 bytes of an endpoint's configuration space: the type 0 header (PCI Local Bus Specification 3.0, 6.1 and
 * 6.2; PCI Express Base Specification 3.0, 7.5.1 and 7.5.2).
 */

import { blankImage, type ConfigImage, declareRegister } from "./config-image.ts";

/** Byte offsets in the header. */
export const VENDOR_ID = 0x0000;
export const DEVICE_ID = 0x0002;
export const COMMAND = 0x0004;
export const STATUS = 0x0006;
export const REVISION_ID = 0x0008;
export const CACHE_LINE_SIZE = 0x000c;
export const BASE_ADDRESS_0 = 0x0010;
export const SUBSYSTEM_VENDOR_ID = 0x002c;
export const SUBSYSTEM_ID = 0x002e;
export const CAPABILITIES_POINTER = 0x0034;
export const INTERRUPT_LINE = 0x003c;
export const INTERRUPT_PIN = 0x003d;

/** The function answers memory requests to its BARs. */
export const COMMAND_MEMORY_SPACE = 0x0002;
/** The function may issue requests of its own: DMA, MSI and MSI-X alike. */
export const COMMAND_BUS_MASTER = 0x0004;
/** The function must not send Assert_INTx; what is asserted is deasserted. */
export const COMMAND_INTX_DISABLE = 0x0400;
/** An INTx interrupt is pending inside the function, whether or not INTx is disabled. */
export const STATUS_INTERRUPT = 0x0008;
/** The function has a capability list. */
export const STATUS_CAPABILITIES_LIST = 0x0010;

// Memory space, bus master, parity error response, SERR# enable, INTx disable. The others belong to conventional PCI
// or to I/O space, and an endpoint without I/O BARs ties them to zero.
const COMMAND_WRITABLE = 0x0546;
// Master data parity error, signalled and received target abort, received master abort, signalled system error,
// detected parity error.
const STATUS_WRITE_ONE_TO_CLEAR = 0xf900;
const BAR_64_BIT = 0x4;
const BAR_PREFETCHABLE = 0x8;
/** BARs of 64 bits may be this large: more than any address decoder has, and exact as a Number. */
const BAR_BYTE_LENGTH_MAX = 2 ** 48;

/** Who the function says it is. */
export interface FunctionIdentity {
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId: number;
  /** 24 bits: base class, sub-class, programming interface. 0x020000 is an Ethernet controller. */
  readonly classCode: number;
  readonly subsystemVendorId?: number;
  readonly subsystemId?: number;
  /** 1 to 4 for INTA to INTD; 0, the default, for a function without INTx. */
  readonly interruptPin?: 0 | 1 | 2 | 3 | 4;
}

/** One memory window that the function asks for. */
export interface BarDeclaration {
  /** The BAR's slot; a 64-bit BAR also takes the next one. */
  readonly index: 0 | 1 | 2 | 3 | 4 | 5;
  /** A power of two, 16 bytes or more. */
  readonly byteLength: number;
  readonly kind: "memory32" | "memory64";
  readonly prefetchable?: boolean;
  /** What lies behind it, for messages. */
  readonly about: string;
}

/** Builds the header. Throws RangeError where a declared number does not fit its register. */
export function headerImage(identity: FunctionIdentity, bars: readonly BarDeclaration[]): ConfigImage {
  const image = blankImage(0x40);
  declareRegister(image, VENDOR_ID, 2, { value: fit("vendorId", identity.vendorId, 0xffff) });
  declareRegister(image, DEVICE_ID, 2, { value: fit("deviceId", identity.deviceId, 0xffff) });
  declareRegister(image, COMMAND, 2, { writable: COMMAND_WRITABLE });
  declareRegister(image, STATUS, 2, { value: STATUS_CAPABILITIES_LIST, writeOneToClear: STATUS_WRITE_ONE_TO_CLEAR });
  const revisionId = fit("revisionId", identity.revisionId, 0xff);
  const classCode = fit("classCode", identity.classCode, 0xffffff);
  declareRegister(image, REVISION_ID, 4, { value: (classCode << 8) | revisionId });
  // Read-write in PCI Express for the sake of old software; it has no effect.
  declareRegister(image, CACHE_LINE_SIZE, 1, { writable: 0xff });
  declareBars(image, bars);
  const subsystemVendorId = fit("subsystemVendorId", identity.subsystemVendorId ?? 0, 0xffff);
  declareRegister(image, SUBSYSTEM_VENDOR_ID, 2, { value: subsystemVendorId });
  declareRegister(image, SUBSYSTEM_ID, 2, { value: fit("subsystemId", identity.subsystemId ?? 0, 0xffff) });
  const interruptPin = fit("interruptPin", identity.interruptPin ?? 0, 4);
  // A note that firmware leaves for the operating system. A function without a pin has no such register.
  declareRegister(image, INTERRUPT_LINE, 1, { writable: interruptPin === 0 ? 0 : 0xff });
  declareRegister(image, INTERRUPT_PIN, 1, { value: interruptPin });
  return image;
}

/** Address bits above the window's size are read-write, the rest is tied to zero: that is how software sizes a BAR. */
function declareBars(image: ConfigImage, bars: readonly BarDeclaration[]): void {
  const takenBy: (BarDeclaration | undefined)[] = [];
  for (const bar of bars) {
    checkBar(bar);
    const slotCount = bar.kind === "memory64" ? 2 : 1;
    for (let slot = bar.index; slot < bar.index + slotCount; slot++) {
      const other = takenBy[slot];
      if (other !== undefined) {
        throw new RangeError(
          `BAR${bar.index} (${bar.about}) and BAR${other.index} (${other.about}) share slot ${slot}`,
        );
      }
      takenBy[slot] = bar;
    }
    const offset = BASE_ADDRESS_0 + 4 * bar.index;
    const type = (slotCount === 2 ? BAR_64_BIT : 0) | (bar.prefetchable === true ? BAR_PREFETCHABLE : 0);
    const lowWritable = bar.byteLength >= 2 ** 32 ? 0 : -bar.byteLength;
    declareRegister(image, offset, 4, { value: type, writable: lowWritable });
    if (slotCount === 2) {
      const highWritable = bar.byteLength <= 2 ** 32 ? -1 : -(bar.byteLength / 2 ** 32);
      declareRegister(image, offset + 4, 4, { writable: highWritable });
    }
  }
}

function checkBar(bar: BarDeclaration): void {
  const name = `BAR${bar.index} (${bar.about})`;
  if (!Number.isInteger(bar.index) || bar.index < 0 || bar.index > 5) {
    throw new RangeError(`${name}: a type 0 header has BAR0 to BAR5`);
  }
  if (bar.kind === "memory64" && bar.index === 5) {
    throw new RangeError(`${name}: a 64-bit BAR takes two slots and cannot start at the last one`);
  }
  const longest = bar.kind === "memory64" ? BAR_BYTE_LENGTH_MAX : 2 ** 31;
  const powerOfTwo = Number.isInteger(Math.log2(bar.byteLength));
  if (!powerOfTwo || bar.byteLength < 16 || bar.byteLength > longest) {
    throw new RangeError(`${name}: ${bar.byteLength} bytes; want a power of two from 16 to ${longest}`);
  }
}

function fit(name: string, value: number, highest: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= highest) return value;
  throw new RangeError(`${name} ${value}: want an integer from 0 to 0x${highest.toString(16)}`);
}
