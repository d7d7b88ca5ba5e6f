/**
 * Bit layouts of the descriptors (data sheet 7.1.5, 7.1.6 receive; 7.2.3 transmit). A descriptor is four little-endian
 * words; "word 2" is the dword at byte 8. All masks are int32.
 */

export const DESCRIPTOR_BYTE_LENGTH = 16;
export const DESCRIPTOR_WORDS = 4;

// ---- receive, advanced: write-back (7.1.6.2) -------------------------------------------------------------------------

/** Word 0, bits 3:0: which hash is in word 1. */
export const RSS_TYPE_NONE = 0;
export const RSS_TYPE_TCP_IPV4 = 1;
export const RSS_TYPE_IPV4 = 2;
export const RSS_TYPE_TCP_IPV6 = 3;
export const RSS_TYPE_IPV6 = 5;
export const RSS_TYPE_UDP_IPV4 = 7;
export const RSS_TYPE_UDP_IPV6 = 8;

/** Word 0, bits 16:4: what the frame is. */
export const PACKET_TYPE_IPV4: number = 1 << 4;
export const PACKET_TYPE_IPV4_OPTIONS: number = 1 << 5;
export const PACKET_TYPE_IPV6: number = 1 << 6;
export const PACKET_TYPE_IPV6_EXTENSIONS: number = 1 << 7;
export const PACKET_TYPE_TCP: number = 1 << 8;
export const PACKET_TYPE_UDP: number = 1 << 9;
export const PACKET_TYPE_SCTP: number = 1 << 10;

/** Word 2, bits 19:0: extended status. */
export const RX_DD: number = 1 << 0;
export const RX_EOP: number = 1 << 1;
/** The frame had a VLAN tag, which was stripped and stands in the upper half of word 3. */
export const RX_VP: number = 1 << 3;
export const RX_UDPCS: number = 1 << 4;
export const RX_L4CS: number = 1 << 5;
export const RX_IPCS: number = 1 << 6;
/** Accepted only by the multicast hash: the driver has to look at the address itself. */
export const RX_PIF: number = 1 << 7;
/** The first fragment of a UDP datagram, which has a checksum: see word 1 with RXCSUM.PCSD = 0. */
export const RX_UDPV: number = 1 << 10;

/** Word 2, bits 31:20: extended error. */
export const RX_RXE: number = 1 << 29;
export const RX_TCPE: number = 1 << 30;
export const RX_IPE: number = 1 << 31;

/** The word that a driver polls, as byte offset in the write-back. */
export const RX_FLAG_OFFSET = 8;
/** In the legacy format (7.1.5) status and errors are bytes 12 and 13. */
export const RX_LEGACY_FLAG_OFFSET = 12;
export const RX_LEGACY_RXE: number = 1 << 8;
export const RX_LEGACY_TCPE: number = 1 << 14;
export const RX_LEGACY_IPE: number = 1 << 15;
/** Status bits that have the same place in both formats: DD, EOP, VP, UDPCS, L4CS, IPCS, PIF. */
export const RX_LEGACY_STATUS_MASK = 0xfb;

/** SRRCTL.DESCTYPE (8.2.3.8.7). */
export const DESCTYPE_LEGACY = 0;
export const DESCTYPE_ADVANCED_ONE_BUFFER = 1;

// ---- transmit (7.2.3.2) ------------------------------------------------------------------------------------------------

/** Word 2 of data descriptors, legacy and advanced alike. */
export const TX_LENGTH_MASK = 0xffff;
export const TX_EOP: number = 1 << 24;
export const TX_IFCS: number = 1 << 25;
/** Legacy only: insert a checksum. */
export const TX_IC: number = 1 << 26;
export const TX_RS: number = 1 << 27;
export const TX_DEXT: number = 1 << 29;
export const TX_VLE: number = 1 << 30;
export const TX_TSE: number = 1 << 31;

/** Word 2, bits 23:20, with DEXT. */
export const TX_DTYP_MASK: number = 0xf << 20;
export const TX_DTYP_CONTEXT: number = 2 << 20;
export const TX_DTYP_DATA: number = 3 << 20;

/** Word 3 of an advanced data descriptor. */
export const TX_DD = 1;
export const TX_CONTEXT_INDEX: number = 1 << 4;
export const TX_CHECK_CONTEXT: number = 1 << 7;
export const TX_IXSM: number = 1 << 8;
export const TX_TXSM: number = 1 << 9;
export const TX_IPSEC: number = 1 << 10;
export const TX_PAYLEN_SHIFT = 14;
/** DD is in word 3. */
export const TX_FLAG_OFFSET = 12;

/** Word 0 of a context descriptor (7.2.3.2.3): IPLEN 8:0, MACLEN 15:9, VLAN 31:16. */
export const CONTEXT_IPLEN_MASK = 0x1ff;
export const CONTEXT_MACLEN_SHIFT = 9;
export const CONTEXT_MACLEN_MASK = 0x7f;
/** Word 2: TUCMD 19:9. */
export const CONTEXT_IPV4: number = 1 << 10;
export const CONTEXT_L4T_MASK: number = 3 << 11;
export const CONTEXT_L4T_UDP = 0;
export const CONTEXT_L4T_TCP: number = 1 << 11;
export const CONTEXT_L4T_SCTP: number = 2 << 11;
/** Word 3: IDX bit 4, L4LEN 15:8, MSS 31:16. */
export const CONTEXT_L4LEN_SHIFT = 8;
export const CONTEXT_L4LEN_MASK = 0xff;
export const CONTEXT_MSS_SHIFT = 16;

/** Contexts that the card keeps for each queue. */
export const CONTEXTS_PER_QUEUE = 2;

/** Whether word 2 is that of a context descriptor. */
export function isContext(command: number): boolean {
  return (command & (TX_DEXT | TX_DTYP_MASK)) === (TX_DEXT | TX_DTYP_CONTEXT);
}
