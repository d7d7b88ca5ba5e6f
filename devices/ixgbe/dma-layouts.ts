/** The descriptors as traces show them (data sheet 7.1.5, 7.1.6, 7.2.3). */

import type { DmaField, DmaLayout } from "../../emulator/pcie/dma-layout.ts";
import { DESCRIPTOR_BYTE_LENGTH } from "./descriptors.ts";

/** Bits of dword `index` of a descriptor. */
function dword(index: number, high = 31, low = 0): DmaField {
  return { offset: 4 * index, byteLength: 4, high, low };
}

const bit = (index: number, at: number): DmaField => dword(index, at, at);
const ADDRESS: DmaField = { offset: 0, byteLength: 8 };

const layout = (name: string, fields: DmaLayout["fields"], when?: DmaLayout["when"]): DmaLayout => ({
  name,
  byteLength: DESCRIPTOR_BYTE_LENGTH,
  fields,
  ...(when === undefined ? {} : { when }),
});

const DTYP = dword(2, 23, 20);
const DEXT = bit(2, 29);

const CONTEXT = layout(
  "transmit context descriptor",
  {
    IPLEN: dword(0, 8, 0),
    MACLEN: dword(0, 15, 9),
    VLAN: dword(0, 31, 16),
    TUCMD: dword(2, 19, 9),
    DTYP,
    DEXT,
    IDX: bit(3, 4),
    L4LEN: dword(3, 15, 8),
    MSS: dword(3, 31, 16),
  },
  { field: DTYP, values: [2] },
);

const LEGACY_DATA = layout(
  "legacy transmit descriptor",
  {
    ADDRESS,
    LENGTH: dword(2, 15, 0),
    CSO: dword(2, 23, 16),
    EOP: bit(2, 24),
    IFCS: bit(2, 25),
    IC: bit(2, 26),
    RS: bit(2, 27),
    VLE: bit(2, 30),
    DD: bit(3, 0),
    CSS: dword(3, 15, 8),
    VLAN: dword(3, 31, 16),
  },
  { field: DEXT, values: [0] },
);

const DATA = layout("transmit data descriptor", {
  ADDRESS,
  LENGTH: dword(2, 15, 0),
  DTYP,
  EOP: bit(2, 24),
  IFCS: bit(2, 25),
  RS: bit(2, 27),
  DEXT,
  VLE: bit(2, 30),
  TSE: bit(2, 31),
  DD: bit(3, 0),
  IDX: dword(3, 6, 4),
  CC: bit(3, 7),
  POPTS: dword(3, 13, 8),
  PAYLEN: dword(3, 31, 14),
});

const RECEIVE = layout("receive descriptor", {
  PACKET_ADDRESS: ADDRESS,
  HEADER_ADDRESS: { offset: 8, byteLength: 8 },
});

const RECEIVED = layout("receive write-back", {
  RSS_TYPE: dword(0, 3, 0),
  PACKET_TYPE: dword(0, 16, 4),
  RSS_HASH: dword(1),
  DD: bit(2, 0),
  EOP: bit(2, 1),
  VP: bit(2, 3),
  UDPCS: bit(2, 4),
  L4CS: bit(2, 5),
  IPCS: bit(2, 6),
  PIF: bit(2, 7),
  UDPV: bit(2, 10),
  RXE: bit(2, 29),
  TCPE: bit(2, 30),
  IPE: bit(2, 31),
  LENGTH: dword(3, 15, 0),
  VLAN: dword(3, 31, 16),
});

const LEGACY_RECEIVED = layout("legacy receive write-back", {
  ADDRESS,
  LENGTH: dword(2, 15, 0),
  CHECKSUM: dword(2, 31, 16),
  DD: bit(3, 0),
  EOP: bit(3, 1),
  VP: bit(3, 3),
  UDPCS: bit(3, 4),
  L4CS: bit(3, 5),
  IPCS: bit(3, 6),
  PIF: bit(3, 7),
  RXE: bit(3, 8),
  TCPE: bit(3, 14),
  IPE: bit(3, 15),
  VLAN: dword(3, 31, 16),
});

/** Names that the descriptions of DMA use. */
export const TRANSMIT_LAYOUT = "transmit";
export const RECEIVE_LAYOUT = "receive";
export const RECEIVED_LAYOUT = "received";
export const LEGACY_RECEIVED_LAYOUT = "legacy received";
/** A write-back of a transmit descriptor says DD and nothing else, whatever its format was. */
export const TRANSMITTED_LAYOUT = "transmitted";

export const DMA_LAYOUTS: Readonly<Record<string, readonly DmaLayout[]>> = {
  // The legacy format first: its bits 23:20 are a checksum offset.
  [TRANSMIT_LAYOUT]: [LEGACY_DATA, CONTEXT, DATA],
  [TRANSMITTED_LAYOUT]: [
    layout("transmit write-back", { DD: bit(3, 0) }),
    // Of a legacy descriptor only its last dword is written.
    { name: "legacy transmit write-back", byteLength: 4, fields: { DD: bit(0, 0) } },
  ],
  [RECEIVE_LAYOUT]: [RECEIVE],
  [RECEIVED_LAYOUT]: [RECEIVED],
  [LEGACY_RECEIVED_LAYOUT]: [LEGACY_RECEIVED],
};
