/**
 * Ethernet headers for frames that were captured without one, so that they can go onto an Ethernet wire again.
 *
 * The rule: the datagram stays as it was captured, behind 14 bytes of header. **Type**: the protocol field of a cooked
 * header (a VLAN tag behind it stays in place), else the IP version. **Destination**: the MAC that belongs to the IP
 * destination where there is such a rule: an IPv4 group 01:00:5e and its low 23 bits (RFC 1112), an IPv6 group 33:33 and
 * its low 32 bits (RFC 2464), 255.255.255.255 all ones; all ones too where the kernel noted a broadcast; else
 * 02:00:00:00:00:02, which is locally administered and nobody's. **Source**: the sender's address from the cooked header
 * where it has six bytes, else 02:00:00:00:00:01.
 */

import { ETHERNET_HEADER_BYTE_LENGTH, ETHERTYPE_IPV4, ETHERTYPE_IPV6, isVlanType } from "../frame.ts";
import type { CaptureRecord } from "./capture-record.ts";
import {
  LINKTYPE_BSD_LOOPBACK,
  LINKTYPE_LINUX_COOKED,
  LINKTYPE_LINUX_COOKED_V2,
  LINKTYPE_OPENBSD_LOOPBACK,
  LINKTYPE_RAW_IP,
  LINKTYPE_RAW_IPV4,
  LINKTYPE_RAW_IPV6,
} from "./link-types.ts";

/** Link types whose frames can be given an Ethernet header. */
export const REFRAMED_LINK_TYPES: readonly number[] = [
  LINKTYPE_LINUX_COOKED,
  LINKTYPE_LINUX_COOKED_V2,
  LINKTYPE_RAW_IP,
  LINKTYPE_RAW_IPV4,
  LINKTYPE_RAW_IPV6,
  LINKTYPE_BSD_LOOPBACK,
  LINKTYPE_OPENBSD_LOOPBACK,
];

const COOKED_HEADER_BYTE_LENGTH = 16;
const COOKED_V2_HEADER_BYTE_LENGTH = 20;
const LOOPBACK_HEADER_BYTE_LENGTH = 4;
const COOKED_BROADCAST = 1;
/** Protocols of a cooked header that stand for "802.3: look at the length"; the field then becomes that length. */
const COOKED_NOVELL_RAW = 0x0001;
const COOKED_802_2 = 0x0004;
/** The smallest Ethernet type; below it cooked protocols are the kernel's own numbers, which mean nothing on a wire. */
const ETHERTYPE_MIN = 0x0600;
/** ARPHRD_NETLINK: messages of the kernel, no frames. */
const HARDWARE_NETLINK = 824;
const AF_INET = 2;
/** AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, macOS. */
const AF_INET6: readonly number[] = [10, 24, 28, 30];
const MAC_BYTE_LENGTH = 6;

/** Where the datagram of a record begins, and what its Ethernet header must say. Filled for one record after another. */
export class EthernetFraming {
  /** Bytes of the captured header, which the Ethernet header takes the place of. */
  strippedByteLength = 0;
  #etherType = 0;
  #isBroadcast = false;
  /** Where the sender's MAC lies in the record's buffer; -1 where there is none. */
  #sourceMacAt = -1;

  /** Reads the captured header; false when it is cut, or of nothing that an Ethernet carries. */
  read(record: CaptureRecord): boolean {
    this.#isBroadcast = false;
    this.#sourceMacAt = -1;
    switch (record.linkType) {
      case LINKTYPE_LINUX_COOKED:
        return this.#readCooked(record);
      case LINKTYPE_LINUX_COOKED_V2:
        return this.#readCookedV2(record);
      case LINKTYPE_BSD_LOOPBACK:
      case LINKTYPE_OPENBSD_LOOPBACK:
        return this.#readLoopback(record);
      case LINKTYPE_RAW_IP:
      case LINKTYPE_RAW_IPV4:
      case LINKTYPE_RAW_IPV6:
        return this.#readRawIp(record);
      default:
        return false;
    }
  }

  /** Writes the 14 bytes in front of the datagram, which lies in `bytes` from byte 14 to `end` already. */
  writeHeader(bytes: Uint8Array, end: number, record: CaptureRecord): void {
    writeLocalMac(bytes, 0, 2);
    if (this.#isBroadcast) bytes.fill(0xff, 0, MAC_BYTE_LENGTH);
    const sourceMacAt = this.#sourceMacAt;
    if (sourceMacAt < 0) writeLocalMac(bytes, MAC_BYTE_LENGTH, 1);
    else
      for (let index = 0; index < MAC_BYTE_LENGTH; index++)
        bytes[6 + index] = record.bytes[sourceMacAt + index] as number;
    bytes[12] = this.#etherType >>> 8;
    bytes[13] = this.#etherType;
    this.#writeIpDestination(bytes, end);
  }

  #readCooked(record: CaptureRecord): boolean {
    if (record.byteLength < COOKED_HEADER_BYTE_LENGTH) return false;
    const { bytes, offset } = record;
    this.strippedByteLength = COOKED_HEADER_BYTE_LENGTH;
    this.#isBroadcast = uint16(bytes, offset) === COOKED_BROADCAST;
    if (uint16(bytes, offset + 2) === HARDWARE_NETLINK) return false;
    if (uint16(bytes, offset + 4) === MAC_BYTE_LENGTH) this.#sourceMacAt = offset + 6;
    return this.#takeProtocol(uint16(bytes, offset + 14), record);
  }

