/**
 * Transmit segmentation (data sheet 7.2.4): one large TCP or UDP frame from the driver becomes many on the wire, each
 * with the header of the first, adapted.
 */

import { copyMemory, MemoryView } from "../../emulator/memory/memory-view.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { insertIpChecksum, insertL4Checksum } from "./checksum-offload.ts";
import * as bits from "./descriptors.ts";
import * as reg from "./registers.ts";
import type { TransmitMac } from "./transmit-mac.ts";
import { insertTag } from "./vlan.ts";

/** Room in front of a segment for a VLAN tag. */
const HEADROOM_BYTES = 16;
const SEGMENT_BYTES_MAX = 0x4000;
const { TCP_FLG_FIRST_SEG, TCP_FLG_MID_SEG } = reg.DTXTCPFLGL.fields;

/** The header lengths of a context descriptor. */
export class OffloadContext {
  macByteLength = 0;
  ipByteLength = 0;
  l4ByteLength = 0;
  segmentBytes = 0;
  tag = 0;
  isIpv4 = false;
  isUdp = false;
  isTcp = false;

  /** Takes apart words 0, 2 and 3 of a context descriptor. */
  load(word0: number, word2: number, word3: number): void {
    this.ipByteLength = word0 & bits.CONTEXT_IPLEN_MASK;
    this.macByteLength = (word0 >>> bits.CONTEXT_MACLEN_SHIFT) & bits.CONTEXT_MACLEN_MASK;
    this.tag = word0 >>> 16;
    this.isIpv4 = (word2 & bits.CONTEXT_IPV4) !== 0;
    this.isUdp = (word2 & bits.CONTEXT_L4T_MASK) === bits.CONTEXT_L4T_UDP;
    this.isTcp = (word2 & bits.CONTEXT_L4T_MASK) === bits.CONTEXT_L4T_TCP;
    this.l4ByteLength = (word3 >>> bits.CONTEXT_L4LEN_SHIFT) & bits.CONTEXT_L4LEN_MASK;
    this.segmentBytes = word3 >>> bits.CONTEXT_MSS_SHIFT;
  }

  get headerByteLength(): number {
    return this.macByteLength + this.ipByteLength + this.l4ByteLength;
  }
}

export class Segmentation {
  readonly #segment: MemoryView = MemoryView.ofSize(HEADROOM_BYTES + SEGMENT_BYTES_MAX);
  readonly #registers: RegisterFile;
  readonly #mac: TransmitMac;

  constructor(registers: RegisterFile, mac: TransmitMac) {
    this.#registers = registers;
    this.#mac = mac;
  }

  /** What is wrong with a request to segment `byteLength` bytes; "" when nothing is. */
  complaint(context: OffloadContext, byteLength: number): string {
    const { headerByteLength, segmentBytes } = context;
    if (segmentBytes === 0) return "segmentation (TSE) with a context whose MSS is 0";
    if (context.macByteLength < 14 || context.ipByteLength < 20) {
      return `segmentation (TSE) with MACLEN ${context.macByteLength} and IPLEN ${context.ipByteLength}`;
    }
    if (!context.isTcp && !context.isUdp) return "segmentation (TSE) of neither TCP nor UDP";
    if (headerByteLength + segmentBytes > SEGMENT_BYTES_MAX) {
      return `segmentation (TSE) into frames of ${headerByteLength + segmentBytes} bytes`;
    }
    if (byteLength <= headerByteLength)
      return `segmentation (TSE) of ${byteLength} bytes, which is no more than the header`;
    return "";
  }

  /** Sends the frame of `byteLength` bytes at `offset` in segments. */
  send(
    queue: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    command: number,
    context: OffloadContext,
  ): void {
    const { headerByteLength, segmentBytes } = context;
    const payloadByteLength = byteLength - headerByteLength;
    const segment = this.#segment;
    for (let done = 0, index = 0; done < payloadByteLength; done += segmentBytes, index++) {
      const rest = payloadByteLength - done;
      const length = Math.min(rest, segmentBytes);
      copyMemory(segment, HEADROOM_BYTES, memory, offset, headerByteLength);
      copyMemory(segment, HEADROOM_BYTES + headerByteLength, memory, offset + headerByteLength + done, length);
      this.#adaptIp(context, index, length);
      this.#adaptL4(context, done, length, done === 0, length === rest);
      let at = HEADROOM_BYTES;
      let frameByteLength = headerByteLength + length;
      if ((command & bits.TX_VLE) !== 0) {
        at = insertTag(segment.bytes, at, this.#mac.vlanType, context.tag);
        frameByteLength += 4;
      }
      this.#mac.send(queue, segment, at, frameByteLength, command);
    }
  }

  /** IPv4: total length, identification, checksum. IPv6: payload length (7.2.4.6). */
  #adaptIp(context: OffloadContext, index: number, payloadByteLength: number): void {
    const { bytes } = this.#segment;
    const at = HEADROOM_BYTES + context.macByteLength;
    const ipPayload = context.l4ByteLength + payloadByteLength;
    if (!context.isIpv4) {
      put16(bytes, at + 4, context.ipByteLength - 40 + ipPayload);
      return;
    }
    put16(bytes, at + 2, context.ipByteLength + ipPayload);
    put16(bytes, at + 4, get16(bytes, at + 4) + index);
    insertIpChecksum(bytes, at, context.ipByteLength);
  }

  /** TCP: sequence number and flags; UDP: length; both: checksum, to whose seed the length is added. */
  #adaptL4(context: OffloadContext, done: number, payloadByteLength: number, isFirst: boolean, isLast: boolean): void {
    const { bytes } = this.#segment;
    const at = HEADROOM_BYTES + context.macByteLength + context.ipByteLength;
    const l4ByteLength = context.l4ByteLength + payloadByteLength;
    if (context.isUdp) {
      put16(bytes, at + 4, l4ByteLength);
    } else {
      const sequence = ((get16(bytes, at + 4) << 16) | get16(bytes, at + 6)) + done;
      put16(bytes, at + 4, sequence >>> 16);
      put16(bytes, at + 6, sequence);
      const flags = get16(bytes, at + 12);
      put16(bytes, at + 12, (flags & 0xf000) | (flags & this.#flagMask(isFirst, isLast) & 0x0fff));
    }
    insertL4Checksum(bytes, at, l4ByteLength, context.isUdp, l4ByteLength);
  }

  #flagMask(isFirst: boolean, isLast: boolean): number {
    if (isLast) return this.#registers.get(reg.DTXTCPFLGH);
    const masks = this.#registers.get(reg.DTXTCPFLGL);
    return isFirst ? masks & TCP_FLG_FIRST_SEG.mask : (masks & TCP_FLG_MID_SEG.mask) >>> TCP_FLG_MID_SEG.low;
  }
}

function get16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}
