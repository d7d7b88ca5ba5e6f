/** Transmit registers (data sheet 8.2.3.9) and the transmit side of DCA (8.2.3.11.2). The chapter on them is 7.2. */

import { bit, bits, notModelled, type Register, register, wish } from "../../../emulator/registers/declare.ts";
import { type FieldedRegister, fielded, stored, transmitQueues } from "./shapes.ts";

/** Harmless: published drivers write 0xffff, four bits more than there are. */
export const DTXMXSZRQ: FieldedRegister<"MAX_BYTES_NUM_REQ"> = fielded("DTXMXSZRQ", {
  offset: 0x08100,
  access: "rw",
  fields: { MAX_BYTES_NUM_REQ: bits(11, 0, "rw", "In 256 bytes; 0xfff without DCB (4.6.11.3.4).") },
  reset: 0x00000010,
  modelled: "partly",
  harmless: true,
  about: "Most bytes that may be asked of host memory at a time (8.2.3.9.1). Stored; the link sets the pace.",
});

export const DMATXCTL: FieldedRegister<"TE" | "GDV" | "VT"> = fielded("DMATXCTL", {
  offset: 0x04a80,
  access: "rw",
  fields: {
    TE: bit(0, "rw", "Transmit enable. Setting it enables queue 0 as well (TXDCTL(0).ENABLE)."),
    GDV: notModelled(bit(3, "rw", "Double VLAN; not modelled."), "the tag is inserted right behind the addresses"),
    VT: bits(31, 16, "rw", "EtherType of the tags that are inserted; software must not change it."),
  },
  reset: 0x81000004,
  modelled: "partly",
  about: "DMA transmit control (8.2.3.9.2). Double VLAN is stored only.",
});

export const DTXTCPFLGL: FieldedRegister<"TCP_FLG_FIRST_SEG" | "TCP_FLG_MID_SEG"> = fielded("DTXTCPFLGL", {
  offset: 0x04a88,
  access: "rw",
  fields: { TCP_FLG_FIRST_SEG: bits(11, 0), TCP_FLG_MID_SEG: bits(27, 16) },
  reset: 0x0ff60ff6,
  about: "TCP flags that segmentation keeps in the first and the middle segments (8.2.3.9.3).",
});

export const DTXTCPFLGH: FieldedRegister<"TCP_FLG_LST_SEG"> = fielded("DTXTCPFLGH", {
  offset: 0x04a8c,
  access: "rw",
  fields: { TCP_FLG_LST_SEG: bits(11, 0) },
  reset: 0x00000f7f,
  about: "TCP flags that segmentation keeps in the last segment (8.2.3.9.4).",
});

/** A ring that is not 128-byte aligned is silently taken to begin below: the device says so, the table lets it through. */
export const TDBAL: FieldedRegister<"TDBAL"> = fielded("TDBAL", {
  ...transmitQueues(0x06000),
  access: "rw",
  fields: { ZERO: bits(6, 0, "ro", "Writes are ignored."), TDBAL: bits(31, 7) },
  about: "Transmit descriptor base address, low (8.2.3.9.5). 128-byte aligned.",
});

export const TDBAH: Register = register("TDBAH", {
  ...transmitQueues(0x06004),
  access: "rw",
  about: "Transmit descriptor base address, high (8.2.3.9.6).",
});

/** Bytes: use the register's value, whose lowest seven bits are always 0. */
export const TDLEN: FieldedRegister<"LEN"> = fielded("TDLEN", {
  ...transmitQueues(0x06008),
  access: "rw",
  fields: { ZERO: bits(6, 0, "ro", "Must be 0."), LEN: bits(19, 7, "rw", "In units of 128 bytes, 8 descriptors.") },
  about: "Transmit descriptor ring length in bytes, a multiple of 128 (8.2.3.9.7).",
});

/** The device owns it while the queue is enabled. A write then is the device's to refuse: the table lets it through. */
export const TDH: FieldedRegister<"TDH"> = fielded("TDH", {
  ...transmitQueues(0x06010),
  access: "rw",
  fields: { TDH: bits(15, 0) },
  owner: "both",
  about: "Transmit descriptor head (8.2.3.9.8). Read-only while TXDCTL.ENABLE reads 1; drivers set it to 0 before.",
});

/** The driver owns it; writing it is the doorbell. Descriptors TDH…TDT−1 belong to the device. */
export const TDT: FieldedRegister<"TDT"> = fielded("TDT", {
  ...transmitQueues(0x06018),
  access: "rw",
  fields: { TDT: bits(15, 0) },
  mirror: "doorbell",
  about: "Transmit descriptor tail (8.2.3.9.9), the doorbell.",
});

/**
 * ENABLE is what the device says, not what the driver wrote: it reads 1 when the queue is up, and 0 again when its last
 * descriptor is done. The driver's wish is in the value written.
 */
