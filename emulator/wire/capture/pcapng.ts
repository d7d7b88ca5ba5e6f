/**
 * pcapng (draft-ietf-opsawg-pcapng): blocks of type, total length, body and total length again. Sections may follow one
 * another with different byte orders, each with interfaces of its own, each interface with a clock of its own. Blocks
 * without packets are skipped by their length without being held in memory.
 */

import type { ByteWindow } from "./byte-window.ts";
import { type CaptureDetails, type InterfaceDetails, LISTED_INTERFACE_LIMIT } from "./capture-details.ts";
import { CaptureError, hexOffset } from "./capture-error.ts";
import { type CaptureParser, type IncompletePart, MAX_RECORD_BYTE_LENGTH, recordTooLong } from "./capture-parser.ts";
import { type CaptureRecord, DIRECTION_UNKNOWN } from "./capture-record.ts";
import {
  blockLengthError,
  blockTrailerError,
  isHeldWhole,
  isPacketBlock,
  minBlockByteLength,
  PACKET_MIN_BYTE_LENGTH,
  PCAPNG_BYTE_ORDER_MAGIC,
  PCAPNG_ENHANCED_PACKET,
  PCAPNG_INTERFACE_DESCRIPTION,
  PCAPNG_INTERFACE_STATISTICS,
  PCAPNG_SECTION_HEADER,
  PCAPNG_SIMPLE_PACKET,
  SECTION_HEADER_MIN_BYTE_LENGTH,
  SIMPLE_PACKET_MIN_BYTE_LENGTH,
} from "./pcapng-block.ts";
import { PacketOptions, type PcapngInterface, readInterface, readStatistics } from "./pcapng-interface.ts";

/** A block that must lie in memory as a whole: the longest frame, and room for its options. */
const MAX_BLOCK_BYTE_LENGTH = MAX_RECORD_BYTE_LENGTH + 64 * 1024;
const MAX_INTERFACE_COUNT = 4096;
/** In an obsolete packet block. */
const DROP_COUNT_UNKNOWN = 0xffff;

export class PcapngParser implements CaptureParser {
  recordCount = 0;
  readonly #name: string;
  #littleEndian = true;
  #sectionIndex = -1;
  #interfaces: PcapngInterface[] = [];
  readonly #listed: InterfaceDetails[] = [];
  #unlistedInterfaceCount = 0;
  readonly #options = new PacketOptions();
  // A block being skipped: bytes of it still to come, the trailing length not counted; -1 when none is.
  #skipByteCount = -1;
  #skippedBlockType = 0;
  #skippedBlockFileOffset = 0;
  #skippedBlockByteLength = 0;

  /** `name` of the file for messages. */
  constructor(name: string) {
    this.#name = name;
  }

  get details(): CaptureDetails {
    return {
      sectionCount: this.#sectionIndex + 1,
      interfaces: this.#listed,
      unlistedInterfaceCount: this.#unlistedInterfaceCount,
    };
  }

