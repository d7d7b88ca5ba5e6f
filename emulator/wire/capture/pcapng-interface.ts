/** Interface descriptions of pcapng and the options that matter to a reader; all others are passed over. */

import { DEFAULT_TIME_RESOLUTION, PcapngClock } from "./pcapng-time.ts";

const OPTION_END = 0;
const OPTION_EPB_FLAGS = 2;
const OPTION_IF_TSRESOL = 9;
const OPTION_IF_FCSLEN = 13;
const OPTION_IF_TSOFFSET = 14;

/** What an interface description block says, as far as records need it. */
export interface PcapngInterface {
  readonly linkType: number;
  /** 0: not snapped. */
  readonly snapByteLength: number;
  readonly fcsByteLength: number;
  readonly clock: PcapngClock;
}

/** Reads the body of an interface description block, which lies at `bodyAt` to `bodyEnd` in the view. */
export function readInterface(view: DataView, bodyAt: number, bodyEnd: number, littleEndian: boolean): PcapngInterface {
  let resolution = DEFAULT_TIME_RESOLUTION;
  let offsetSeconds = 0;
  let fcsByteLength = 0;
  let at = bodyAt + 8;
  // The end option may be missing when the block ends; an option that runs over the end of the block ends the list too.
  while (at + 4 <= bodyEnd) {
    const code = view.getUint16(at, littleEndian);
    const byteLength = view.getUint16(at + 2, littleEndian);
    if (code === OPTION_END || at + 4 + byteLength > bodyEnd) break;
    if (code === OPTION_IF_TSRESOL && byteLength >= 1) resolution = view.getUint8(at + 4);
    if (code === OPTION_IF_FCSLEN && byteLength >= 1) fcsByteLength = fcsBytes(view.getUint8(at + 4));
    if (code === OPTION_IF_TSOFFSET && byteLength >= 8) offsetSeconds = Number(view.getBigInt64(at + 4, littleEndian));
    at += 4 + ((byteLength + 3) & ~3);
  }
  return {
    linkType: view.getUint16(bodyAt, littleEndian),
    snapByteLength: view.getUint32(bodyAt + 4, littleEndian),
    fcsByteLength,
    clock: new PcapngClock(resolution, offsetSeconds),
  };
}

/** The FCS length that a packet's own flags give (bits 8:5, in bytes), or `otherwise` when they do not say. */
export function fcsByteLengthOfPacket(
  view: DataView,
  optionsAt: number,
  optionsEnd: number,
  littleEndian: boolean,
  otherwise: number,
): number {
  let at = optionsAt;
  while (at + 4 <= optionsEnd) {
    const code = view.getUint16(at, littleEndian);
    const byteLength = view.getUint16(at + 2, littleEndian);
    if (code === OPTION_END || at + 4 + byteLength > optionsEnd) break;
    if (code === OPTION_EPB_FLAGS && byteLength >= 4) {
      const stated = (view.getUint32(at + 4, littleEndian) >>> 5) & 0x0f;
      return stated === 0 ? otherwise : stated;
    }
    at += 4 + ((byteLength + 3) & ~3);
  }
  return otherwise;
}

/** The specification says bits, its example and most writers say bytes; no FCS has 16 bytes, nor any 16 bits. */
function fcsBytes(stated: number): number {
  return stated >= 16 ? stated >> 3 : stated;
}
