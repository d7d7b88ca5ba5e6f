/**
 * Flow control (data sheet 8.2.3.3), PCIe (8.2.3.4), DCB (8.2.3.10) and DCA (8.2.3.11): kept and read back. What drivers
 * set up as a matter of routine is `partly` modelled and quiet; what means that a driver expects the feature is not.
 */

import { bit, bits, notModelled, type Register, register } from "../../../emulator/registers/declare.ts";
import { absent, type FieldedRegister, fielded, stored } from "./shapes.ts";

const noPause = "Stored; no pause frame is ever sent or obeyed.";

export const PFCTOP: Register = stored(
  "PFCTOP",
  0x03008,
  `Priority flow control type and opcode (8.2.3.3.1). ${noPause}`,
  {
    fields: { FCT: bits(15, 0), FCOP: bits(31, 16) },
    reset: 0x01018808,
  },
);

export const FCTTV: Register = stored(
  "FCTTV",
  0x03200,
  `Flow control transmit timers 2n, 2n + 1 (8.2.3.3.2). ${noPause}`,
  {
    count: 4,
    fields: { TTV0: bits(15, 0), TTV1: bits(31, 16) },
  },
);

export const FCRTL: Register = stored("FCRTL", 0x03220, `Flow control receive threshold, low (8.2.3.3.3). ${noPause}`, {
  count: 8,
  fields: { RTL: bits(18, 5), XONE: bit(31) },
});

/** Harmless: drivers write "size of the packet buffer − 24 KiB" for buffers of size 0 too, and hit reserved bits. */
export const FCRTH: Register = stored(
  "FCRTH",
  0x03260,
  `Flow control receive threshold, high (8.2.3.3.4). ${noPause}`,
  {
    count: 8,
    fields: { RTH: bits(18, 5), FCEN: bit(31) },
    harmless: true,
  },
);

export const FCRTV: Register = stored("FCRTV", 0x032a0, `Flow control refresh threshold (8.2.3.3.5). ${noPause}`, {
  fields: { FC_REFRESH_TH: bits(15, 0) },
});

export const TFCS: Register = stored("TFCS", 0x0ce00, "Transmit flow control status (8.2.3.3.6). Always XON.", {
  access: "ro",
  reset: 0x000000ff,
});

export const FCCFG: Register = stored("FCCFG", 0x03d00, `Flow control configuration (8.2.3.3.7). ${noPause}`, {
  fields: {
    TFCE: notModelled(
      bits(4, 3, "rw", "0: off. 1: link flow control. 2: priority flow control."),
      "the card sends no pause frame when its packet buffer fills; it drops and RXMPC counts",
    ),
  },
});

export const GCR: Register = stored("GCR", 0x11000, "PCIe control (8.2.3.4.1). Stored; the link decides.", {
  reset: 0x00040000,
});
export const GSCL_1: Register = absent("GSCL_1", 0x11010, "PCIe statistics control 1 (8.2.3.4.2). Nothing is counted.");
export const GSCL_2: Register = absent("GSCL_2", 0x11014, "PCIe statistics control 2 (8.2.3.4.3). Nothing is counted.");
export const GSCL_5_8: Register = absent(
  "GSCL_5_8",
  0x11030,
  "PCIe statistics control 5–8 (8.2.3.4.4). Nothing is counted.",
  { count: 4 },
);
export const GSCN_0_3: Register = absent("GSCN_0_3", 0x11020, "PCIe statistics counters (8.2.3.4.5). Always 0.", {
  access: "ro",
  count: 4,
});
export const PCIEPHYADR: Register = absent(
  "PCIEPHYADR",
  0x11040,
  "PCIe analog configuration (8.2.3.4.7). There is none.",
);
export const PCIEPHYDAT: Register = absent("PCIEPHYDAT", 0x11044, "PCIe PHY data (8.2.3.4.8). There is none.");