  next(window: ByteWindow, record: CaptureRecord): boolean {
    for (;;) {
      if (this.#skipByteCount >= 0 && !this.#skip(window)) return false;
      const available = window.end - window.start;
      if (available < 8) return false;
      // The type of a section header reads the same in both byte orders, so it is known before its order is.
      const type = window.view.getUint32(window.start, this.#littleEndian);
      if (type === PCAPNG_SECTION_HEADER) {
        if (available < SECTION_HEADER_MIN_BYTE_LENGTH - 4) return false;
        this.#beginSection(window);
        continue;
      }
      const totalByteLength = window.view.getUint32(window.start + 4, this.#littleEndian);
      this.#checkLength(window, type, totalByteLength);
      if (!isHeldWhole(type, totalByteLength)) {
        this.#beginSkip(window, type, totalByteLength, 8);
        continue;
      }
      if (available < totalByteLength) return false;
      const trailer = window.view.getUint32(window.start + totalByteLength - 4, this.#littleEndian);
      if (trailer !== totalByteLength) {
        throw blockTrailerError(this.#name, window.fileOffset, type, totalByteLength, trailer);
      }
      if (type === PCAPNG_INTERFACE_DESCRIPTION) {
        this.#addInterface(window, totalByteLength);
        window.consume(totalByteLength);
        continue;
      }
      if (type === PCAPNG_INTERFACE_STATISTICS) {
        this.#readStatistics(window, totalByteLength);
        window.consume(totalByteLength);
        continue;
      }
      if (type === PCAPNG_SIMPLE_PACKET) this.#readSimplePacket(window, totalByteLength, record);
      else this.#readPacket(window, type, totalByteLength, record);
      window.consume(totalByteLength);
      this.recordCount++;
      return true;
    }
  }

  incomplete(window: ByteWindow): IncompletePart | null {
    const { byteLength: available, fileOffset, view, start } = window;
    if (this.#skipByteCount >= 0) {
      return {
        what: `the block of type ${hexOffset(this.#skippedBlockType)}`,
        fileOffset: this.#skippedBlockFileOffset,
        missingByteCount: this.#skipByteCount + 4 - available,
      };
    }
    if (available === 0) return null;
    if (available < 8) return { what: "a block header", fileOffset, missingByteCount: 8 - available };
    const type = view.getUint32(start, this.#littleEndian);
    // A section header may be in the other byte order: until it is read, its length is not known.
    const isSection = type === PCAPNG_SECTION_HEADER;
    const neededByteLength = isSection ? SECTION_HEADER_MIN_BYTE_LENGTH : view.getUint32(start + 4, this.#littleEndian);
    const what = isPacketBlock(type) ? `record ${this.recordCount + 1}` : `the block of type ${hexOffset(type)}`;
    return { what, fileOffset, missingByteCount: neededByteLength - available };
  }

  #beginSection(window: ByteWindow): void {
    const { view, start } = window;
    const magic = view.getUint32(start + 8, true);
    if (magic !== PCAPNG_BYTE_ORDER_MAGIC && view.getUint32(start + 8, false) !== PCAPNG_BYTE_ORDER_MAGIC) {
      throw new CaptureError(
        `${this.#name}: the section header at file offset ${hexOffset(window.fileOffset)} has no byte-order magic ` +
          `0x1a2b3c4d in either byte order; the file is damaged there.`,
        window.fileOffset,
      );
    }
    this.#littleEndian = magic === PCAPNG_BYTE_ORDER_MAGIC;
    const totalByteLength = view.getUint32(start + 4, this.#littleEndian);
    this.#checkLength(window, PCAPNG_SECTION_HEADER, totalByteLength);
    const major = view.getUint16(start + 12, this.#littleEndian);
    if (major !== 1) {
      throw new CaptureError(
        `${this.#name}: the section at file offset ${hexOffset(window.fileOffset)} is pcapng version ${major}; ` +
          `only version 1 has a known layout.`,
        window.fileOffset,
      );
    }
    this.#sectionIndex++;
    this.#interfaces = [];
    this.#beginSkip(window, PCAPNG_SECTION_HEADER, totalByteLength, SECTION_HEADER_MIN_BYTE_LENGTH - 4);
  }

  #addInterface(window: ByteWindow, totalByteLength: number): void {
    if (this.#interfaces.length === MAX_INTERFACE_COUNT) {
      throw new CaptureError(
        `${this.#name}: the section describes more than ${MAX_INTERFACE_COUNT} interfaces; ` +
          `the one at file offset ${hexOffset(window.fileOffset)} is one too many.`,
        window.fileOffset,
      );
    }
    const end = window.start + totalByteLength - 4;
    const interfaceIndex = this.#interfaces.length;
    const { view, start } = window;
    const described = readInterface(view, start + 8, end, this.#littleEndian, this.#sectionIndex, interfaceIndex);
    this.#interfaces.push(described);
    if (this.#listed.length < LISTED_INTERFACE_LIMIT) this.#listed.push(described.details);
    else this.#unlistedInterfaceCount++;
  }

  /** Statistics of an interface that was not described are nobody's: they are passed over. */
  #readStatistics(window: ByteWindow, totalByteLength: number): void {
    const { view, start } = window;
    const described = this.#interfaces[view.getUint32(start + 8, this.#littleEndian)];
    if (described === undefined) return;
    readStatistics(view, start + 20, start + totalByteLength - 4, this.#littleEndian, described.details);
  }

  /** Enhanced packet, and the obsolete packet block, whose first word is interface and drop count of 16 bits each. */
  #readPacket(window: ByteWindow, type: number, totalByteLength: number, record: CaptureRecord): void {
    const { view, start } = window;
    const littleEndian = this.#littleEndian;
    const interfaceIndex =
      type === PCAPNG_ENHANCED_PACKET
        ? view.getUint32(start + 8, littleEndian)
        : view.getUint16(start + 8, littleEndian);
    const description = this.#interfaceOf(window, type, interfaceIndex);
    const byteLength = view.getUint32(start + 20, littleEndian);
    if (byteLength > MAX_RECORD_BYTE_LENGTH) throw this.#tooLong(window, byteLength);
    if (byteLength > totalByteLength - PACKET_MIN_BYTE_LENGTH) {
      throw this.#lengthError(window, type, totalByteLength, ` with ${byteLength} captured bytes in it`);
    }
    description.clock.convert(view.getInt32(start + 12, littleEndian), view.getInt32(start + 16, littleEndian));
    record.seconds = description.clock.seconds;
    record.nanoseconds = description.clock.nanoseconds;
    record.timed = true;
    record.offset = start + 28;
    record.originalByteLength = view.getUint32(start + 24, littleEndian);
    this.#fill(window, record, byteLength, interfaceIndex, description);
    const optionsAt = start + 28 + ((byteLength + 3) & ~3);
    const optionsEnd = start + totalByteLength - 4;
    if (type === PCAPNG_ENHANCED_PACKET) {
      if (optionsEnd - optionsAt < 4) return;
      const options = this.#options;
      options.read(view, optionsAt, optionsEnd, littleEndian);
      if (options.fcsByteLength > 0) record.fcsByteLength = options.fcsByteLength;
      record.direction = options.direction;
      description.details.packetDropCount += options.dropCount;
      return;
    }
    const dropCount = view.getUint16(start + 10, littleEndian);
    if (dropCount !== DROP_COUNT_UNKNOWN) description.details.packetDropCount += dropCount;
  }

  /** A simple packet has no time and no captured length: interface 0's snap length or the original one bounds it. */
  #readSimplePacket(window: ByteWindow, totalByteLength: number, record: CaptureRecord): void {
    const { view, start } = window;
    const description = this.#interfaceOf(window, PCAPNG_SIMPLE_PACKET, 0);
    const originalByteLength = view.getUint32(start + 8, this.#littleEndian);
    const snapByteLength = description.details.snapByteLength;
    const byteLength =
      snapByteLength !== 0 && snapByteLength < originalByteLength ? snapByteLength : originalByteLength;
    if (byteLength > MAX_RECORD_BYTE_LENGTH) throw this.#tooLong(window, byteLength);
    if (byteLength > totalByteLength - SIMPLE_PACKET_MIN_BYTE_LENGTH) {
      throw this.#lengthError(
        window,
        PCAPNG_SIMPLE_PACKET,
        totalByteLength,
        ` with ${byteLength} captured bytes in it`,
      );
    }
    record.seconds = 0;
    record.nanoseconds = 0;
    record.timed = false;
    record.offset = start + 12;
    record.originalByteLength = originalByteLength;
    this.#fill(window, record, byteLength, 0, description);
  }

  #fill(
    window: ByteWindow,
    record: CaptureRecord,
    byteLength: number,
    interfaceIndex: number,
    description: PcapngInterface,
  ): void {
    record.bytes = window.bytes;
    record.byteLength = byteLength;
    record.interfaceIndex = interfaceIndex;
    record.sectionIndex = this.#sectionIndex;
    record.linkType = description.details.linkType;
    record.fcsByteLength = description.details.fcsByteLength;
    record.direction = DIRECTION_UNKNOWN;
    description.details.packetCount++;
  }

  #interfaceOf(window: ByteWindow, type: number, interfaceIndex: number): PcapngInterface {
    const description = this.#interfaces[interfaceIndex];
    if (description !== undefined) return description;
    throw new CaptureError(
      `${this.#name}: record ${this.recordCount + 1} (block type ${hexOffset(type)} at file offset ` +
        `${hexOffset(window.fileOffset)}) names interface ${interfaceIndex}, but its section has described ` +
        `${this.#interfaces.length}.`,
      window.fileOffset,
    );
  }

  #beginSkip(window: ByteWindow, type: number, totalByteLength: number, readByteLength: number): void {
    this.#skippedBlockType = type;
    this.#skippedBlockFileOffset = window.fileOffset;
    this.#skippedBlockByteLength = totalByteLength;
    this.#skipByteCount = totalByteLength - readByteLength - 4;
    window.consume(readByteLength);
  }

  /** Goes on with the block being skipped; true when it is behind us. */
  #skip(window: ByteWindow): boolean {
    const step = Math.min(this.#skipByteCount, window.byteLength);
    window.consume(step);
    this.#skipByteCount -= step;
    if (this.#skipByteCount > 0 || window.byteLength < 4) return false;
    const trailer = window.view.getUint32(window.start, this.#littleEndian);
    if (trailer !== this.#skippedBlockByteLength) {
      const fileOffset = this.#skippedBlockFileOffset;
      throw blockTrailerError(this.#name, fileOffset, this.#skippedBlockType, this.#skippedBlockByteLength, trailer);
    }
    window.consume(4);
    this.#skipByteCount = -1;
    return true;
  }

  #checkLength(window: ByteWindow, type: number, totalByteLength: number): void {
    if (totalByteLength < minBlockByteLength(type) || (totalByteLength & 3) !== 0) {
      throw this.#lengthError(window, type, totalByteLength);
    }
    if (totalByteLength > MAX_BLOCK_BYTE_LENGTH && isHeldWhole(type, totalByteLength)) {
      if (type === PCAPNG_INTERFACE_DESCRIPTION) throw this.#lengthError(window, type, totalByteLength);
      throw this.#tooLong(window, totalByteLength);
    }
  }

  #lengthError(window: ByteWindow, type: number, totalByteLength: number, detail = ""): CaptureError {
    return blockLengthError(this.#name, window.fileOffset, type, totalByteLength, detail);
  }

  #tooLong(window: ByteWindow, claimedByteLength: number): CaptureError {
    return recordTooLong(this.#name, this.recordCount + 1, window.fileOffset, claimedByteLength);
  }
}
