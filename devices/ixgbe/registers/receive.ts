/** Receive DMA registers (data sheet 8.2.3.8) and the receive side of DCA (8.2.3.11.1). The chapter on them is 7.1. */

import { bit, bits, notModelled, type Register, register, wish } from "../../../emulator/registers/declare.ts";
import { type FieldedRegister, fielded, receiveQueues, stored } from "./shapes.ts";

/** A ring that is not 128-byte aligned is silently taken to begin below: the device says so, the table lets it through. */
export const RDBAL: FieldedRegister<"RDBAL"> = fielded("RDBAL", {
  ...receiveQueues(0x01000),
  access: "rw",
  fields: { ZERO: bits(6, 0, "ro", "Writes are ignored."), RDBAL: bits(31, 7) },
  about: "Receive descriptor base address, low (8.2.3.8.1). 128-byte aligned.",
});

export const RDBAH: Register = register("RDBAH", {
  ...receiveQueues(0x01004),
  access: "rw",
  about: "Receive descriptor base address, high (8.2.3.8.2).",
});

/** Bytes: use the register's value, whose lowest seven bits are always 0. */
export const RDLEN: FieldedRegister<"LEN"> = fielded("RDLEN", {
  ...receiveQueues(0x01008),
  access: "rw",
  fields: { ZERO: bits(6, 0, "ro", "Must be 0."), LEN: bits(19, 7, "rw", "In units of 128 bytes, 8 descriptors.") },
  about: "Receive descriptor ring length in bytes, a multiple of 128 (8.2.3.8.3).",
});

/** The device owns it while the queue is enabled. A write then is the device's to refuse: the table lets it through. */
export const RDH: FieldedRegister<"RDH"> = fielded("RDH", {
  ...receiveQueues(0x01010),
  access: "rw",
  fields: { RDH: bits(15, 0) },
  owner: "both",
  about: "Receive descriptor head (8.2.3.8.4). Read-only while RXDCTL.ENABLE reads 1; drivers set it to 0 before.",
});

/** The driver owns it; writing it is the doorbell. Descriptors RDH…RDT−1 belong to the device; RDH = RDT: none left. */
export const RDT: FieldedRegister<"RDT"> = fielded("RDT", {
  ...receiveQueues(0x01018),
  access: "rw",
  fields: { RDT: bits(15, 0) },
  mirror: "doorbell",
  about: "Receive descriptor tail (8.2.3.8.5), the doorbell.",
});

/**
 * ENABLE is what the device says, not what the driver wrote: it reads 1 when the queue is up, and 0 again when it has
 * drained. The driver's wish is in the value written.
 */
export const RXDCTL: FieldedRegister<"ENABLE" | "VME"> = fielded("RXDCTL", {
  ...receiveQueues(0x01028),
  access: "rw",
  fields: {
    RESERVED_14: bit(14, "rw", "Keeps what is written, for compatibility."),
    RESERVED_22_16: bits(22, 16, "rw", "Keeps what is written, for compatibility."),
    ENABLE: wish(bit(25, "ro", "Written: the wish. Read: whether the queue is enabled.")),
    RESERVED_26: bit(26, "rw", "Keeps what is written, for compatibility."),
    VME: bit(30, "rw", "VLAN mode: strip the tag into the descriptor."),
  },
  owner: "both",
  about: "Receive descriptor control (8.2.3.8.6). Enabling is confirmed by the device, later than the write.",
});

export const SRRCTL: FieldedRegister<"BSIZEPACKET" | "BSIZEHEADER" | "RDMTS" | "DESCTYPE" | "DROP_EN"> = fielded(
  "SRRCTL",
  {
    ...receiveQueues(0x01014),
    aliases: [{ offset: 0x02100, count: 16, stride: 4 }],
    access: "rw",
    fields: {
      BSIZEPACKET: bits(4, 0, "rw", "Receive buffer in KiB, 1–16."),
      BSIZEHEADER: bits(13, 8, "rw", "Header buffer in 64 bytes; header split is not modelled."),
      RDMTS: notModelled(
        bits(24, 22, "rw", "Minimum threshold of free descriptors; not modelled."),
        "no interrupt tells that free descriptors run low",
      ),
      DESCTYPE: bits(27, 25, "rw", "0: legacy. 1: advanced, one buffer. 2, 5: header split, not modelled."),
      DROP_EN: bit(28, "rw", "Drop (and count in QPRDC) when there is no descriptor, instead of filling the buffer."),
    },
    reset: 0x00000402,
    modelled: "partly",
    about: "Split receive control (8.2.3.8.7). Header split and the minimum threshold are stored only.",
  },
);

