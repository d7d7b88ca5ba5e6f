/** Interface descriptions and statistics of pcapng, and the options of packets. */

import type { InterfaceDetails } from "./capture-details.ts";
import { DIRECTION_INBOUND, DIRECTION_OUTBOUND, DIRECTION_UNKNOWN } from "./capture-record.ts";
import { PcapngOptions } from "./pcapng-options.ts";
import { DEFAULT_TIME_RESOLUTION, PcapngClock } from "./pcapng-time.ts";

const OPTION_IF_NAME = 2;
const OPTION_IF_DESCRIPTION = 3;
const OPTION_IF_SPEED = 8;
const OPTION_IF_TSRESOL = 9;
const OPTION_IF_FCSLEN = 13;
const OPTION_IF_TSOFFSET = 14;
const OPTION_ISB_IFRECV = 4;
const OPTION_ISB_IFDROP = 5;
const OPTION_ISB_OSDROP = 7;
const OPTION_EPB_FLAGS = 2;
const OPTION_EPB_DROPCOUNT = 4;

/** An interface of the section being read. */
export interface PcapngInterface {
  readonly clock: PcapngClock;
  readonly details: InterfaceDetails;
}

const options: PcapngOptions = new PcapngOptions();

/** Reads the body of an interface description block, which lies at `bodyAt` to `bodyEnd` in the view. */
export function readInterface(
  view: DataView,
  bodyAt: number,
  bodyEnd: number,
  littleEndian: boolean,
  sectionIndex: number,
  interfaceIndex: number,
): PcapngInterface {
  let resolution = DEFAULT_TIME_RESOLUTION;
  let timeOffsetSeconds = 0;
  let fcsByteLength = 0;
  let bitsPerSecond = 0;
  let name = "";
  let description = "";
  options.begin(view, bodyAt + 8, bodyEnd, littleEndian);
  while (options.next()) {
    const { code, byteLength, valueAt } = options;
    if (code === OPTION_IF_NAME) name = options.text();
    if (code === OPTION_IF_DESCRIPTION) description = options.text();
    if (code === OPTION_IF_SPEED) bitsPerSecond = options.uint64();
    if (code === OPTION_IF_TSRESOL && byteLength >= 1) resolution = view.getUint8(valueAt);
    if (code === OPTION_IF_FCSLEN && byteLength >= 1) fcsByteLength = fcsBytes(view.getUint8(valueAt));
    if (code === OPTION_IF_TSOFFSET && byteLength >= 8) {
      timeOffsetSeconds = Number(view.getBigInt64(valueAt, littleEndian));
    }
  }
  return {
    clock: new PcapngClock(resolution, timeOffsetSeconds),
    details: {
      sectionIndex,
      interfaceIndex,
      byteOrder: littleEndian ? "little-endian" : "big-endian",
      linkType: view.getUint16(bodyAt, littleEndian),
      snapByteLength: view.getUint32(bodyAt + 4, littleEndian),
      fcsByteLength,
      tick: { base: (resolution & 0x80) === 0 ? 10 : 2, exponent: 0 - (resolution & 0x7f) },
      timeOffsetSeconds,
      name,
      description,
      bitsPerSecond,
      packetCount: 0,
      receivedCount: null,
      droppedCount: null,
      osDroppedCount: null,
      packetDropCount: 0,
    },
  };
}

/** Takes over the counters of an interface statistics block, whose options lie at `optionsAt` to `optionsEnd`. */
export function readStatistics(
  view: DataView,
  optionsAt: number,
  optionsEnd: number,
  littleEndian: boolean,
  details: InterfaceDetails,
): void {
  options.begin(view, optionsAt, optionsEnd, littleEndian);
  while (options.next()) {
    if (options.byteLength < 8) continue;
    if (options.code === OPTION_ISB_IFRECV) details.receivedCount = options.uint64();
    if (options.code === OPTION_ISB_IFDROP) details.droppedCount = options.uint64();
    if (options.code === OPTION_ISB_OSDROP) details.osDroppedCount = options.uint64();
  }
}

/** What the options of an enhanced packet say, read for one packet after the other. */
export class PacketOptions {
  direction: number = DIRECTION_UNKNOWN;
  /** Bits 8:5 of the flags; 0: the packet does not say. */
  fcsByteLength = 0;
  /** Frames lost between the packet before and this one. */
  dropCount = 0;
  readonly #options = new PcapngOptions();

  read(view: DataView, optionsAt: number, optionsEnd: number, littleEndian: boolean): void {
    this.direction = DIRECTION_UNKNOWN;
    this.fcsByteLength = 0;
    this.dropCount = 0;
    const options = this.#options;
    options.begin(view, optionsAt, optionsEnd, littleEndian);
    while (options.next()) {
      if (options.code === OPTION_EPB_FLAGS) {
        const flags = options.uint32();
        const direction = flags & 3;
        if (direction === DIRECTION_INBOUND || direction === DIRECTION_OUTBOUND) this.direction = direction;
        this.fcsByteLength = (flags >>> 5) & 0x0f;
      } else if (options.code === OPTION_EPB_DROPCOUNT) {
        this.dropCount = options.uint64();
      }
    }
  }
}

/** The specification says bits, its example and most writers say bytes; no FCS has 16 bytes, nor any 16 bits. */
function fcsBytes(stated: number): number {
  return stated >= 16 ? stated >> 3 : stated;
}
