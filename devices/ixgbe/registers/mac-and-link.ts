/** MAC and link registers (data sheet 8.2.3.22). The chapter on the link is 3.7. */

import { bit, bits, notModelled, type Register, register } from "../../../emulator/registers/declare.ts";
import { absent, counter, type FieldedRegister, fielded, stored } from "./shapes.ts";

/** Link partners of the 1 GbE PCS are not modelled; drivers that look here want flow control, which is not either. */
const pcs = "Stored; auto-negotiation at 1 GbE is not modelled.";

export const PCS1GCFIG: Register = stored("PCS1GCFIG", 0x04200, `PCS_1G global configuration (8.2.3.22.1). ${pcs}`, {
  fields: { PCS_ISOLATE: bit(30) },
});

export const PCS1GLCTL: FieldedRegister<"AN_RESTART"> = fielded("PCS1GLCTL", {
  offset: 0x04208,
  access: "rw",
  fields: {
    FLV: bit(0),
    FORCE_LINK: bit(5),
    LINK_LATCH_LOW: bit(6),
    AN_ENABLE: bit(16, "rw", "82598 only; reserved here."),
    AN_RESTART: bit(17, "sc", "82598 only; reserved here."),
    AN_TIMEOUT_EN: bit(18),
    LINK_OK_FIX_EN: bit(25),
  },
  reset: 0x02040000,
  modelled: "partly",
  about: `PCS_1G link control (8.2.3.22.2). ${pcs}`,
});

export const PCS1GLSTA: Register = stored("PCS1GLSTA", 0x0420c, `PCS_1G link status (8.2.3.22.3). ${pcs}`, {
  access: "ro",
  fields: {
    SYNC_OK: bit(4),
    AN_COMPLETE: bit(16),
    AN_PAGE_RECEIVED: bit(17),
    AN_TIMED_OUT: bit(18),
    AN_REMOTE_FAULT: bit(19),
    AN_ERROR: bit(20, "rw"),
  },
});

export const PCS1GANA: Register = stored("PCS1GANA", 0x04218, `PCS_1G advertisement (8.2.3.22.4). ${pcs}`, {
  fields: { FDC: bit(5), ASM: bits(8, 7), RFLT: bits(13, 12), NEXTP: bit(15) },
  reset: 0x000001a0,
});

export const PCS1GANLP: Register = stored("PCS1GANLP", 0x0421c, `PCS_1G partner's ability (8.2.3.22.5). ${pcs}`, {
  access: "ro",
});

export const PCS1GANNP: Register = stored("PCS1GANNP", 0x04220, `PCS_1G next page (8.2.3.22.6). ${pcs}`);

export const PCS1GANLPNP: Register = stored("PCS1GANLPNP", 0x04224, `PCS_1G partner's next page (8.2.3.22.7). ${pcs}`, {
  access: "ro",
});

type Hlreg0Field = "TXCRCEN" | "RXCRCSTRP" | "JUMBOEN" | "TXPADEN" | "LPBK" | "RXLNGTHERREN" | "RXPADSTRIPEN";

export const HLREG0: FieldedRegister<Hlreg0Field> = fielded("HLREG0", {
  offset: 0x04240,
  access: "rw",
  fields: {
    TXCRCEN: bit(0, "rw", "Append the CRC to frames that ask for it (IFCS)."),
    RXCRCSTRP: bit(1, "rw", "Strip the CRC; must agree with RDRXCTL.CRC_STRIP."),
    JUMBOEN: bit(2, "rw", "MAXFRS limits frames; without it, 1,518 bytes do (and 4 for a tag)."),
    TXPADEN: bit(10, "rw", "Pad short frames to 64 bytes."),
    LPBK: bit(15, "rw", "Transmit is received; AUTOC.FLU must be set."),
    MDCSPD: bit(16),
    CONTMDC: bit(17),
    PREPEND: notModelled(bits(23, 20), "the FCS goes over the whole frame"),
    RXLNGTHERREN: bit(27, "rw", "Report length errors (RLEC)."),
    RXPADSTRIPEN: notModelled(bit(28, "rw", "Strip the padding; debug only."), "the padding stays in the frame"),
  },
  reset: 0x08012c0b,
  modelled: "partly",
  about:
    "MAC core control 0 (8.2.3.22.8). Bits 9–3 must stay 0x1, bits 14–11 0x5. PREPEND and RXPADSTRIPEN are stored only.",
});

