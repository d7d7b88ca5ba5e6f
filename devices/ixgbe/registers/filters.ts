/** Receive filters, checksum and receive-side scaling (data sheet 8.2.3.7). The chapters on them are 7.1.1–7.1.2. */

import { bit, bits, notModelled, type Register, register } from "../../../emulator/registers/declare.ts";
import { type FieldedRegister, fielded, stored } from "./shapes.ts";

export const FCTRL: FieldedRegister<"SBP" | "MPE" | "UPE" | "BAM"> = fielded("FCTRL", {
  offset: 0x05080,
  access: "rw",
  fields: {
    SBP: bit(1, "rw", "Store bad packets."),
    MPE: bit(8, "rw", "Multicast promiscuous."),
    UPE: bit(9, "rw", "Unicast promiscuous."),
    BAM: bit(10, "rw", "Broadcast accept."),
    PMCF: bit(12, "rw", "Pass MAC control frames on an 82598; reserved here, but drivers for both set it."),
    DPF: bit(13, "rw", "Discard pause frames on an 82598; reserved here, but drivers for both set it."),
  },
  about: "Filter control (8.2.3.7.1).",
});

export const VLNCTRL: FieldedRegister<"VET" | "CFI" | "CFIEN" | "VFE"> = fielded("VLNCTRL", {
  offset: 0x05088,
  access: "rw",
  fields: {
    VET: bits(15, 0, "rw", "EtherType of a tag; software must not change it."),
    CFI: bit(28),
    CFIEN: bit(29, "rw", "Frames whose CFI differs from bit 28 are dropped."),
    VFE: bit(30, "rw", "VLAN filter enable."),
    VME: bit(31, "rw", "VLAN mode on an 82598; reserved here (RXDCTL.VME), but drivers for both clear or set it."),
  },
  reset: 0x00008100,
  about: "VLAN control (8.2.3.7.2).",
});

export const MCSTCTRL: FieldedRegister<"MO" | "MFE"> = fielded("MCSTCTRL", {
  offset: 0x05090,
  access: "rw",
  fields: {
    MO: bits(1, 0, "rw", "Which 12 bits of the address look into MTA: 47:36, 46:35, 45:34 or 43:32."),
    MFE: bit(2, "rw", "Multicast filter enable."),
  },
  about: "Multicast control (8.2.3.7.3).",
});

export const PSRTYPE: FieldedRegister<"RQPL"> = fielded("PSRTYPE", {
  offset: 0x0ea00,
  count: 64,
  aliases: [{ offset: 0x05480, count: 16, stride: 4 }],
  access: "rw",
  fields: {
    PSR_TYPE0: bit(0),
    PSR_TYPE1: bit(1, "rw", "Split after NFS."),
    PSR_TYPE4: bit(4, "rw", "Split after TCP."),
    PSR_TYPE5: bit(5, "rw", "Split after UDP."),
    PSR_TYPE8: bit(8, "rw", "Split after IPv4."),
    PSR_TYPE9: bit(9, "rw", "Split after IPv6."),
    PSR_TYPE12: bit(12, "rw", "Split after L2."),
    RQPL: bits(31, 29, "rw", "Bits of the RSS index in a pool; only with virtualization."),
  },
  modelled: "partly",
  about: "Packet split receive type of a pool (8.2.3.7.4). Stored; header split and pools are not modelled.",
});

export const RXCSUM: FieldedRegister<"IPPCSE" | "PCSD"> = fielded("RXCSUM", {
  offset: 0x05000,
  access: "rw",
  fields: {
    IPPCSE: bit(12, "rw", "Sum of the IP payload of UDP fragments into the descriptor; only with PCSD = 0."),
    PCSD: bit(13, "rw", "1: the RSS hash is in the descriptor. 0: IP identification and fragment checksum."),
  },
  modelled: "partly",
  about:
    "Receive checksum control (8.2.3.7.5). Only to be written while RXCTRL.RXEN is 0. TCP and UDP are checked; the CRC of SCTP is not, and legacy descriptors have no fragment checksum.",
});

