import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import { FRAME_BAD_FCS } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { crc32, FCS_BYTE_LENGTH } from "../../emulator/wire/crc32.ts";
import {
  ETHERNET_HEADER_BYTE_LENGTH,
  FrameHeaders,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  VLAN_TAG_BYTE_LENGTH,
} from "../../emulator/wire/frame.ts";
import { MIN_FRAME_BYTE_LENGTH } from "../../emulator/wire/line-rate.ts";
import { describeFragment, receiveChecksumStatus } from "./checksum-offload.ts";
import * as bits from "./descriptors.ts";
import { type Filters, INEXACT, REJECTED } from "./filters.ts";
import type { Interrupts } from "./interrupts.ts";
import type { Link } from "./link.ts";
import type { PacketBuffer } from "./packet-buffer.ts";
import * as record from "./packet-buffer.ts";
import type { ReceiveDma } from "./receive-dma.ts";
import * as reg from "./registers.ts";
import type { MasterControl } from "./reset.ts";
import type { Rss } from "./rss.ts";
import type { Statistics } from "./statistics.ts";
import * as statistics from "./statistics.ts";
import { tagOf } from "./vlan.ts";

// Local names: the engine folds a constant of its own module, and looks one of another module up.
const { RECORD_HASH, RECORD_LENGTH, RECORD_QUEUE, RECORD_STATUS, RECORD_TAG, RECORD_TYPE, RECORD_WORDS } = record;
const {
  PACKET_TYPE_IPV4,
  PACKET_TYPE_IPV4_OPTIONS,
  PACKET_TYPE_IPV6,
  PACKET_TYPE_IPV6_EXTENSIONS,
  PACKET_TYPE_SCTP,
  PACKET_TYPE_TCP,
  PACKET_TYPE_UDP,
  RSS_TYPE_NONE,
  RX_IPE,
  RX_PIF,
  RX_RXE,
  RX_TCPE,
  RX_VP,
} = bits;
const { BROADCAST, MULTICAST, UNICAST } = statistics;
const FCS_BYTES: number = FCS_BYTE_LENGTH;
const HEADER_BYTES: number = ETHERNET_HEADER_BYTE_LENGTH;
const FRAME_REJECTED: number = REJECTED;
const FRAME_INEXACT: number = INEXACT;
const BAD_FCS: number = FRAME_BAD_FCS;
const { JUMBOEN, RXCRCSTRP, LPBK, RXLNGTHERREN } = reg.HLREG0.fields;
const MIN_WIRE_LENGTH = MIN_FRAME_BYTE_LENGTH + FCS_BYTE_LENGTH;
const STANDARD_WIRE_LENGTH = 1518;
/** EtherTypes begin here; below, it is the length of an 802.3 frame. */
const FIRST_ETHER_TYPE = 0x0600;
const IP_PROTOCOL_SCTP = 132;

/** The parts of the card that a frame meets on its way in. */
export interface ReceiveParts {
  readonly master: MasterControl;
  readonly link: Link;
  readonly filters: Filters;
  readonly rss: Rss;
  readonly buffer: PacketBuffer;
  readonly dma: ReceiveDma;
  readonly interrupts: Interrupts;
  readonly statistics: Statistics;
}

/**
 * The receive path from the wire to the packet buffer (data sheet 7.1.1–7.1.4): lengths, FCS and filters, what the frame
 * is, which queue it goes to. A frame that finds the buffer empty and descriptors at hand goes straight on to its queue.
 */
export class Receive {
  /** HLREG0.LPBK: what is sent comes back here, whatever the link. */
  loopback = false;
  #enabled = false;
  #limit = STANDARD_WIRE_LENGTH;
  #keepsFcs = false;
  #checksLength = false;
  #hashInDescriptor = false;
  #sumsFragments = false;
  readonly #headers = new FrameHeaders();
  readonly #record: Int32Array = new Int32Array(RECORD_WORDS);
  readonly #registers: RegisterFile;
  readonly #master: MasterControl;
  readonly #link: Link;
  readonly #filters: Filters;
  readonly #rss: Rss;
  readonly #buffer: PacketBuffer;
  readonly #dma: ReceiveDma;
  readonly #interrupts: Interrupts;
  readonly #statistics: Statistics;

  constructor(registers: RegisterFile, parts: ReceiveParts) {
    this.#registers = registers;
    this.#master = parts.master;
    this.#link = parts.link;
    this.#filters = parts.filters;
    this.#rss = parts.rss;
    this.#buffer = parts.buffer;
    this.#dma = parts.dma;
    this.#interrupts = parts.interrupts;
    this.#statistics = parts.statistics;
    const refresh = (): void => this.refresh();
    for (const register of [reg.RXCTRL, reg.MAXFRS, reg.RDRXCTL, reg.RXCSUM, reg.RXPBSIZE]) {
      registers.onWrite(register, refresh);
    }
  }

