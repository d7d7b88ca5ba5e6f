/** Checksum offload: what the card says of received frames (data sheet 7.1.11) and puts into sent ones (7.2.5). */

import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import { checksumOf, onesComplementSum } from "../../emulator/wire/checksum.ts";
import { type FrameHeaders, IP_PROTOCOL_UDP } from "../../emulator/wire/frame.ts";
import * as bits from "./descriptors.ts";
import { RECORD_HASH, RECORD_STATUS } from "./packet-buffer.ts";

/** Status and error bits of word 2 for a received frame. Fragments, and UDP without a checksum, are not checked. */
export function receiveChecksumStatus(headers: FrameHeaders, memory: MemoryView, offset: number): number {
  const { bytes } = memory;
  const at = offset + headers.l3Offset;
  let status = 0;
  if (headers.ipVersion === 4) {
    status = bits.RX_IPCS;
    if (!isRight(sumOf(memory, at, ((bytes[at] as number) & 0x0f) * 4))) status |= bits.RX_IPE;
  }
  if (headers.sourcePort < 0 || headers.truncated) return status;
  const l4At = offset + headers.l4Offset;
  const isUdp = headers.ipProtocol === IP_PROTOCOL_UDP;
  const hasNone = isUdp && bytes[l4At + 6] === 0 && bytes[l4At + 7] === 0;
  if (hasNone && headers.ipVersion === 4) return status;
  status |= isUdp ? bits.RX_L4CS | bits.RX_UDPCS : bits.RX_L4CS;
  // What the IP datagram has behind the UDP length is not part of the UDP datagram.
  const l4ByteLength = headers.payloadOffset + headers.payloadByteLength - headers.l4Offset;
  const addresses = headers.ipVersion === 4 ? sumOf(memory, at + 12, 8) : sumOf(memory, at + 8, 32);
  const pseudoHeader = addresses + swapped(headers.ipProtocol) + swapped(l4ByteLength);
  // UDP over IPv6 must have a checksum (RFC 8200, 8.1).
  if (hasNone || !isRight(pseudoHeader + sumOf(memory, l4At, l4ByteLength))) status |= bits.RX_TCPE;
  return status;
}

/**
 * What takes the place of the RSS hash in a received frame's record when RXCSUM.PCSD is 0 (7.1.11): the IP identification,
 * and with `sums` (RXCSUM.IPPCSE) the sum over the IP payload of a UDP fragment. A driver adds these up over a datagram.
 */
export function describeFragment(
  words: Int32Array,
  headers: FrameHeaders,
  memory: MemoryView,
  offset: number,
  sums: boolean,
): void {
  if (headers.ipVersion !== 4) return;
  const { bytes } = memory;
  const at = offset + headers.l3Offset;
  let word = ((bytes[at + 4] as number) << 8) | (bytes[at + 5] as number);
  if (sums && headers.fragment && !headers.truncated) {
    const payloadAt = offset + headers.payloadOffset;
    const length = headers.payloadByteLength;
    const isFirst = (((bytes[at + 6] as number) & 0x1f) | (bytes[at + 7] as number)) === 0;
    const isUdp = headers.ipProtocol === IP_PROTOCOL_UDP;
    // Of a first fragment only UDP's is summed; of the others nothing tells what they are.
    if (isUdp || !isFirst) {
      word |= swapped(folded(sumOf(memory, payloadAt, length))) << 16;
      const hasChecksum = isFirst && length >= 8 && (bytes[payloadAt + 6] !== 0 || bytes[payloadAt + 7] !== 0);
      words[RECORD_STATUS] = (words[RECORD_STATUS] as number) | bits.RX_UDPCS | (hasChecksum ? bits.RX_UDPV : 0);
    }
  }
  words[RECORD_HASH] = word;
}

/**
 * Sum of the 16-bit words of a range in the byte order of the machine, which for a comparison with all ones makes no
 * difference (RFC 1071, 2B). Not folded: below 2^31 for frames. Goes by whole words of memory; what is not of the range
 * is masked out of the first and the last.
 */
function sumOf(memory: MemoryView, offset: number, byteLength: number): number {
  if (byteLength <= 0) return 0;
  const { words } = memory;
  const end = offset + byteLength - 1;
  const last = end >> 2;
  let index = offset >> 2;
  let word = (words[index] as number) & (-1 << ((offset & 3) << 3));
  let sum = 0;
  while (index < last) {
    sum += (word & 0xffff) + (word >>> 16);
    index++;
    word = words[index] as number;
  }
  word &= -1 >>> ((3 - (end & 3)) << 3);
  sum += (word & 0xffff) + (word >>> 16);
  // From an odd address the halves of all words have changed places.
  return (offset & 1) === 0 ? sum : swapped(folded(sum));
}

/** Whether a sum over data and its own checksum is all ones. */
function isRight(sum: number): boolean {
  return folded(sum) === 0xffff;
}

function folded(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** A 16-bit number in the byte order in which {@link sumOf} adds. */
function swapped(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** IXSM: the header's checksum is computed over the header as it is; the driver has put 0 there. */
export function insertIpChecksum(bytes: Uint8Array, headerAt: number, headerByteLength: number): void {
  const checksum = checksumOf(onesComplementSum(bytes, headerAt, headerByteLength));
  bytes[headerAt + 10] = checksum >>> 8;
  bytes[headerAt + 11] = checksum;
}

/**
 * TXSM: the driver has put the sum of the pseudo header into the checksum field, so the sum over all of layer 4 is the
 * whole. With segmentation that sum lacks the length, which the card adds (`seed`).
 */
export function insertL4Checksum(
  bytes: Uint8Array,
  l4At: number,
  l4ByteLength: number,
  isUdp: boolean,
  seed: number,
): void {
  const at = l4At + (isUdp ? UDP_CHECKSUM_OFFSET : TCP_CHECKSUM_OFFSET);
  const checksum = checksumOf(onesComplementSum(bytes, l4At, l4ByteLength, seed));
  // 0 in UDP says that there is no checksum; its other spelling says the same number (RFC 768).
  const sent = checksum === 0 && isUdp ? 0xffff : checksum;
  bytes[at] = sent >>> 8;
  bytes[at + 1] = sent;
}

/** Legacy descriptors: the sum from `start` (CSS) to the end goes to `at` (CSO), counted from the frame's start. */
export function insertLegacyChecksum(
  bytes: Uint8Array,
  offset: number,
  byteLength: number,
  start: number,
  at: number,
): void {
  if (start >= byteLength || at + 2 > byteLength) return;
  const checksum = checksumOf(onesComplementSum(bytes, offset + start, byteLength - start));
  bytes[offset + at] = checksum >>> 8;
  bytes[offset + at + 1] = checksum;
}

const TCP_CHECKSUM_OFFSET = 16;
const UDP_CHECKSUM_OFFSET = 6;
