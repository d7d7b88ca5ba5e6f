/**
 * The header parse that a NIC's receive engine and a feed handler share: Ethernet II with 802.1Q tags, IPv4 (RFC 791),
 * IPv6 (RFC 8200), UDP (RFC 768), TCP (RFC 9293). Nothing is allocated and nothing outside the frame is read.
 */

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_QINQ = 0x88a8;
const ETHERTYPE_QINQ_OLD = 0x9100;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERNET_HEADER_BYTE_LENGTH = 14;
export const VLAN_TAG_BYTE_LENGTH = 4;

export const IP_PROTOCOL_TCP = 6;
export const IP_PROTOCOL_UDP = 17;
export const UDP_HEADER_BYTE_LENGTH = 8;

const IPV6_HEADER_BYTE_LENGTH = 40;
const IPV6_HOP_BY_HOP = 0;
const IPV6_ROUTING = 43;
const IPV6_FRAGMENT = 44;
const IPV6_AUTHENTICATION = 51;
const IPV6_DESTINATION_OPTIONS = 60;
/** A chain longer than this is treated as an unknown layer 4, as parsing hardware does. */
const IPV6_EXTENSION_COUNT_MAX = 8;

export function isVlanType(etherType: number): boolean {
  return etherType === ETHERTYPE_VLAN || etherType === ETHERTYPE_QINQ || etherType === ETHERTYPE_QINQ_OLD;
}

/**
 * Where the headers of one frame lie. One object is parsed into again and again. All offsets count from the start of the
 * frame. The parse goes as deep as the headers make sense: what lies below an unknown, damaged or cut header keeps its
 * "unknown" value, and the payload then begins behind the last header that was understood.
 */
export class FrameHeaders {
  /** Type behind all VLAN tags; below 0x0600 an 802.3 length; -1 when the frame has fewer than 14 bytes. */
  etherType = -1;
  /** Tag control information of the outer tag (PCP 15:13, DEI 12, VID 11:0), -1 without a tag. */
  vlanTci = -1;
  /** The same of the second tag, -1 without one. */
  innerVlanTci = -1;
  vlanTagCount = 0;
  /** First byte behind Ethernet header and tags, -1 when there is none. */
  l3Offset = -1;
  /** 4, 6, or 0: no IP, or an IP header that makes no sense. */
  ipVersion = 0;
  /** Protocol of layer 4, behind IPv6 extension headers; -1 unless `ipVersion` is known. */
  ipProtocol = -1;
  /** IPv4 addresses as signed words in host order, 0 otherwise. IPv6 addresses lie at `l3Offset` + 8 and + 24. */
  ipv4Source = 0;
  ipv4Destination = 0;
  /** Part of a fragmented datagram, the first part included: layer 4 is not looked at. */
  fragment = false;
  /** Start of layer 4, -1 for fragments and for a TCP or UDP header that is cut or makes no sense. */
  l4Offset = -1;
  /** Bytes of layer 4, header included, that are there: the IP length without what a short capture lacks. */
  l4ByteLength = 0;
  /** Ports of UDP and TCP, -1 otherwise. */
  sourcePort = -1;
  destinationPort = -1;
  payloadOffset = -1;
  payloadByteLength = 0;
  /** Bytes behind the IP datagram: padding, hardware time stamps, an FCS that was not cut off. */
  trailerByteLength = 0;
  /** A header contradicts itself (IHL below 5, UDP length below 8, version 6 under type 0x0800, …). */
  malformed = false;
  /** A header or a length field promises more bytes than the frame has: a snapped capture, or a lie. */
  truncated = false;

  /** Parses `byteLength` bytes at `offset`, without FCS. The caller answers for the range lying inside `bytes`. */
  parse(bytes: Uint8Array, offset: number, byteLength: number): void {
    this.#reset();
    if (byteLength < ETHERNET_HEADER_BYTE_LENGTH) {
      this.truncated = true;
      return;
    }
    let etherType = ((bytes[offset + 12] as number) << 8) | (bytes[offset + 13] as number);
    let l3Offset = ETHERNET_HEADER_BYTE_LENGTH;
    while (isVlanType(etherType)) {
      if (byteLength < l3Offset + VLAN_TAG_BYTE_LENGTH) {
        this.truncated = true;
        break;
      }
      const tag = offset + l3Offset;
      const tci = ((bytes[tag] as number) << 8) | (bytes[tag + 1] as number);
      if (this.vlanTagCount === 0) this.vlanTci = tci;
      else if (this.vlanTagCount === 1) this.innerVlanTci = tci;
      this.vlanTagCount++;
      etherType = ((bytes[tag + 2] as number) << 8) | (bytes[tag + 3] as number);
      l3Offset += VLAN_TAG_BYTE_LENGTH;
    }
    this.etherType = etherType;
    this.l3Offset = l3Offset;
    this.payloadOffset = l3Offset;
    this.payloadByteLength = byteLength - l3Offset;
    if (etherType === ETHERTYPE_IPV4) this.#parseIpv4(bytes, offset, byteLength);
    else if (etherType === ETHERTYPE_IPV6) this.#parseIpv6(bytes, offset, byteLength);
  }

