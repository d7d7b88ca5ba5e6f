/**
 * Writes classic pcap with nanoseconds, little-endian: the form that every tool reads and that loses nothing softbar has
 * but the direction of a frame and what was dropped, for which there is write-pcapng.ts.
 */

import { LINKTYPE_ETHERNET } from "./capture-record.ts";
import { FileBytes } from "./file-bytes.ts";
import { PCAP_HEADER_BYTE_LENGTH, PCAP_MAGIC_NANOSECONDS, PCAP_RECORD_HEADER_BYTE_LENGTH } from "./pcap.ts";

/** The snap length that tcpdump writes for "everything". */
const SNAP_BYTE_LENGTH = 262_144;

/** A pcap file that grows in memory. `bytes` is a valid file after every `append`. */
export class PcapWriter {
  recordCount = 0;
  readonly #file = new FileBytes();

  /** `linkType` of all records; Ethernet when left out. */
  constructor(linkType: number = LINKTYPE_ETHERNET) {
    const at = this.#file.reserve(PCAP_HEADER_BYTE_LENGTH);
    const { view } = this.#file;
    view.setUint32(at, PCAP_MAGIC_NANOSECONDS, true);
    view.setUint16(at + 4, 2, true);
    view.setUint16(at + 6, 4, true);
    view.setUint32(at + 16, SNAP_BYTE_LENGTH, true);
    view.setUint32(at + 20, linkType, true);
  }

  /** The file so far, or since the last `drain`, not copied: good until the next `append`. */
  get bytes(): Uint8Array {
    return this.#file.written;
  }

  /** Hands over what was written since the last time, for a long file that goes to the disk piece by piece. */
  drain(): Uint8Array {
    return this.#file.drain();
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
    const file = this.#file;
    const at = file.reserve(PCAP_RECORD_HEADER_BYTE_LENGTH + byteLength);
    const { view } = file;
    view.setUint32(at, seconds, true);
    view.setUint32(at + 4, nanoseconds, true);
    view.setUint32(at + 8, byteLength, true);
    view.setUint32(at + 12, originalByteLength, true);
    file.buffer.set(bytes.subarray(offset, offset + byteLength), at + PCAP_RECORD_HEADER_BYTE_LENGTH);
    this.recordCount++;
  }
}