export const HLREG1: Register = register("HLREG1", {
  offset: 0x04244,
  access: ["ro", "rc"],
  fields: { RXERRSYM: bit(5), RXILLSYM: bit(6), RXIDLERR: bit(7), RXLCLFLT: bit(8), RXRMTFLT: bit(9) },
  reset: 0x00000001,
  mirror: "exact",
  modelled: "partly",
  about: "MAC core status 1 (8.2.3.22.9). The faults are never raised.",
});

export const PAP: Register = stored("PAP", 0x04248, "Pause and pace (8.2.3.22.10). Stored; frames are not paced.", {
  fields: {
    TXPAUSECNT: bits(15, 0, "rw", "82598 only; reserved here."),
    PACE: notModelled(bits(19, 16), "frames are not paced"),
  },
  reset: 0x0000ffff,
});

export const MACA: Register = absent("MACA", 0x0424c, "MDI autoscan, not in the data sheet. 82598 only.");

/** The device takes the command, looks in vain for a PHY, clears MDICMD and answers 0xffff. */
export const MSCA: FieldedRegister<"MDIADD" | "DEVADD" | "PHYADD" | "OPCODE" | "STCODE" | "MDICMD"> = fielded("MSCA", {
  offset: 0x0425c,
  access: "rw",
  fields: {
    MDIADD: bits(15, 0),
    DEVADD: bits(20, 16),
    PHYADD: bits(25, 21),
    OPCODE: bits(27, 26, "rw", "0: address. 1: write. 2: read, address + 1. 3: read."),
    STCODE: bits(29, 28, "rw", "0: clause 45. 1: clause 22."),
    MDICMD: bit(30, "sc", "Start; reads 1 until the transfer is done."),
    MDI_IN_PROGRESS_EN: bit(31, "rw", "82598 only; reserved here."),
  },
  owner: "both",
  about: "MDI single command and address (8.2.3.22.11). No PHY is on the bus.",
});

export const MSRWD: FieldedRegister<"MDIWRDATA" | "MDIRDDATA"> = fielded("MSRWD", {
  offset: 0x04260,
  access: "rw",
  fields: { MDIWRDATA: bits(15, 0), MDIRDDATA: bits(31, 16, "ro", "0xffff where no PHY answers.") },
  owner: "both",
  about: "MDI single read and write data (8.2.3.22.12).",
});

export const MAXFRS: FieldedRegister<"MFS"> = fielded("MAXFRS", {
  offset: 0x04268,
  access: "rw",
  fields: { MFS: bits(31, 16, "rw", "Longest frame in bytes, CRC included, tag not.") },
  reset: 0x05ee0000,
  about: "Largest frame (8.2.3.22.13). Counts with HLREG0.JUMBOEN.",
});

const xgxs = "The lanes are always in order.";
export const PCSS1: Register = stored("PCSS1", 0x04288, `XGXS status 1 (8.2.3.22.14). ${xgxs}`, {
  access: "ro",
  reset: 0x00000004,
});
export const PCSS2: Register = stored("PCSS2", 0x0428c, `XGXS status 2 (8.2.3.22.15). ${xgxs}`, {
  access: "ro",
  reset: 0x00008002,
});
export const XPCSS: Register = stored("XPCSS", 0x04290, `10GBASE-X PCS status (8.2.3.22.16). ${xgxs}`, {
  access: "ro",
  reset: 0x3c00100f,
});

export const MFLCN: Register = stored(
  "MFLCN",
  0x04294,
  "MAC flow control (8.2.3.22.34). Stored; pause frames are not modelled.",
  {
    fields: {
      PMCF: bit(0),
      DPF: bit(1),
      RPFCE: notModelled(bit(2), "the card obeys no priority pause frame and goes on sending"),
      RFCE: notModelled(bit(3), "the card obeys no pause frame and goes on sending"),
      RPFCE_BY_PRIORITY: bits(11, 4, "rw", "X540 only; reserved here, and cleared by drivers for both."),
    },
  },
);

export const SERDESC: Register = stored("SERDESC", 0x04298, "SerDes interface control (8.2.3.22.17). Stored.");
export const MACS: Register = stored("MACS", 0x0429c, "FIFO status and control report (8.2.3.22.18). Stored.");