type RdrxctlField = "CRC_STRIP" | "DMAIDONE" | "RSCFRSTSIZE" | "RSCACKC" | "FCOE_WRFIX";

/** A software that could write DMAIDONE would wait for itself: the bit is the device's alone. */
export const RDRXCTL: FieldedRegister<RdrxctlField> = fielded("RDRXCTL", {
  offset: 0x02f00,
  access: "rw",
  fields: {
    CRC_STRIP: bit(1, "rw", "Must agree with HLREG0.RXCRCSTRP."),
    DMAIDONE: bit(3, "ro", "DMA initialization done; the device sets it some time after a reset."),
    RSCFRSTSIZE: bits(21, 17, "rw", "Software should write 0."),
    RSCACKC: bit(25, "rw", "Software should write 1."),
    FCOE_WRFIX: bit(26, "rw", "Software should write 1."),
  },
  reset: 0x00108800,
  owner: "both",
  modelled: "partly",
  about: "Receive DMA control (8.2.3.8.8). RSC and FCoE fields are stored only. Bits 16–4 read 0x880.",
});

export const RXPBSIZE: FieldedRegister<"SIZE"> = fielded("RXPBSIZE", {
  offset: 0x03c00,
  count: 8,
  access: "rw",
  fields: { SIZE: bits(19, 10, "rw", "In KiB, and so the register's value is in bytes.") },
  reset: 0x00080000,
  modelled: "partly",
  about: "Receive packet buffer size (8.2.3.8.9). Without DCB only buffer 0 counts; 1–7 come up at 512 KiB as well.",
});

export const RXCTRL: FieldedRegister<"RXEN"> = fielded("RXCTRL", {
  offset: 0x03000,
  access: "rw",
  fields: { RXEN: bit(0, "rw", "Receive enable; most receive registers may only be written while it is 0.") },
  about: "Receive control (8.2.3.8.10).",
});

export const RXMEMWRAP: Register = register("RXMEMWRAP", {
  offset: 0x03190,
  access: "ro",
  reset: 0x88888888,
  modelled: "partly",
  about: "Receive packet buffer flush detect (8.2.3.8.11). Always says: all eight buffers are empty.",
});

export const RSCDBU: Register = stored(
  "RSCDBU",
  0x03028,
  "RSC data buffer control (8.2.3.8.12). Stored; receive side coalescing is not modelled.",
);

export const RSCCTL: Register = register("RSCCTL", {
  ...receiveQueues(0x0102c),
  access: "rw",
  fields: { RSCEN: notModelled(bit(0), "no frames are coalesced; each has its own descriptors"), MAXDESC: bits(3, 2) },
  modelled: "partly",
  about: "RSC control (8.2.3.8.13). Stored; no frame is ever coalesced, and no driver may count on it.",
});

export const DCA_RXCTRL: Register = register("DCA_RXCTRL", {
  ...receiveQueues(0x0100c),
  aliases: [{ offset: 0x02200, count: 16, stride: 4 }],
  access: "rw",
  fields: {
    RX_DESC_DCA_EN: bit(5),
    RX_HEADER_DCA_EN: bit(6),
    RX_PAYLOAD_DCA_EN: bit(7),
    RXDESC_READ_RO_EN: bit(9),
    RXDESC_WBRO_EN: bit(11, "ro", "Must be 0."),
    RESERVED_12: bit(12, "rw", "The receive initialization has drivers clear it (4.6.7)."),
    RXDATA_WRITE_RO_EN: bit(13),
    RXREP_HEADER_RO_EN: bit(15),
    CPUID: bits(31, 24),
  },
  reset: 0x0000a200,
  modelled: "partly",
  about: "Receive DCA control (8.2.3.11.1). Stored; there is no cache to write into, and order is the link's.",
});

export const RECEIVE_REGISTERS: readonly Register[] = [
  RDBAL,
  RDBAH,
  RDLEN,
  RDH,
  RDT,
  RXDCTL,
  SRRCTL,
  RDRXCTL,
  RXPBSIZE,
  RXCTRL,
  RXMEMWRAP,
  RSCDBU,
  RSCCTL,
  DCA_RXCTRL,
];