export const TXDCTL: FieldedRegister<"PTHRESH" | "HTHRESH" | "WTHRESH" | "ENABLE" | "SWFLSH"> = fielded("TXDCTL", {
  ...transmitQueues(0x06028),
  access: "rw",
  fields: {
    PTHRESH: bits(6, 0, "rw", "Prefetch when fewer descriptors than this are on the card…"),
    HTHRESH: bits(14, 8, "rw", "…and at least this many wait in the ring."),
    WTHRESH: bits(22, 16, "rw", "Write back when this many are done; 0: each that has RS. 0 with head write-back."),
    ENABLE: wish(bit(25, "ro", "Written: the wish. Read: whether the queue is enabled.")),
    SWFLSH: bit(26, "sc", "Write back now what is done."),
  },
  owner: "both",
  about: "Transmit descriptor control (8.2.3.9.10). Enabling is confirmed by the device, later than the write.",
});

export const TDWBAL: FieldedRegister<"HEAD_WB_EN" | "HEADWB_LOW"> = fielded("TDWBAL", {
  ...transmitQueues(0x06038),
  access: "rw",
  fields: {
    HEAD_WB_EN: bit(0, "rw", "Write the head to memory instead of the descriptors' DD bits."),
    HEADWB_LOW: bits(31, 2),
  },
  about: "Where the head is written back, low, and whether it is (8.2.3.9.11).",
});

export const TDWBAH: Register = register("TDWBAH", {
  ...transmitQueues(0x0603c),
  access: "rw",
  about: "Where the head is written back, high (8.2.3.9.12).",
});

export const TXPBSIZE: FieldedRegister<"SIZE"> = fielded("TXPBSIZE", {
  offset: 0x0cc00,
  count: 8,
  access: "rw",
  fields: { SIZE: bits(19, 10, "rw", "In KiB, and so the register's value is in bytes.") },
  reset: 0x00028000,
  modelled: "partly",
  about:
    "Transmit packet buffer size (8.2.3.9.13). Stored: the frames that the model gathers have room of their own, and no size makes them wait. All eight come up at 160 KiB.",
});

export const MNGTXMAP: Register = stored(
  "MNGTXMAP",
  0x0cd10,
  "Traffic class of management frames (8.2.3.9.14). Stored.",
  {
    fields: { MAP: bits(2, 0) },
  },
);

export const MTQC: FieldedRegister<"RT_ENA" | "VT_ENA" | "NUM_TC_OR_Q"> = fielded("MTQC", {
  offset: 0x08120,
  access: "rw",
  fields: {
    RT_ENA: notModelled(bit(0, "rw", "DCB."), "all queues are of one traffic class and take turns frame by frame"),
    VT_ENA: notModelled(bit(1, "rw", "Virtualization."), "queues belong to no pool and take turns frame by frame"),
    NUM_TC_OR_Q: notModelled(bits(3, 2), "the queues are not divided into classes or pools"),
  },
  modelled: "partly",
  about: "Multiple transmit queues command (8.2.3.9.15). 0 is modelled: 64 queues, one buffer; DCB and pools are not.",
});

export const TXPBTHRESH: FieldedRegister<"THRESH"> = fielded("TXPBTHRESH", {
  offset: 0x04950,
  count: 8,
  access: "rw",
  fields: { THRESH: bits(9, 0, "rw", "In KiB.") },
  reset: (index) => (index === 0 ? 0x00000096 : 0),
  modelled: "partly",
  about: "Transmit packet buffer threshold (8.2.3.9.16). Stored; the buffer is not modelled in this detail.",
});

export const DCA_TXCTRL: Register = register("DCA_TXCTRL", {
  ...transmitQueues(0x0600c),
  access: "rw",
  fields: {
    TX_DESC_DCA_EN: bit(5),
    TXDESC_RDRO_EN: bit(9),
    TXDESC_WBRO_EN: bit(11, "rw", "Must be cleared with head write-back, or the head could overtake the data."),
    TXDATA_RDRO_EN: bit(13),
    CPUID: bits(31, 24),
  },
  reset: 0x00002a00,
  modelled: "partly",
  about: "Transmit DCA control (8.2.3.11.2). Stored; there is no cache to write into, and order is the link's.",
});

export const TRANSMIT_REGISTERS: readonly Register[] = [
  DTXMXSZRQ,
  DMATXCTL,
  DTXTCPFLGL,
  DTXTCPFLGH,
  TDBAL,
  TDBAH,
  TDLEN,
  TDH,
  TDT,
  TXDCTL,
  TDWBAL,
  TDWBAH,
  TXPBSIZE,
  MNGTXMAP,
  MTQC,
  TXPBTHRESH,
  DCA_TXCTRL,
];