type AutocField = "FLU" | "PMA_PMD_10G_PARALLEL" | "PMA_PMD_1G" | "RESTART_AN" | "LMS" | "KR" | "KX" | "KX4";

export const AUTOC: FieldedRegister<AutocField> = fielded("AUTOC", {
  offset: 0x042a0,
  access: "rw",
  fields: {
    FLU: bit(0, "rw", "Force link up."),
    ANACK2: bit(1),
    ANSF: bits(6, 2),
    PMA_PMD_10G_PARALLEL: bits(8, 7),
    PMA_PMD_1G: bit(9),
    D10GMP: bit(10),
    RATD: bit(11),
    RESTART_AN: bit(12, "sc", "Apply the settings and bring the link up again."),
    LMS: bits(15, 13, "rw", "Link mode. 0, 2, 5: 1 GbE. 1, 3: 10 GbE. 4, 6, 7: backplane auto-negotiation."),
    KR: bit(16, "rw", "Backplane: 10GBASE-KR is offered."),
    FECR: bit(17),
    FECA: bit(18),
    ANRXAT: bits(22, 19),
    ANRXDM: bit(23),
    ANRXLM: bit(24),
    ANPDT: bits(26, 25),
    RF: bit(27),
    PB: bits(29, 28),
    KX: bit(30, "rw", "Backplane: 1000BASE-KX is offered. A driver that finds KX and KX4 0 finds no link mode."),
    KX4: bit(31, "rw", "Backplane: 10GBASE-KX4 is offered."),
  },
  reset: 0xc19d8284,
  owner: "both",
  modelled: "partly",
  about:
    "Auto-negotiation control (8.2.3.22.19). RESTART_AN applies LMS, KX, KX4, KR and FLU, which give the speed in LINKS; the partner agrees to everything, and the wire keeps its own rate. The rest is stored.",
});

type LinksField = "LINK_STATUS" | "LINK_SPEED" | "LINK_UP" | "KX_AN_COMP";

/** AN pages (bits 5, 6) would be read-to-clear, and are never received here. */
export const LINKS: FieldedRegister<LinksField> = fielded("LINKS", {
  offset: 0x042a4,
  access: "ro",
  fields: {
    KX_SIG_DET: bit(0),
    FEC_SIG_DET: bit(1),
    FEC_BLOCK_LOCK: bit(2),
    KR_HBERR: bit(3),
    KR_PCS_BLOCK_LOCK: bit(4),
    KX_AN_NEXT_PAGE_RECEIVED: bit(5),
    KX_AN_PAGE_RECEIVED: bit(6),
    LINK_STATUS: bit(7, "ro", "Up, and never down since the last read; a read by an accessor updates it."),
    KX4_SIG_DET: bits(11, 8),
    KR_SIG_DET: bit(12),
    SYNC_STATUS_10G: bits(16, 13),
    ALIGN_STATUS_10G: bit(17),
    SYNC_STATUS_1G: bit(18),
    KX_AN_RX_IDLE: bit(19),
    AN_ENABLED_1G: bit(20),
    LINK_ENABLED_1G: bit(21),
    LINK_ENABLED_10G: bit(22),
    FEC_EN: bit(23),
    SERIAL_10G_EN: bit(24),
    SGMII_EN: bit(25),
    MLINK_MODE: bits(27, 26),
    LINK_SPEED: bits(29, 28, "ro", "1: 100 Mb/s. 2: 1 Gb/s. 3: 10 Gb/s."),
    LINK_UP: bit(30),
    KX_AN_COMP: bit(31),
  },
  about: "Link status (8.2.3.22.20). Nothing but the device changes it: a driver must wait for the link.",
});

export const LINKS2: FieldedRegister<"LP_AN"> = fielded("LINKS2", {
  offset: 0x04324,
  access: "ro",
  fields: { MAC_RX_LINK_MODE: bits(1, 0), MAC_TX_LINK_MODE: bits(4, 3), LP_AN: bit(6, "ro", "Partner negotiates.") },
  about: "Link status 2 (8.2.3.22.21).",
});

