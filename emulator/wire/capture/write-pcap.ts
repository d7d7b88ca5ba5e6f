/**
 * Writes classic pcap with nanoseconds, little-endian: the form that every tool reads and that loses nothing softbar has.
 */

import { LINKTYPE_ETHERNET } from "./capture-record.ts";
import { PCAP_HEADER_BYTE_LENGTH, PCAP_MAGIC_NANOSECONDS, PCAP_RECORD_HEADER_BYTE_LENGTH } from "./pcap.ts";

/** The snap length that tcpdump writes for "everything". */
const SNAP_BYTE_LENGTH = 262_144;
const INITIAL_CAPACITY_BYTE_LENGTH = 64 * 1024;

/** A pcap file that grows in memory. `bytes` is a valid file after every `append`. */
export class PcapWriter {
  recordCount = 0;
  #buffer = new Uint8Array(INITIAL_CAPACITY_BYTE_LENGTH);
  #view = new DataView(this.#buffer.buffer);
  #byteLength = PCAP_HEADER_BYTE_LENGTH;

  /** `linkType` of all records; Ethernet when left out. */
  constructor(linkType: number = LINKTYPE_ETHERNET) {
    const view = this.#view;
    view.setUint32(0, PCAP_MAGIC_NANOSECONDS, true);
    view.setUint16(4, 2, true);
    view.setUint16(6, 4, true);
    view.setUint32(16, SNAP_BYTE_LENGTH, true);
    view.setUint32(20, linkType, true);
  }

  /** The file so far, not copied: good until the next `append`. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#byteLength);
  }

  /**
   * Adds a record of `byteLength` bytes at `offset`, copying them. `seconds` are whole ones since 1970, below 2^32.
   * `originalByteLength` is for snapped frames.
   */
  append(
    seconds: number,
    nanoseconds: number,
    bytes: Uint8Array,
    offset = 0,
    byteLength: number = bytes.length - offset,
    originalByteLength: number = byteLength,
  ): void {
    const at = this.#byteLength;
    const end = at + PCAP_RECORD_HEADER_BYTE_LENGTH + byteLength;
    if (end > this.#buffer.length) this.#grow(end);
    const view = this.#view;
    view.setUint32(at, seconds, true);
    view.setUint32(at + 4, nanoseconds, true);
    view.setUint32(at + 8, byteLength, true);
    view.setUint32(at + 12, originalByteLength, true);
    this.#buffer.set(bytes.subarray(offset, offset + byteLength), at + PCAP_RECORD_HEADER_BYTE_LENGTH);
    this.#byteLength = end;
    this.recordCount++;
  }

  #grow(neededByteLength: number): void {
    const grown = new Uint8Array(Math.max(neededByteLength, this.#buffer.length * 2));
    grown.set(this.bytes);
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}
