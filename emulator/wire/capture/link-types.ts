/** Link types of captures: the LINKTYPE_ values of tcpdump.org, as far as softbar has something to say about them. */

import { LINKTYPE_ETHERNET } from "./capture-record.ts";

export const LINKTYPE_BSD_LOOPBACK = 0;
export const LINKTYPE_RAW_IP = 101;
/** As type 0, but its address family is in network byte order always. */
export const LINKTYPE_OPENBSD_LOOPBACK = 108;
export const LINKTYPE_LINUX_COOKED = 113;
export const LINKTYPE_RAW_IPV4 = 228;
export const LINKTYPE_RAW_IPV6 = 229;
export const LINKTYPE_LINUX_COOKED_V2 = 276;

const LINKTYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [LINKTYPE_BSD_LOOPBACK, "BSD loopback"],
  [LINKTYPE_ETHERNET, "Ethernet"],
  [6, "Token Ring"],
  [9, "PPP"],
  [LINKTYPE_RAW_IP, "raw IP"],
  [105, "IEEE 802.11"],
  [LINKTYPE_OPENBSD_LOOPBACK, "OpenBSD loopback"],
  [LINKTYPE_LINUX_COOKED, "Linux cooked"],
  [127, "IEEE 802.11 with radiotap"],
  [147, "user 0"],
  [197, "Endace ERF"],
  [LINKTYPE_RAW_IPV4, "raw IPv4"],
  [LINKTYPE_RAW_IPV6, "raw IPv6"],
  [249, "USB"],
  [253, "netlink"],
  [LINKTYPE_LINUX_COOKED_V2, "Linux cooked v2"],
]);

/** "113 (Linux cooked)" for messages; the bare number for a type without a name here. */
export function linkTypeName(linkType: number): string {
  const name = LINKTYPE_NAMES.get(linkType);
  return name === undefined ? `${linkType}` : `${linkType} (${name})`;
}