export const GCR_EXT: FieldedRegister<"BUFFERS_CLEAR_FUNC"> = fielded("GCR_EXT", {
  offset: 0x11050,
  access: "rw",
  fields: {
    VT_MODE: notModelled(bits(1, 0, "rw", "Virtualization; not modelled."), "there are no virtual functions"),
    APBACD: bit(4, "rw", "The pending bits are not cleared automatically."),
    BUFFERS_CLEAR_FUNC: bit(30, "rw", "Flush the buffers; part of a disable that does not end (5.2.5.3.2)."),
    MSIX_EN: bit(31, "rw", "Set with virtual functions; reserved in the data sheet."),
  },
  modelled: "partly",
  about: "PCIe control extended (8.2.3.4.12). Stored.",
});

export const MREVID: Register = stored("MREVID", 0x11064, "Mirrored revision (8.2.3.4.13). Revision 1.", {
  access: "ro",
  reset: 0x00000101,
});

const picause = { CA: bit(0), UA: bit(1), BE: bit(2), TO: bit(3), BMEF: bit(4) };
export const PICAUSE: Register = stored("PICAUSE", 0x110b0, "PCIe interrupt cause (8.2.3.4.14). None is raised.", {
  access: "w1c",
  fields: picause,
});
export const PIENA: Register = stored("PIENA", 0x110b8, "PCIe interrupt enable (8.2.3.4.15). None is raised.", {
  fields: picause,
});

const oneClass = "Stored; there is one traffic class.";
export const RTRPCS: Register = stored(
  "RTRPCS",
  0x02430,
  `DCB receive packet plane control (8.2.3.10.1). ${oneClass}`,
  {
    reset: 0x60000000,
  },
);

export const RTTDCS: FieldedRegister<"ARBDIS"> = fielded("RTTDCS", {
  offset: 0x04900,
  access: "rw",
  fields: {
    TDPAC: notModelled(bit(0), "there is one traffic class, and no arbiter between classes"),
    VMPAC: notModelled(bit(1), "there are no pools, and no arbiter between them"),
    TDRM: notModelled(bit(4), "there is one traffic class, and nothing to recycle between classes"),
    ARBDIS: bit(6, "rw", "Pauses the arbiters; to be set while MTQC and the queue parameters are changed."),
    LTTDESC: bits(19, 17, "ro"),
    BDPM: bit(22),
    BPBFSM: bit(23),
    SPEED_CHG: bit(31),
  },
  reset: 0x00c00000,
  modelled: "partly",
  about: `DCB transmit descriptor plane control (8.2.3.10.2). ${oneClass}`,
});

export const RTTPCS: Register = stored(
  "RTTPCS",
  0x0cd00,
  `DCB transmit packet plane control (8.2.3.10.3). ${oneClass}`,
  {
    reset: 0x89000000,
  },
);
export const RTRUP2TC: Register = stored("RTRUP2TC", 0x03020, `Receive priority to class (8.2.3.10.4). ${oneClass}`);
export const RTTUP2TC: Register = stored("RTTUP2TC", 0x0c800, `Transmit priority to class (8.2.3.10.5). ${oneClass}`);
export const RTRPT4C: Register = eight("RTRPT4C", 0x02140, "Receive packet plane T4 configuration (8.2.3.10.6).");
export const RTRPT4S: Register = eight("RTRPT4S", 0x02160, "Receive packet plane T4 status (8.2.3.10.7).");
export const RTTDT2C: Register = eight("RTTDT2C", 0x04910, "Transmit descriptor plane T2 configuration (8.2.3.10.8).");
export const RTTDT2S: Register = eight("RTTDT2S", 0x04930, "Transmit descriptor plane T2 status (8.2.3.10.9).");
export const RTTPT2C: Register = eight("RTTPT2C", 0x0cd20, "Transmit packet plane T2 configuration (8.2.3.10.10).");
export const RTTPT2S: Register = eight("RTTPT2S", 0x0cd40, "Transmit packet plane T2 status (8.2.3.10.11).");
export const TXLLQ: Register = stored("TXLLQ", 0x082e0, `Strict low latency queues (8.2.3.10.12). ${oneClass}`, {
  count: 4,
});