export const RFCTL: Register = stored(
  "RFCTL",
  0x05008,
  "Receive filter control (8.2.3.7.6). Stored; RSC and NFS header split are not modelled.",
  {
    fields: {
      RSC_DIS: bit(5),
      NFSW_DIS: bit(6),
      NFSR_DIS: bit(7),
      NFS_VER: bits(9, 8),
      IPV6_DIS: bit(10, "rw", "Must stay 0."),
      IPFRSP_DIS: bit(14, "rw", "Must stay 0."),
    },
  },
);

export const MTA: Register = register("MTA", {
  offset: 0x05200,
  count: 128,
  access: "rw",
  about: "Multicast table (8.2.3.7.7): 4,096 bits. Comes up undefined; drivers clear it.",
});

/** The first six bytes of RAL and RAH, in the order of the wire, are the address. */
export const RAL: Register = register("RAL", {
  offset: 0x0a200,
  count: 128,
  stride: 8,
  aliases: [{ offset: 0x05400, count: 16, stride: 8 }],
  access: "rw",
  owner: "both",
  about: "Receive address, low (8.2.3.7.8). The card loads element 0 from the EEPROM after a reset.",
});

export const RAH: FieldedRegister<"RAH" | "AV"> = fielded("RAH", {
  offset: 0x0a204,
  count: 128,
  stride: 8,
  aliases: [{ offset: 0x05404, count: 16, stride: 8 }],
  access: "rw",
  fields: { RAH: bits(15, 0), AV: bit(31, "rw", "Address valid.") },
  owner: "both",
  about: "Receive address, high (8.2.3.7.9). The card loads element 0 from the EEPROM after a reset.",
});

export const MPSAR: Register = stored(
  "MPSAR",
  0x0a600,
  "MAC pool select (8.2.3.7.10), 64 bits for each address. Stored; clearing is fine, pools are not modelled.",
  { count: 256 },
);

export const VFTA: Register = register("VFTA", {
  offset: 0x0a000,
  count: 128,
  access: "rw",
  about: "VLAN filter table (8.2.3.7.11): one bit for each of the 4,096 VLANs. Comes up undefined; drivers clear it.",
});

type HashType = "TCP_IPV4" | "IPV4" | "IPV6" | "TCP_IPV6" | "UDP_IPV4" | "UDP_IPV6";

export const MRQC: FieldedRegister<"MRQE" | HashType> = fielded("MRQC", {
  offset: 0x0ec80,
  aliases: [{ offset: 0x05818 }],
  access: "rw",
  fields: {
    MRQE: notModelled(
      bits(3, 0, "rw", "0: RSS off. 1: RSS, 16 queues. Others: DCB and virtualization, not modelled."),
      "there are no traffic classes and no pools, RSS is off and every frame goes to queue 0",
      [0, 1],
    ),
    TCP_IPV4: bit(16),
    IPV4: bit(17),
    IPV6_EX_TCP: bit(18, "rw", "82598 only; reserved here."),
    IPV6_EX: bit(19, "rw", "82598 only; reserved here."),
    IPV6: bit(20),
    TCP_IPV6: bit(21),
    UDP_IPV4: bit(22),
    UDP_IPV6: bit(23),
    IPV6_EX_UDP: bit(24, "rw", "82598 only; reserved here."),
  },
  modelled: "partly",
  about: "Multiple receive queues command (8.2.3.7.12). RSS is modelled; DCB and virtualization are not.",
});

export const RQTC: Register = stored(
  "RQTC",
  0x0ec70,
  "Bits of the RSS index in each traffic class (8.2.3.7.13). Stored; DCB is not modelled.",
);

export const RSSRK: Register = register("RSSRK", {
  offset: 0x0eb80,
  count: 10,
  aliases: [{ offset: 0x05c80 }],
  access: "rw",
  about: "RSS random key (8.2.3.7.14), 40 bytes, the first in bits 7–0 of element 0.",
});

