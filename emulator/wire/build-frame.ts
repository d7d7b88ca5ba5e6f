/**
 * Frames for tests and traffic generators: Ethernet, at most one 802.1Q tag, IPv4, UDP, with right lengths and checksums
 * and without FCS. Addresses are Numbers: a MAC of 48 bits, `0x0100_5e36_0c6f`; an IPv4 address of 32, `0xe936_0c6f`.
 */

import { writeIpv4HeaderChecksum, writeL4Checksum } from "./checksum.ts";
import {
  ETHERNET_HEADER_BYTE_LENGTH,
  ETHERTYPE_IPV4,
  ETHERTYPE_VLAN,
  IP_PROTOCOL_UDP,
  UDP_HEADER_BYTE_LENGTH,
  VLAN_TAG_BYTE_LENGTH,
} from "./frame.ts";
import { MIN_FRAME_BYTE_LENGTH } from "./line-rate.ts";

const IPV4_HEADER_BYTE_LENGTH = 20;
const TWO_TO_32 = 0x1_0000_0000;

/** The addresses of one flow of UDP frames. */
export interface UdpFlow {
  readonly sourceMac: number;
  /** Left out for a multicast destination: RFC 1112 gives its MAC. */
  readonly destinationMac?: number;
  /** Tag control information of an 802.1Q tag; no tag when left out. */
  readonly vlanTci?: number;
  readonly sourceIp: number;
  readonly destinationIp: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Time to live, 64 when left out. */
  readonly timeToLive?: number;
}

/** "233.54.12.111" as the Number 0xe936_0c6f. @throws RangeError unless the text is four decimal octets. */
export function ipv4Address(dotted: string): number {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(dotted)?.slice(1).map(Number);
  if (octets === undefined || octets.some((octet) => octet > 255)) {
    throw new RangeError(`"${dotted}" is no IPv4 address; write four decimal octets, as in 233.54.12.111.`);
  }
  return octets.reduce((address, octet) => address * 256 + octet, 0);
}

/** The MAC of an IPv4 multicast group: 01:00:5e and the low 23 bits, so that 32 groups share one (RFC 1112, 6.4). */
export function multicastMac(group: number): number {
  return 0x0100_5e00_0000 + (group & 0x007f_ffff);
}

/** The headers of one flow, laid out once and stamped in front of payload after payload without allocation. */
export class UdpFrameTemplate {
  /** Bytes of Ethernet (and VLAN), IPv4 and UDP header: where in the frame the payload begins. */
  readonly headerByteLength: number;
  readonly #header: Uint8Array;
  readonly #l3Offset: number;
  #identification = 0;

  constructor(flow: UdpFlow) {
    const isTagged = flow.vlanTci !== undefined;
    this.#l3Offset = ETHERNET_HEADER_BYTE_LENGTH + (isTagged ? VLAN_TAG_BYTE_LENGTH : 0);
    this.headerByteLength = this.#l3Offset + IPV4_HEADER_BYTE_LENGTH + UDP_HEADER_BYTE_LENGTH;
    const header = new Uint8Array(this.headerByteLength);
    const view = new DataView(header.buffer);
    setMac(view, 0, flow.destinationMac ?? multicastMac(flow.destinationIp));
    setMac(view, 6, flow.sourceMac);
    if (isTagged) {
      view.setUint16(12, ETHERTYPE_VLAN);
      view.setUint16(14, flow.vlanTci as number);
    }
    const l3 = this.#l3Offset;
    view.setUint16(l3 - 2, ETHERTYPE_IPV4);
    view.setUint8(l3, 0x45);
    view.setUint16(l3 + 6, 0x4000); // don't fragment, as exchanges send
    view.setUint8(l3 + 8, flow.timeToLive ?? 64);
    view.setUint8(l3 + 9, IP_PROTOCOL_UDP);
    view.setUint32(l3 + 12, flow.sourceIp);
    view.setUint32(l3 + 16, flow.destinationIp);
    view.setUint16(l3 + 20, flow.sourcePort);
    view.setUint16(l3 + 22, flow.destinationPort);
    this.#header = header;
  }

  /**
   * Completes the frame at `offset`, whose payload of `payloadByteLength` bytes already lies at `offset` +
   * `headerByteLength`: writes the headers, both checksums and the padding to 60 bytes. Returns the frame's length.
   * The IPv4 identification counts up from 0 with each frame of this template.
   */
  stamp(bytes: Uint8Array, offset: number, payloadByteLength: number): number {
    const header = this.#header;
    for (let at = 0; at < header.length; at++) bytes[offset + at] = header[at] as number;
    const l3At = offset + this.#l3Offset;
    const l4At = l3At + IPV4_HEADER_BYTE_LENGTH;
    const udpByteLength = UDP_HEADER_BYTE_LENGTH + payloadByteLength;
    writeUint16(bytes, l3At + 2, IPV4_HEADER_BYTE_LENGTH + udpByteLength);
    writeUint16(bytes, l3At + 4, this.#identification);
    this.#identification = (this.#identification + 1) & 0xffff;
    writeIpv4HeaderChecksum(bytes, l3At, IPV4_HEADER_BYTE_LENGTH);
    writeUint16(bytes, l4At + 4, udpByteLength);
    writeL4Checksum(bytes, l3At, l4At, IP_PROTOCOL_UDP, udpByteLength);
    let frameByteLength = header.length + payloadByteLength;
    while (frameByteLength < MIN_FRAME_BYTE_LENGTH) bytes[offset + frameByteLength++] = 0;
    return frameByteLength;
  }
}

/**
 * Builds one UDP frame into `bytes` at `offset` and returns its length (at least 60). For many frames of one flow keep
 * a {@link UdpFrameTemplate}.
 */
export function buildUdpFrame(bytes: Uint8Array, offset: number, flow: UdpFlow, payload: Uint8Array): number {
  const template = new UdpFrameTemplate(flow);
  bytes.set(payload, offset + template.headerByteLength);
  return template.stamp(bytes, offset, payload.length);
}

function setMac(view: DataView, at: number, mac: number): void {
  view.setUint16(at, Math.floor(mac / TWO_TO_32));
  view.setUint32(at + 2, mac >>> 0);
}

function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}