  #readCookedV2(record: CaptureRecord): boolean {
    if (record.byteLength < COOKED_V2_HEADER_BYTE_LENGTH) return false;
    const { bytes, offset } = record;
    this.strippedByteLength = COOKED_V2_HEADER_BYTE_LENGTH;
    if (uint16(bytes, offset + 8) === HARDWARE_NETLINK) return false;
    this.#isBroadcast = bytes[offset + 10] === COOKED_BROADCAST;
    if (bytes[offset + 11] === MAC_BYTE_LENGTH) this.#sourceMacAt = offset + 12;
    return this.#takeProtocol(uint16(bytes, offset), record);
  }

  #takeProtocol(protocol: number, record: CaptureRecord): boolean {
    this.#etherType = protocol;
    if (protocol >= ETHERTYPE_MIN) return true;
    if (protocol !== COOKED_802_2 && protocol !== COOKED_NOVELL_RAW) return false;
    this.#etherType = record.originalByteLength - this.strippedByteLength;
    return this.#etherType >= 0 && this.#etherType < ETHERTYPE_MIN;
  }

  /** The family is in the byte order of the machine that captured (type 0) or of networks (108); it fits into 16 bits. */
  #readLoopback(record: CaptureRecord): boolean {
    if (record.byteLength < LOOPBACK_HEADER_BYTE_LENGTH) return false;
    const { bytes, offset } = record;
    this.strippedByteLength = LOOPBACK_HEADER_BYTE_LENGTH;
    const bigEndian = uint16(bytes, offset) * 0x1_0000 + uint16(bytes, offset + 2);
    const isSwapped = record.linkType === LINKTYPE_BSD_LOOPBACK && bigEndian > 0xffff;
    const family = isSwapped ? (bytes[offset] as number) | ((bytes[offset + 1] as number) << 8) : bigEndian;
    if (isSwapped && uint16(bytes, offset + 2) !== 0) return false;
    if (family === AF_INET) this.#etherType = ETHERTYPE_IPV4;
    else if (AF_INET6.includes(family)) this.#etherType = ETHERTYPE_IPV6;
    else return false;
    return true;
  }

  #readRawIp(record: CaptureRecord): boolean {
    this.strippedByteLength = 0;
    if (record.byteLength === 0) return false;
    const version = (record.bytes[record.offset] as number) >>> 4;
    if (version === 4 && record.linkType !== LINKTYPE_RAW_IPV6) this.#etherType = ETHERTYPE_IPV4;
    else if (version === 6 && record.linkType !== LINKTYPE_RAW_IPV4) this.#etherType = ETHERTYPE_IPV6;
    else return false;
    return true;
  }

  /** The destination that IP gives, seen through VLAN tags; left as it is where IP gives none. */
  #writeIpDestination(bytes: Uint8Array, end: number): void {
    let type = this.#etherType;
    let at = ETHERNET_HEADER_BYTE_LENGTH;
    while (isVlanType(type) && at + 4 <= end) {
      type = uint16(bytes, at + 2);
      at += 4;
    }
    if (type === ETHERTYPE_IPV4 && at + 20 <= end) {
      const first = bytes[at + 16] as number;
      if (first >= 224 && first < 240) {
        bytes[0] = 0x01;
        bytes[1] = 0x00;
        bytes[2] = 0x5e;
        bytes[3] = (bytes[at + 17] as number) & 0x7f;
        bytes[4] = bytes[at + 18] as number;
        bytes[5] = bytes[at + 19] as number;
      } else if (first === 255 && uint16(bytes, at + 16) === 0xffff && uint16(bytes, at + 18) === 0xffff) {
        bytes.fill(0xff, 0, MAC_BYTE_LENGTH);
      }
    } else if (type === ETHERTYPE_IPV6 && at + 40 <= end && bytes[at + 24] === 0xff) {
      bytes[0] = 0x33;
      bytes[1] = 0x33;
      for (let index = 0; index < 4; index++) bytes[2 + index] = bytes[at + 36 + index] as number;
    }
  }
}

function writeLocalMac(bytes: Uint8Array, at: number, last: number): void {
  bytes[at] = 0x02;
  bytes.fill(0, at + 1, at + 5);
  bytes[at + 5] = last;
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}
