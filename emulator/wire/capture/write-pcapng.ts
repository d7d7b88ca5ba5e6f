/**
 * Writes pcapng (draft-ietf-opsawg-pcapng), little-endian, one section, times in nanoseconds since 1970: for what pcap
 * cannot say, which is several interfaces, the direction of a frame, comments, and what was dropped.
 */

import { DIRECTION_UNKNOWN, LINKTYPE_ETHERNET } from "./capture-record.ts";
import { FileBytes } from "./file-bytes.ts";
import {
  PACKET_MIN_BYTE_LENGTH,
  PCAPNG_BYTE_ORDER_MAGIC,
  PCAPNG_ENHANCED_PACKET,
  PCAPNG_INTERFACE_DESCRIPTION,
  PCAPNG_INTERFACE_STATISTICS,
  PCAPNG_SECTION_HEADER,
} from "./pcapng-block.ts";

const OPTION_COMMENT = 1;
const OPTION_EPB_FLAGS = 2;
const OPTION_EPB_DROPCOUNT = 4;
const OPTION_IF_NAME = 2;
const OPTION_IF_DESCRIPTION = 3;
const OPTION_IF_SPEED = 8;
const OPTION_IF_TSRESOL = 9;
const OPTION_IF_FCSLEN = 13;
const OPTION_SHB_USERAPPL = 4;
const OPTION_ISB_IFRECV = 4;
const OPTION_ISB_IFDROP = 5;
const NANOSECONDS = 9;
/** The last whole second of which 64 bits of nanoseconds hold all. */
const SECONDS_MAX = 18_446_744_072;
const TWO_TO_32 = 0x1_0000_0000;
/** An option's length is 16 bits. */
const TEXT_BYTE_LENGTH_MAX = 0xffff;

/** An interface to write. */
export interface InterfaceOptions {
  readonly name: string;
  readonly description?: string;
  /** Ethernet when left out. */
  readonly linkType?: number;
  readonly bitsPerSecond?: number;
  /** Bytes of FCS that its frames end in; not said when left out. */
  readonly fcsByteLength?: number;
}

/** What may be said of a frame beside its bytes. */
export interface PacketRemarks {
  /** One of the DIRECTION_ values. */
  readonly direction?: number;
  /** When the capture cut the frame short. */
  readonly originalByteLength?: number;
  /** Frames that this interface lost since the one before. */
  readonly dropCount?: number;
  readonly comment?: string;
}

/** Counters of an interface, since the capture began. */
export interface InterfaceCounters {
  readonly receivedCount?: number;
  readonly droppedCount?: number;
}

/**
 * A pcapng file that grows in memory. `bytes` is a valid file after every call.
 *
 * ```ts
 * const writer = new PcapngWriter();
 * const port = writer.addInterface({ name: "ixgbe port 0", bitsPerSecond: 10e9 });
 * writer.append(port, seconds, nanoseconds, frame, { direction: DIRECTION_OUTBOUND });
 * writer.addStatistics(port, seconds, nanoseconds, { droppedCount: 3 });
 * writeFileSync("sent.pcapng", writer.bytes);
 * ```
 */
export class PcapngWriter {
  recordCount = 0;
  interfaceCount = 0;
  readonly #file = new FileBytes();

  /** `comment` is about the whole file. */
  constructor(options: { readonly comment?: string } = {}) {
    const at = this.#begin(PCAPNG_SECTION_HEADER, 16);
    const { view } = this.#file;
    view.setUint32(at, PCAPNG_BYTE_ORDER_MAGIC, true);
    view.setUint16(at + 4, 1, true);
    view.setUint16(at + 6, 0, true);
    // The length of the section is not known beforehand: all ones.
    view.setUint32(at + 8, 0xffff_ffff, true);
    view.setUint32(at + 12, 0xffff_ffff, true);
    if (options.comment !== undefined) this.#textOption(OPTION_COMMENT, options.comment);
    this.#textOption(OPTION_SHB_USERAPPL, "softbar");
    this.#endOptions();
    this.#end(at);
  }

  /** The file so far, or since the last `drain`, not copied: good until the next call that writes. */
  get bytes(): Uint8Array {
    return this.#file.written;
  }

  /** Hands over what was written since the last time, for a long file that goes to the disk piece by piece. */
  drain(): Uint8Array {
    return this.#file.drain();
  }

  /** Describes an interface; returns the index by which its packets name it. */
  addInterface(options: InterfaceOptions): number {
    const at = this.#begin(PCAPNG_INTERFACE_DESCRIPTION, 8);
    const { view } = this.#file;
    view.setUint16(at, options.linkType ?? LINKTYPE_ETHERNET, true);
    view.setUint16(at + 2, 0, true);
    view.setUint32(at + 4, 0, true);
    this.#textOption(OPTION_IF_NAME, options.name);
    if (options.description !== undefined) this.#textOption(OPTION_IF_DESCRIPTION, options.description);
    if (options.bitsPerSecond !== undefined) this.#countOption(OPTION_IF_SPEED, options.bitsPerSecond);
    this.#byteOption(OPTION_IF_TSRESOL, NANOSECONDS);
    if (options.fcsByteLength !== undefined) this.#byteOption(OPTION_IF_FCSLEN, options.fcsByteLength);
    this.#endOptions();
    this.#end(at);
    return this.interfaceCount++;
  }