  #reset(): void {
    this.etherType = -1;
    this.vlanTci = -1;
    this.innerVlanTci = -1;
    this.vlanTagCount = 0;
    this.l3Offset = -1;
    this.ipVersion = 0;
    this.ipProtocol = -1;
    this.ipv4Source = 0;
    this.ipv4Destination = 0;
    this.fragment = false;
    this.l4Offset = -1;
    this.l4ByteLength = 0;
    this.sourcePort = -1;
    this.destinationPort = -1;
    this.payloadOffset = -1;
    this.payloadByteLength = 0;
    this.trailerByteLength = 0;
    this.malformed = false;
    this.truncated = false;
  }

  #parseIpv4(bytes: Uint8Array, offset: number, byteLength: number): void {
    const l3Offset = this.l3Offset;
    const at = offset + l3Offset;
    if (byteLength < l3Offset + 20) {
      this.truncated = true;
      return;
    }
    const versionAndIhl = bytes[at] as number;
    const headerByteLength = (versionAndIhl & 0x0f) * 4;
    const totalByteLength = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    if (versionAndIhl >> 4 !== 4 || headerByteLength < 20 || totalByteLength < headerByteLength) {
      this.malformed = true;
      return;
    }
    if (byteLength < l3Offset + headerByteLength) {
      this.truncated = true;
      return;
    }
    this.ipVersion = 4;
    this.ipProtocol = bytes[at + 9] as number;
    this.ipv4Source = word(bytes, at + 12);
    this.ipv4Destination = word(bytes, at + 16);
    // More fragments (bit 13) or an offset (bits 12:0); "don't fragment" (bit 14) is none.
    this.fragment = ((((bytes[at + 6] as number) << 8) | (bytes[at + 7] as number)) & 0x3fff) !== 0;
    this.#endOfIp(byteLength, l3Offset + totalByteLength, l3Offset + headerByteLength);
    this.#parseL4(bytes, offset);
  }

  #parseIpv6(bytes: Uint8Array, offset: number, byteLength: number): void {
    const l3Offset = this.l3Offset;
    const at = offset + l3Offset;
    if (byteLength < l3Offset + IPV6_HEADER_BYTE_LENGTH) {
      this.truncated = true;
      return;
    }
    if ((bytes[at] as number) >> 4 !== 6) {
      this.malformed = true;
      return;
    }
    const payload = l3Offset + IPV6_HEADER_BYTE_LENGTH;
    const payloadByteLength = ((bytes[at + 4] as number) << 8) | (bytes[at + 5] as number);
    this.ipVersion = 6;
    this.ipProtocol = bytes[at + 6] as number;
    this.#endOfIp(byteLength, payload + payloadByteLength, payload);
    if (this.#skipIpv6Extensions(bytes, offset)) this.#parseL4(bytes, offset);
  }

  /** `claimedEnd` is where the IP length field says the datagram ends. */
  #endOfIp(byteLength: number, claimedEnd: number, payloadOffset: number): void {
    const end = Math.min(claimedEnd, byteLength);
    this.truncated = claimedEnd > byteLength;
    this.trailerByteLength = byteLength - end;
    this.payloadOffset = payloadOffset;
    this.payloadByteLength = end - payloadOffset;
  }

  /** Moves the payload behind the extension headers; false when they are cut or too many, and layer 4 is unknown. */
  #skipIpv6Extensions(bytes: Uint8Array, offset: number): boolean {
    for (let count = 0; count <= IPV6_EXTENSION_COUNT_MAX; count++) {
      const type = this.ipProtocol;
      const isFragment = type === IPV6_FRAGMENT;
      const isOptions = type === IPV6_HOP_BY_HOP || type === IPV6_ROUTING || type === IPV6_DESTINATION_OPTIONS;
      if (!isFragment && !isOptions && type !== IPV6_AUTHENTICATION) return true;
      if (this.payloadByteLength < 8) {
        this.truncated = true;
        return false;
      }
      const at = offset + this.payloadOffset;
      const lengthField = bytes[at + 1] as number;
      const headerByteLength = isFragment ? 8 : isOptions ? (lengthField + 1) * 8 : (lengthField + 2) * 4;
      if (this.payloadByteLength < headerByteLength) {
        this.truncated = true;
        return false;
      }
      // An "atomic" fragment (offset 0, no more to come: RFC 6946) is a whole datagram.
      if (isFragment && (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) & 0xfff9) this.fragment = true;
      this.ipProtocol = bytes[at] as number;
      this.payloadOffset += headerByteLength;
      this.payloadByteLength -= headerByteLength;
      if (this.fragment) return true;
    }
    this.malformed = true;
    return false;
  }

  #parseL4(bytes: Uint8Array, offset: number): void {
    if (this.fragment) return;
    const l4Offset = this.payloadOffset;
    const l4ByteLength = this.payloadByteLength;
    const at = offset + l4Offset;
    let headerByteLength = 0;
    let segmentByteLength = l4ByteLength;
    if (this.ipProtocol === IP_PROTOCOL_UDP || this.ipProtocol === IP_PROTOCOL_TCP) {
      const isUdp = this.ipProtocol === IP_PROTOCOL_UDP;
      if (l4ByteLength < (isUdp ? UDP_HEADER_BYTE_LENGTH : 20)) {
        this.truncated = true;
        return;
      }
      headerByteLength = isUdp ? UDP_HEADER_BYTE_LENGTH : ((bytes[at + 12] as number) >> 4) * 4;
      if (isUdp) segmentByteLength = ((bytes[at + 4] as number) << 8) | (bytes[at + 5] as number);
      if (segmentByteLength < headerByteLength || headerByteLength < (isUdp ? UDP_HEADER_BYTE_LENGTH : 20)) {
        this.malformed = true;
        return;
      }
      if (segmentByteLength > l4ByteLength) {
        this.truncated = true;
        segmentByteLength = l4ByteLength;
      }
      this.sourcePort = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      this.destinationPort = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    }
    this.l4Offset = l4Offset;
    this.l4ByteLength = l4ByteLength;
    this.payloadOffset = l4Offset + headerByteLength;
    this.payloadByteLength = segmentByteLength - headerByteLength;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}