  /** Takes over all registers; HLREG0 is the transmit side's too, so whoever owns both calls this when it is written. */
  refresh(): void {
    const registers = this.#registers;
    const mac = registers.get(reg.HLREG0);
    this.#enabled = (registers.get(reg.RXCTRL) & reg.RXCTRL.fields.RXEN.mask) !== 0;
    this.#limit = (mac & JUMBOEN.mask) !== 0 ? registers.get(reg.MAXFRS) >>> 16 : STANDARD_WIRE_LENGTH;
    const strips = (mac & RXCRCSTRP.mask) | (registers.get(reg.RDRXCTL) & reg.RDRXCTL.fields.CRC_STRIP.mask);
    this.#keepsFcs = strips === 0;
    this.#checksLength = (mac & RXLNGTHERREN.mask) !== 0;
    this.loopback = (mac & LPBK.mask) !== 0;
    this.#hashInDescriptor = (registers.get(reg.RXCSUM) & reg.RXCSUM.fields.PCSD.mask) !== 0;
    this.#sumsFragments = (registers.get(reg.RXCSUM) & reg.RXCSUM.fields.IPPCSE.mask) !== 0;
    this.#buffer.setLimit(registers.get(reg.RXPBSIZE) & reg.RXPBSIZE.fields.SIZE.mask);
  }

  /** A frame of `byteLength` bytes without FCS arrived. The memory is the wire's. */
  onFrame(memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const stats = this.#statistics;
    const wireLength = byteLength + FCS_BYTES;
    if (!this.#enabled || this.#master.inReset || !(this.#link.isUp || this.loopback)) {
      stats.arrived(wireLength);
      stats.dropped(statistics.RX_DROP_NOT_READY);
      return;
    }
    const { bytes } = memory;
    const tag = tagOf(bytes, offset, byteLength, this.#filters.vlanType);
    const verdict = this.#judge(bytes, offset, byteLength, tag);
    const isPlain = flags === 0 && wireLength >= MIN_WIRE_LENGTH && wireLength <= this.#limit && !this.#checksLength;
    const isBad = !isPlain && this.#countErrors(bytes, offset, byteLength, flags, tag, verdict);
    if (verdict === FRAME_REJECTED) {
      this.#drop(wireLength, isBad, statistics.RX_DROP_FILTER);
    } else if (isBad && !this.#filters.storesBadFrames) {
      this.#drop(wireLength, isBad, statistics.RX_DROP_ERROR);
    } else {
      this.#classify(memory, offset, byteLength, tag);
      if (verdict === FRAME_INEXACT) this.#addStatus(RX_PIF);
      if (isBad) this.#addStatus(RX_RXE);
      this.#place(memory, offset, byteLength, tag, isBad, (flags & BAD_FCS) !== 0);
    }
  }

  #drop(wireLength: number, isBad: boolean, reason: number): void {
    this.#statistics.arrived(wireLength);
    if (!isBad) this.#statistics.legal(wireLength);
    this.#statistics.dropped(reason);
  }

  /** True when a frame of that length would find room in the packet buffer, and descriptors where the queue will not wait for them. */
  hasRoom(byteLength: number): boolean {
    return this.#buffer.hasRoom(byteLength) && this.#dma.hasDescriptorsFor(byteLength);
  }

  #judge(bytes: Uint8Array, offset: number, byteLength: number, tag: number): number {
    if (byteLength < HEADER_BYTES) return FRAME_REJECTED;
    if (tag >= 0 && !this.#filters.acceptsTag(tag)) return FRAME_REJECTED;
    return this.#filters.judgeAddress(bytes, offset);
  }