  /**
   * Adds a frame, copying it. `seconds` are whole ones since 1970, up to the year 2554, where 64 bits of
   * nanoseconds end. @throws RangeError for an interface that was not added, or a time outside.
   */
  append(
    interfaceIndex: number,
    seconds: number,
    nanoseconds: number,
    frame: Uint8Array,
    remarks: PacketRemarks = {},
  ): void {
    this.#check(interfaceIndex, seconds);
    const padded = (frame.length + 3) & ~3;
    const at = this.#begin(PCAPNG_ENHANCED_PACKET, PACKET_MIN_BYTE_LENGTH - 12 + padded);
    const { view, buffer } = this.#file;
    view.setUint32(at, interfaceIndex, true);
    this.#time(at + 4, seconds, nanoseconds);
    view.setUint32(at + 12, frame.length, true);
    view.setUint32(at + 16, remarks.originalByteLength ?? frame.length, true);
    buffer.set(frame, at + 20);
    buffer.fill(0, at + 20 + frame.length, at + 20 + padded);
    const { direction = DIRECTION_UNKNOWN, dropCount = 0, comment } = remarks;
    if (comment !== undefined) this.#textOption(OPTION_COMMENT, comment);
    if (direction !== DIRECTION_UNKNOWN) this.#wordOption(OPTION_EPB_FLAGS, direction);
    if (dropCount > 0) this.#countOption(OPTION_EPB_DROPCOUNT, dropCount);
    if (this.#file.byteLength > at + 20 + padded) this.#endOptions();
    this.#end(at);
    this.recordCount++;
  }

  /** Says what an interface has received and lost up to a time; the last such block of an interface counts. */
  addStatistics(interfaceIndex: number, seconds: number, nanoseconds: number, counters: InterfaceCounters): void {
    this.#check(interfaceIndex, seconds);
    const at = this.#begin(PCAPNG_INTERFACE_STATISTICS, 12);
    this.#file.view.setUint32(at, interfaceIndex, true);
    this.#time(at + 4, seconds, nanoseconds);
    if (counters.receivedCount !== undefined) this.#countOption(OPTION_ISB_IFRECV, counters.receivedCount);
    if (counters.droppedCount !== undefined) this.#countOption(OPTION_ISB_IFDROP, counters.droppedCount);
    this.#endOptions();
    this.#end(at);
  }

  #check(interfaceIndex: number, seconds: number): void {
    if (!(Number.isInteger(seconds) && seconds >= 0 && seconds <= SECONDS_MAX)) {
      throw new RangeError(`PcapngWriter: ${seconds} is no whole number of seconds since 1970 up to ${SECONDS_MAX}.`);
    }
    if (Number.isInteger(interfaceIndex) && interfaceIndex >= 0 && interfaceIndex < this.interfaceCount) return;
    throw new RangeError(
      `PcapngWriter: there is no interface ${interfaceIndex}; addInterface was called ${this.interfaceCount} times.`,
    );
  }

  /** Begins a block with a fixed part of so many bytes; returns where that part begins. */
  #begin(type: number, bodyByteLength: number): number {
    const at = this.#file.reserve(8 + bodyByteLength);
    this.#file.view.setUint32(at, type, true);
    return at + 8;
  }

  /** Ends the block whose fixed part begins at `bodyAt`: its length, before it and behind it. */
  #end(bodyAt: number): void {
    const trailerAt = this.#file.reserve(4);
    const totalByteLength = this.#file.byteLength - (bodyAt - 8);
    this.#file.view.setUint32(bodyAt - 4, totalByteLength, true);
    this.#file.view.setUint32(trailerAt, totalByteLength, true);
  }

  /** Nanoseconds since 1970 as two words, without a BigInt: seconds * 10^9 in digits of 16 bits and 32. */
  #time(at: number, seconds: number, nanoseconds: number): void {
    const lowProduct = (seconds % 0x1_0000) * 1e9 + nanoseconds;
    const highProduct = Math.floor(seconds / 0x1_0000) * 1e9;
    // seconds * 10^9 + nanoseconds = highProduct * 2^16 + lowProduct, every term exact below 2^53.
    const low48 = (highProduct % TWO_TO_32) * 0x1_0000 + (lowProduct % TWO_TO_32);
    const high = Math.floor(highProduct / TWO_TO_32) * 0x1_0000 + Math.floor(lowProduct / TWO_TO_32);
    const highWord = high + Math.floor(low48 / TWO_TO_32);
    this.#file.view.setUint32(at, highWord, true);
    this.#file.view.setUint32(at + 4, low48 % TWO_TO_32, true);
  }

  #option(code: number, byteLength: number): number {
    const padded = (byteLength + 3) & ~3;
    const at = this.#file.reserve(4 + padded);
    this.#file.view.setUint16(at, code, true);
    this.#file.view.setUint16(at + 2, byteLength, true);
    this.#file.buffer.fill(0, at + 4, at + 4 + padded);
    return at + 4;
  }

  /** Text longer than an option can hold is cut. */
  #textOption(code: number, text: string): void {
    const bytes = new TextEncoder().encode(text).subarray(0, TEXT_BYTE_LENGTH_MAX);
    const at = this.#option(code, bytes.length);
    this.#file.buffer.set(bytes, at);
  }

  #byteOption(code: number, value: number): void {
    const at = this.#option(code, 1);
    this.#file.view.setUint8(at, value);
  }

  #wordOption(code: number, value: number): void {
    const at = this.#option(code, 4);
    this.#file.view.setUint32(at, value, true);
  }

  /** A count of 64 bits, below 2^53. */
  #countOption(code: number, value: number): void {
    const at = this.#option(code, 8);
    this.#file.view.setUint32(at, value % TWO_TO_32, true);
    this.#file.view.setUint32(at + 4, Math.floor(value / TWO_TO_32), true);
  }

  #endOptions(): void {
    this.#option(0, 0);
  }
}