/** What RTTDQSEL selects: RTTDT1C, RTTDT1S and RTTBCNRC are windows, of which only one pane is kept here. */
export const RTTDQSEL: Register = stored(
  "RTTDQSEL",
  0x04904,
  `Queue behind RTTDT1C and RTTBCNRC (8.2.3.10.13). Stored.`,
  {
    fields: { TXDQ_IDX: bits(6, 0) },
  },
);
export const RTTDT1C: Register = stored(
  "RTTDT1C",
  0x04908,
  "Credits of the selected queue (8.2.3.10.14). One for all.",
);
export const RTTDT1S: Register = stored("RTTDT1S", 0x0490c, "Status of the selected queue (8.2.3.10.15). One for all.");
export const RTTBCNRC: Register = stored(
  "RTTBCNRC",
  0x04984,
  "Rate of the selected queue (8.2.3.10.16). Never limited.",
  {
    fields: { RF_DEC: bits(13, 0), RF_INT: bits(23, 14), RS_ENA: notModelled(bit(31), "no queue's rate is limited") },
  },
);
export const RTTBCNRM: Register = stored("RTTBCNRM", 0x04980, "Rate scheduler memory window (8.2.3.10). Stored.");
export const RTTBCNRS: Register = stored("RTTBCNRS", 0x04988, "Rate scheduler status (8.2.3.10). Stored.");
export const RTTBCNRD: Register = stored("RTTBCNRD", 0x0498c, "Rate drift (8.2.3.10). Stored.");
export const RTTDTECC: Register = stored(
  "RTTDTECC",
  0x04990,
  "Transmit descriptor ECC, not in the data sheet. Stored.",
);
export const RTTBCNTG: Register = stored("RTTBCNTG", 0x04a90, "Congestion tagging (8.2.3.10). Stored.");
export const RTTBCNCR: Register = stored("RTTBCNCR", 0x08b00, "Congestion control (8.2.3.10). Stored.");

export const DCA_ID: Register = stored("DCA_ID", 0x11070, "DCA requester (8.2.3.11.3). Always 0.", { access: "ro" });
export const DCA_CTRL: Register = stored(
  "DCA_CTRL",
  0x11074,
  "DCA control (8.2.3.11.4). There is no cache to write into.",
  {
    fields: { DCA_DIS: bit(0), DCA_MODE: bits(4, 1) },
    reset: 0x00000001,
  },
);

function eight(name: string, offset: number, about: string): Register {
  return register(name, { offset, count: 8, access: "rw", modelled: "partly", about: `${about} ${oneClass}` });
}

const flowControl = [PFCTOP, FCTTV, FCRTL, FCRTH, FCRTV, TFCS, FCCFG];
const pcie = [GCR, GSCL_1, GSCL_2, GSCL_5_8, GSCN_0_3, PCIEPHYADR, PCIEPHYDAT, GCR_EXT, MREVID, PICAUSE, PIENA];
const dcbPlanes = [RTRPCS, RTTDCS, RTTPCS, RTRUP2TC, RTTUP2TC, RTRPT4C, RTRPT4S, RTTDT2C, RTTDT2S, RTTPT2C, RTTPT2S];
const dcbQueues = [TXLLQ, RTTDQSEL, RTTDT1C, RTTDT1S, RTTBCNRC, RTTBCNRM, RTTBCNRS, RTTBCNRD, RTTDTECC, RTTBCNTG];
const dca = [RTTBCNCR, DCA_ID, DCA_CTRL];

export const STORAGE_REGISTERS: readonly Register[] = [...flowControl, ...pcie, ...dcbPlanes, ...dcbQueues, ...dca];