export const AUTOC2: FieldedRegister<"PMA_PMD_10G_SERIAL"> = fielded("AUTOC2", {
  offset: 0x042a8,
  access: "rw",
  fields: {
    PMA_PMD_10G_SERIAL: bits(17, 16, "rw", "0: KR. 2: SFI."),
    DDPT: bit(18),
    FASM: bit(28),
    LINK_DISABLE: bit(29, "rw", "Reserved; drivers clear it together with its neighbours."),
    PDD: bit(30),
  },
  modelled: "partly",
  about: "Auto-negotiation control 2 (8.2.3.22.22). Stored.",
});

export const AUTOC3: Register = stored("AUTOC3", 0x042ac, "Auto-negotiation control 3, not in the data sheet. Stored.");

/** Drivers restart auto-negotiation and wait until ANAS is not 0: the device must move it. */
export const ANLP1: FieldedRegister<"ANAS"> = fielded("ANLP1", {
  offset: 0x042b0,
  access: "ro",
  fields: {
    LP_SELECTOR: bits(4, 0),
    LP_ECHOED_NONCE: bits(9, 5),
    LP_PAUSE: bits(11, 10),
    LP_RF: bit(13),
    LP_ACK: bit(14),
    LP_NP: bit(15),
    ANAS: bits(19, 16, "ro", "Arbitration state; 0 only while auto-negotiation is being reset."),
  },
  about: "Partner's control word 1 (8.2.3.22.23). The device moves ANAS after AUTOC.RESTART_AN.",
});

const partner = "There are no pages.";
export const ANLP2: Register = stored("ANLP2", 0x042b4, `Partner's control word 2 (8.2.3.22.24). ${partner}`, {
  access: "ro",
});
export const MMNGC: Register = stored("MMNGC", 0x042d0, "MAC manageability control (8.2.3.22.25). Never a veto.", {
  access: "ro",
  fields: { MNG_VETO: bit(0) },
});
export const ANLPNP1: Register = stored("ANLPNP1", 0x042d4, `Partner's next page 1 (8.2.3.22.26). ${partner}`, {
  access: "ro",
});
export const ANLPNP2: Register = stored("ANLPNP2", 0x042d8, `Partner's next page 2 (8.2.3.22.27). ${partner}`, {
  access: "ro",
});
export const KRPCSFC: Register = stored("KRPCSFC", 0x042e0, "KR PCS and FEC control (8.2.3.22.28). Stored.");
export const KRPCSS: Register = stored("KRPCSS", 0x042e4, "KR PCS status (8.2.3.22.29). No errors occur.", {
  access: "ro",
});
export const FECS1: Register = counter("FECS1", 0x042e8, "FEC corrected blocks (8.2.3.22.30): none.", {
  modelled: "partly",
});
export const FECS2: Register = counter("FECS2", 0x042ec, "FEC uncorrected blocks (8.2.3.22.31): none.", {
  modelled: "partly",
});
export const CORECTL: Register = stored("CORECTL", 0x14f00, "Core analog configuration (8.2.3.22.32). Stored.");
export const SMADARCTL: Register = stored("SMADARCTL", 0x14f10, "Core common configuration (8.2.3.22.33). Stored.");
export const SGMIIC: Register = stored("SGMIIC", 0x04314, "SGMII control (8.2.3.22.35). Stored.");
export const MACC: Register = stored("MACC", 0x04330, "MAC control, not in the data sheet. Stored.");
export const ATLASCTL: Register = stored("ATLASCTL", 0x04800, "Analog control, not in the data sheet. Stored.");

const pcs1g = [PCS1GCFIG, PCS1GLCTL, PCS1GLSTA, PCS1GANA, PCS1GANLP, PCS1GANNP, PCS1GANLPNP];
const mac = [HLREG0, HLREG1, PAP, MACA, MSCA, MSRWD, MAXFRS, PCSS1, PCSS2, XPCSS, SERDESC, MACS];
const link = [AUTOC, LINKS, LINKS2, AUTOC2, AUTOC3, ANLP1, ANLP2, MMNGC, ANLPNP1, ANLPNP2];
const serial = [KRPCSFC, KRPCSS, FECS1, FECS2, CORECTL, SMADARCTL, MFLCN, SGMIIC, MACC, ATLASCTL];

export const MAC_AND_LINK_REGISTERS: readonly Register[] = [...pcs1g, ...mac, ...link, ...serial];
