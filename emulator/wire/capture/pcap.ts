/**
 * Classic pcap (draft-ietf-opsawg-pcap): a header of 24 bytes, then records of a 16-byte header and the captured bytes,
 * without padding. Four magic numbers: microseconds or nanoseconds, in either byte order.
 */

import type { ByteWindow } from "./byte-window.ts";
import { type CaptureDetails, type InterfaceDetails, NO_DETAILS } from "./capture-details.ts";
import { CaptureError } from "./capture-error.ts";
import { type CaptureParser, type IncompletePart, MAX_RECORD_BYTE_LENGTH, recordTooLong } from "./capture-parser.ts";
import { type CaptureRecord, DIRECTION_UNKNOWN } from "./capture-record.ts";

export const PCAP_MAGIC_MICROSECONDS = 0xa1b2_c3d4;
export const PCAP_MAGIC_NANOSECONDS = 0xa1b2_3c4d;
/** Kuznetzov's variant of 1999, whose record headers are 24 bytes long. Not read. */
export const PCAP_MAGIC_KUZNETZOV = 0xa1b2_cd34;
export const PCAP_HEADER_BYTE_LENGTH = 24;
export const PCAP_RECORD_HEADER_BYTE_LENGTH = 16;

const NS_PER_SECOND = 1_000_000_000;
/** In the network field: the top four bits are the FCS length in 16-bit words. */
const FCS_LENGTH_PRESENT = 0x0400_0000;

export class PcapParser implements CaptureParser {
  recordCount = 0;
  #interface: InterfaceDetails | undefined;
  readonly #name: string;
  #isHeaderRead = false;
  #littleEndian = false;
  #nsPerTick = 1000;
  #linkType = 0;
  #fcsByteLength = 0;

  /** `name` of the file for messages. */
  constructor(name: string) {
    this.#name = name;
  }

  /** The file header says for all records what an interface description says for its own. */
  get details(): CaptureDetails {
    if (this.#interface === undefined) return NO_DETAILS;
    this.#interface.packetCount = this.recordCount;
    return { sectionCount: 1, interfaces: [this.#interface], unlistedInterfaceCount: 0 };
  }

  next(window: ByteWindow, record: CaptureRecord): boolean {
    if (!this.#isHeaderRead && !this.#readHeader(window)) return false;
    const available = window.end - window.start;
    if (available < PCAP_RECORD_HEADER_BYTE_LENGTH) return false;
    const view = window.view;
    const at = window.start;
    const littleEndian = this.#littleEndian;
    const byteLength = view.getUint32(at + 8, littleEndian);
    if (byteLength > MAX_RECORD_BYTE_LENGTH) {
      throw recordTooLong(this.#name, this.recordCount + 1, window.fileOffset, byteLength);
    }
    if (available < PCAP_RECORD_HEADER_BYTE_LENGTH + byteLength) return false;

    let seconds = view.getUint32(at, littleEndian);
    let nanoseconds = view.getUint32(at + 4, littleEndian) * this.#nsPerTick;
    if (nanoseconds >= NS_PER_SECOND) {
      // Some writers let the fraction run over; time is what the sum says.
      seconds += Math.floor(nanoseconds / NS_PER_SECOND);
      nanoseconds %= NS_PER_SECOND;
    }
    record.seconds = seconds;
    record.nanoseconds = nanoseconds;
    record.timed = true;
    record.bytes = window.bytes;
    record.offset = at + PCAP_RECORD_HEADER_BYTE_LENGTH;
    record.byteLength = byteLength;
    record.originalByteLength = view.getUint32(at + 12, littleEndian);
    record.interfaceIndex = 0;
    record.sectionIndex = 0;
    record.linkType = this.#linkType;
    record.fcsByteLength = this.#fcsByteLength;
    record.direction = DIRECTION_UNKNOWN;
    window.start = at + PCAP_RECORD_HEADER_BYTE_LENGTH + byteLength;
    this.recordCount++;
    return true;
  }

  incomplete(window: ByteWindow): IncompletePart | null {
    const { byteLength: available, fileOffset } = window;
    if (!this.#isHeaderRead) {
      return { what: "the file header", fileOffset, missingByteCount: PCAP_HEADER_BYTE_LENGTH - available };
    }
    if (available === 0) return null;
    let neededByteLength = PCAP_RECORD_HEADER_BYTE_LENGTH;
    if (available >= PCAP_RECORD_HEADER_BYTE_LENGTH) {
      neededByteLength += window.view.getUint32(window.start + 8, this.#littleEndian);
    }
    return { what: `record ${this.recordCount + 1}`, fileOffset, missingByteCount: neededByteLength - available };
  }

  #readHeader(window: ByteWindow): boolean {
    if (window.byteLength < PCAP_HEADER_BYTE_LENGTH) return false;
    const { view, start } = window;
    const bigEndianMagic = view.getUint32(start, false);
    this.#littleEndian = bigEndianMagic !== PCAP_MAGIC_MICROSECONDS && bigEndianMagic !== PCAP_MAGIC_NANOSECONDS;
    const magic = view.getUint32(start, this.#littleEndian);
    this.#nsPerTick = magic === PCAP_MAGIC_NANOSECONDS ? 1 : 1000;
    const major = view.getUint16(start + 4, this.#littleEndian);
    const minor = view.getUint16(start + 6, this.#littleEndian);
    if (major !== 2) {
      throw new CaptureError(
        `${this.#name}: the pcap header gives version ${major}.${minor}; only version 2.4 has a known layout.`,
        window.fileOffset + 4,
      );
    }
    const network = view.getUint32(start + 20, this.#littleEndian);
    this.#linkType = network & 0xffff;
    this.#fcsByteLength = (network & FCS_LENGTH_PRESENT) !== 0 ? (network >>> 28) * 2 : 0;
    this.#interface = {
      sectionIndex: 0,
      interfaceIndex: 0,
      byteOrder: this.#littleEndian ? "little-endian" : "big-endian",
      linkType: this.#linkType,
      snapByteLength: view.getUint32(start + 16, this.#littleEndian),
      fcsByteLength: this.#fcsByteLength,
      tick: { base: 10, exponent: this.#nsPerTick === 1 ? -9 : -6 },
      timeOffsetSeconds: 0,
      name: "",
      description: "",
      bitsPerSecond: 0,
      packetCount: 0,
      receivedCount: null,
      droppedCount: null,
      osDroppedCount: null,
      packetDropCount: 0,
    };
    window.consume(PCAP_HEADER_BYTE_LENGTH);
    this.#isHeaderRead = true;
    return true;
  }
}