export const RETA: FieldedRegister<"ENTRY0" | "ENTRY1" | "ENTRY2" | "ENTRY3"> = fielded("RETA", {
  offset: 0x0eb00,
  count: 32,
  aliases: [{ offset: 0x05c00 }],
  access: "rw",
  fields: { ENTRY0: bits(3, 0), ENTRY1: bits(11, 8), ENTRY2: bits(19, 16), ENTRY3: bits(27, 24) },
  about: "Redirection table (8.2.3.7.15): queue for hash values 4n…4n + 3.",
});

export const SAQF: Register = fiveTuple("SAQF", 0x0e000, "Source address of 5-tuple filter n (8.2.3.7.16).");
export const DAQF: Register = fiveTuple("DAQF", 0x0e200, "Destination address of 5-tuple filter n (8.2.3.7.17).");
export const SDPQF: Register = fiveTuple("SDPQF", 0x0e400, "Ports of 5-tuple filter n (8.2.3.7.18).");

export const FTQF: Register = register("FTQF", {
  offset: 0x0e600,
  count: 128,
  access: "rw",
  fields: {
    PROTOCOL: bits(1, 0),
    PRIORITY: bits(4, 2),
    POOL: bits(13, 8),
    MASK: bits(29, 25),
    POOL_MASK: bit(30),
    QUEUE_ENABLE: notModelled(bit(31), "no frame is steered by the 5-tuple filter; RSS or queue 0 takes it"),
  },
  modelled: "partly",
  about: "5-tuple filter n (8.2.3.7.19). Clearing it is fine; the filters are not modelled.",
});

export const SYNQF: Register = stored("SYNQF", 0x0ec30, "SYN packet queue filter (8.2.3.7.20). Clearing it is fine.", {
  fields: {
    QUEUE_ENABLE: notModelled(bit(0), "no frame is steered by its SYN flag; RSS or queue 0 takes it"),
    RX_QUEUE: bits(7, 1),
    SYNQFP: bit(31),
  },
});

export const ETQF: Register = stored(
  "ETQF",
  0x05128,
  "EtherType queue filter (8.2.3.7.21). Stored; frames are not steered by EtherType.",
  {
    count: 8,
    fields: {
      ETYPE: bits(15, 0),
      UP: bits(18, 16),
      UP_EN: bit(19),
      POOL: bits(25, 20),
      POOL_EN: bit(26),
      FCOE: bit(27),
      BCN: bit(28, "rw", "Congestion notification; reserved in later revisions of the data sheet."),
      TIME_STAMP: bit(30, "rw", "IEEE 1588."),
      FILTER_ENABLE: notModelled(
        bit(31),
        "no frame is steered, recognized as FCoE or stamped by its EtherType; RSS or queue 0 takes it",
      ),
    },
  },
);

export const ETQS: Register = stored(
  "ETQS",
  0x0ec00,
  "EtherType queue select (8.2.3.7.22). Stored; frames are not steered by EtherType.",
  {
    count: 8,
    fields: {
      RX_QUEUE: bits(22, 16),
      LLI: notModelled(bit(29), "no frame makes a low latency interrupt"),
      QUEUE_EN: notModelled(bit(31), "no frame is steered by its EtherType; RSS or queue 0 takes it"),
    },
  },
);

export const RXFECCERR0: Register = stored(
  "RXFECCERR0",
  0x051b8,
  "Receive filter ECC error insertion (8.2.3.7.23). Stored.",
  {
    fields: { ECCFLT_EN: bit(9) },
  },
);

function fiveTuple(name: string, offset: number, about: string): Register {
  return stored(name, offset, `${about} Clearing it is fine; the filters are not modelled.`, { count: 128 });
}

export const FILTER_REGISTERS: readonly Register[] = [
  FCTRL,
  VLNCTRL,
  MCSTCTRL,
  PSRTYPE,
  RXCSUM,
  RFCTL,
  MTA,
  RAL,
  RAH,
  MPSAR,
  VFTA,
  MRQC,
  RQTC,
  RSSRK,
  RETA,
  SAQF,
  DAQF,
  SDPQF,
  FTQF,
  SYNQF,
  ETQF,
  ETQS,
  RXFECCERR0,
];