  /** Counts what is wrong with a frame; true when something is. All but CRC errors count only for frames that pass. */
  #countErrors(
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    flags: number,
    tag: number,
    verdict: number,
  ): boolean {
    const wireLength = byteLength + FCS_BYTES;
    const isShort = wireLength < MIN_WIRE_LENGTH;
    const isLong = wireLength > (tag < 0 ? this.#limit : this.#limit + VLAN_TAG_BYTE_LENGTH);
    const hasBadFcs = (flags & BAD_FCS) !== 0;
    const hasWrongLength = this.#checksLength && !isShort && isLengthWrong(bytes, offset, byteLength);
    if (!isShort && !isLong && !hasBadFcs && !hasWrongLength) return false;
    const stats = this.#statistics;
    if (isShort) stats.count(reg.MSPDC);
    if (hasBadFcs && !isShort && !isLong) stats.count(reg.CRCERRS);
    else if (verdict === FRAME_REJECTED) return true;
    else if (isShort) stats.count(hasBadFcs ? reg.RFC : reg.RUC);
    else if (isLong) stats.count(hasBadFcs ? reg.RJC : reg.ROC);
    else stats.count(reg.RLEC);
    return true;
  }

  /** Fills in the record: queue, hash, packet type, checksum status. */
  #classify(memory: MemoryView, offset: number, byteLength: number, tag: number): void {
    const { bytes } = memory;
    const headers = this.#headers;
    const rss = this.#rss;
    headers.parse(bytes, offset, byteLength);
    // The card knows one tag, of VLNCTRL's type; behind other tags it sees an unknown EtherType.
    const isUnderstood = headers.vlanTagCount === (tag < 0 ? 0 : 1);
    if (!isUnderstood) headers.ipVersion = 0;
    const words = this.#record;
    words[RECORD_QUEUE] = rss.select(headers, bytes, offset);
    words[RECORD_TYPE] = this.#hashInDescriptor ? rss.type : RSS_TYPE_NONE;
    words[RECORD_HASH] = this.#hashInDescriptor ? rss.hash : 0;
    words[RECORD_STATUS] = 0;
    words[RECORD_TAG] = 0;
    if (headers.ipVersion === 0) return;
    words[RECORD_TYPE] = (words[RECORD_TYPE] as number) | packetType(headers, bytes, offset);
    const status = receiveChecksumStatus(headers, memory, offset);
    words[RECORD_STATUS] = status;
    if (!this.#hashInDescriptor) describeFragment(words, headers, memory, offset, this.#sumsFragments);
    if ((status & (RX_IPE | RX_TCPE)) !== 0) this.#statistics.checksumError();
  }

  #addStatus(status: number): void {
    this.#record[RECORD_STATUS] = (this.#record[RECORD_STATUS] as number) | status;
  }

  /** Straight to the queue where that changes nothing, else into the packet buffer. */
  #place(
    memory: MemoryView,
    offset: number,
    byteLength: number,
    tag: number,
    isBad: boolean,
    hasBadFcs: boolean,
  ): void {
    const buffer = this.#buffer;
    const dma = this.#dma;
    const stats = this.#statistics;
    const words = this.#record;
    const queue = words[RECORD_QUEUE] as number;
    const stripsTag = tag >= 0 && dma.stripsTag(queue);
    if (stripsTag) {
      words[RECORD_TAG] = tag << 16;
      this.#addStatus(RX_VP);
    }
    words[RECORD_LENGTH] = byteLength;
    const isPlain = !stripsTag && !this.#keepsFcs && buffer.frameCount === 0;
    if (isPlain && dma.deliverWhole(words, memory, offset)) {
      if (!isBad) {
        stats.passed(queue, byteLength, castOf(memory.bytes, offset));
        return;
      }
      stats.delivered(queue, byteLength);
    } else {
      const fcs = this.#keepsFcs ? crc32(memory.bytes, offset, byteLength) : 0;
      if (!buffer.push(words, memory, offset, byteLength, stripsTag, this.#keepsFcs, hasBadFcs ? ~fcs : fcs)) {
        stats.count(reg.RXMPC);
        this.#drop(byteLength + FCS_BYTES, isBad, statistics.RX_DROP_PACKET_BUFFER_FULL);
        this.#interrupts.otherCause(reg.EICR.fields.RX_MISS.mask);
        return;
      }
      dma.pump();
    }
    if (isBad) stats.arrived(byteLength + FCS_BYTES);
    else stats.accepted(byteLength + FCS_BYTES, castOf(memory.bytes, offset));
  }
}

/** Bits 16:4 of word 0 (7.1.6.2): the headers that were recognized. */
function packetType(headers: FrameHeaders, bytes: Uint8Array, offset: number): number {
  let type = 0;
  const at = offset + headers.l3Offset;
  if (headers.ipVersion === 4) {
    type = PACKET_TYPE_IPV4;
    if (((bytes[at] as number) & 0x0f) > 5) type |= PACKET_TYPE_IPV4_OPTIONS;
  } else {
    type = PACKET_TYPE_IPV6;
    if ((bytes[at + 6] as number) !== headers.ipProtocol) type |= PACKET_TYPE_IPV6_EXTENSIONS;
  }
  if (headers.l4Offset < 0) return type;
  if (headers.ipProtocol === IP_PROTOCOL_UDP) return type | PACKET_TYPE_UDP;
  if (headers.ipProtocol === IP_PROTOCOL_TCP) return type | PACKET_TYPE_TCP;
  return headers.ipProtocol === IP_PROTOCOL_SCTP ? type | PACKET_TYPE_SCTP : type;
}

/** To whom the frame at `offset` goes. */
export function castOf(bytes: Uint8Array, offset: number): statistics.Cast {
  const first = bytes[offset] as number;
  if ((first & 1) === 0) return UNICAST;
  if (first !== 0xff) return MULTICAST;
  const next = (bytes[(offset + 1) | 0] as number) & (bytes[(offset + 2) | 0] as number);
  const last = (bytes[(offset + 3) | 0] as number) & (bytes[(offset + 4) | 0] as number);
  return (next & last & (bytes[(offset + 5) | 0] as number)) === 0xff ? BROADCAST : MULTICAST;
}

/** An 802.3 length field that promises more than there is, or less although nothing was padded. */
function isLengthWrong(bytes: Uint8Array, offset: number, byteLength: number): boolean {
  const field = ((bytes[offset + 12] as number) << 8) | (bytes[offset + 13] as number);
  if (field >= FIRST_ETHER_TYPE) return false;
  const payload = byteLength - HEADER_BYTES;
  return field > payload || (field < payload && byteLength > MIN_FRAME_BYTE_LENGTH);
}
