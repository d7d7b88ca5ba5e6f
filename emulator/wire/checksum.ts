/**
 * The Internet checksum (RFC 1071) and its uses: IPv4 header (RFC 791), UDP (RFC 768, RFC 8200 8.1) and TCP (RFC 9293).
 * Sums travel between calls folded to 16 bits, so nothing is boxed or allocated.
 */

import { type FrameHeaders, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from "./frame.ts";

/** A sum over data that contains its own right checksum. */
const SUM_OF_CHECKED_DATA = 0xffff;
/** 65535 bytes of 16-bit words stay below 2^31; longer ranges are folded on the way. */
const FOLD_EVERY_BYTE_LENGTH = 0xfffe;

/**
 * Ones-complement sum of the big-endian 16-bit words of a range, folded to 0x0000–0xffff; an odd last byte counts as the
 * high half of a word. `initial` is the sum over what comes before: all parts but the last must have even lengths.
 */
export function onesComplementSum(bytes: Uint8Array, offset: number, byteLength: number, initial = 0): number {
  const end = offset + byteLength;
  let sum = initial;
  let at = offset;
  while (at < end - 1) {
    const stop = Math.min(end - 1, at + FOLD_EVERY_BYTE_LENGTH);
    for (; at < stop; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  if (at < end) sum += (bytes[at] as number) << 8;
  sum = (sum & 0xffff) + (sum >>> 16);
  return (sum & 0xffff) + (sum >>> 16);
}

/** The checksum that belongs into a header: the complement of the sum. */
export function checksumOf(sum: number): number {
  return ~sum & 0xffff;
}

/** Sum over the pseudo header of the IPv4 header at `l3At`: addresses, protocol, length of layer 4. */
export function ipv4PseudoHeaderSum(bytes: Uint8Array, l3At: number, ipProtocol: number, l4ByteLength: number): number {
  // The length enters as a 16-bit word; the sum of two words needs one fold.
  const sum = ipProtocol + l4ByteLength;
  return onesComplementSum(bytes, l3At + 12, 8, (sum & 0xffff) + (sum >>> 16));
}

/** Sum over the pseudo header of the IPv6 header at `l3At`. */
export function ipv6PseudoHeaderSum(bytes: Uint8Array, l3At: number, ipProtocol: number, l4ByteLength: number): number {
  const sum = ipProtocol + l4ByteLength;
  return onesComplementSum(bytes, l3At + 8, 32, (sum & 0xffff) + (sum >>> 16));
}

/** Whether the IPv4 header of `headerByteLength` bytes at `l3At` carries its right checksum. */
export function isIpv4HeaderChecksumValid(bytes: Uint8Array, l3At: number, headerByteLength: number): boolean {
  return onesComplementSum(bytes, l3At, headerByteLength) === SUM_OF_CHECKED_DATA;
}

/** Computes the checksum of the IPv4 header at `l3At` and puts it in its place. */
export function writeIpv4HeaderChecksum(bytes: Uint8Array, l3At: number, headerByteLength: number): void {
  bytes[l3At + 10] = 0;
  bytes[l3At + 11] = 0;
  writeWord(bytes, l3At + 10, checksumOf(onesComplementSum(bytes, l3At, headerByteLength)));
}

/**
 * Computes the UDP or TCP checksum over pseudo header and segment and puts it in its place. UDP sends a computed 0 as
 * 0xffff, because 0 says "no checksum".
 */
export function writeL4Checksum(
  bytes: Uint8Array,
  l3At: number,
  l4At: number,
  ipProtocol: number,
  l4ByteLength: number,
): void {
  const at = l4At + (ipProtocol === IP_PROTOCOL_TCP ? 16 : 6);
  bytes[at] = 0;
  bytes[at + 1] = 0;
  const checksum = checksumOf(l4Sum(bytes, l3At, l4At, ipProtocol, l4ByteLength));
  writeWord(bytes, at, checksum === 0 && ipProtocol === IP_PROTOCOL_UDP ? 0xffff : checksum);
}

/** What a checksum engine says of layer 4. `none`: not UDP or TCP, a fragment, cut short, or UDP over IPv4 without one. */
export type L4ChecksumVerdict = "none" | "right" | "wrong";

/** Checks the UDP or TCP checksum of the frame at `offset` whose headers were parsed into `headers`. */
export function checkL4Checksum(headers: FrameHeaders, bytes: Uint8Array, offset: number): L4ChecksumVerdict {
  const { ipProtocol, l4Offset } = headers;
  const isUdp = ipProtocol === IP_PROTOCOL_UDP;
  if (l4Offset < 0 || headers.truncated || (!isUdp && ipProtocol !== IP_PROTOCOL_TCP)) return "none";
  const l4At = offset + l4Offset;
  // A UDP length shorter than the IP payload bounds the sum too: what follows it is not part of the datagram.
  const l4ByteLength = headers.payloadOffset + headers.payloadByteLength - l4Offset;
  if (isUdp && bytes[l4At + 6] === 0 && bytes[l4At + 7] === 0) {
    return headers.ipVersion === 4 ? "none" : "wrong";
  }
  const sum = l4Sum(bytes, offset + headers.l3Offset, l4At, ipProtocol, l4ByteLength);
  return sum === SUM_OF_CHECKED_DATA ? "right" : "wrong";
}

function l4Sum(bytes: Uint8Array, l3At: number, l4At: number, ipProtocol: number, l4ByteLength: number): number {
  const pseudo =
    (bytes[l3At] as number) >> 4 === 6
      ? ipv6PseudoHeaderSum(bytes, l3At, ipProtocol, l4ByteLength)
      : ipv4PseudoHeaderSum(bytes, l3At, ipProtocol, l4ByteLength);
  return onesComplementSum(bytes, l4At, l4ByteLength, pseudo);
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}
