/** EEPROM and flash (data sheet 8.2.3.2) and the semaphores shared with the firmware (8.2.3.4.6–8.2.3.4.11). */

import { bit, bits, type Register } from "../../../emulator/registers/declare.ts";
import { absent, type FieldedRegister, fielded, stored } from "./shapes.ts";

type EecField = "EE_SK" | "EE_CS" | "EE_DI" | "EE_DO" | "EE_REQ" | "EE_GNT" | "EE_PRES" | "AUTO_RD" | "EE_SIZE";

/**
 * AUTO_RD is read-only: a driver waits for it after a reset. It comes up set, as do the bits of the EEPROM's sections,
 * because the card was powered on long ago; a device that models the time clears it in a reset and sets it later.
 */
export const EEC: FieldedRegister<EecField> = fielded("EEC", {
  offset: 0x10010,
  access: "rw",
  fields: {
    EE_SK: bit(0, "rw", "Clock."),
    EE_CS: bit(1, "rw", "0 selects the EEPROM."),
    EE_DI: bit(2, "rw", "To the EEPROM."),
    EE_DO: bit(3, "ro", "From the EEPROM."),
    FWE: bits(5, 4, "rw", "1: flash writes are disabled."),
    EE_REQ: bit(6, "rw", "Asks for the lines."),
    EE_GNT: bit(7, "ro", "Software has the lines; at once, as nobody else wants them."),
    EE_PRES: bit(8, "ro", "Present; without it, drivers read the EEPROM bit by bit."),
    AUTO_RD: bit(9, "ro", "Auto-read done; without it, the address in RAL(0) is not valid."),
    EE_SIZE: bits(14, 11, "ro", "4: 16 Kbit, 1,024 words."),
    SECTIONS_DONE: bits(21, 15, "ro", "PCIe analog, core, general, function; core, core CSR, MAC."),
  },
  reset: 0x003fa710,
  owner: "both",
  about:
    "EEPROM/flash control (8.2.3.2.1). Drivers write the EEPROM through it, edge by edge; to read, EERD is quicker.",
});

export const EERD: FieldedRegister<"START" | "DONE" | "ADDR" | "DATA"> = fielded("EERD", {
  offset: 0x10014,
  access: "rw",
  fields: {
    START: bit(0, "sc"),
    DONE: bit(1, "ro", "Cleared by a write with START."),
    ADDR: bits(15, 2, "rw", "Word address."),
    DATA: bits(31, 16, "ro"),
  },
  owner: "both",
  about: "EEPROM read (8.2.3.2.2).",
});

export const EEWR: Register = absent("EEWR", 0x10018, "EEPROM write, not in the data sheet. Nothing is written.", {
  fields: { START: bit(0, "wo"), DONE: bit(1, "ro"), ADDR: bits(15, 2), DATA: bits(31, 16) },
});

export const FLA: Register = absent("FLA", 0x1001c, "Flash access (8.2.3.2.3). There is no flash.", {
  fields: {
    FL_SCK: bit(0),
    FL_CE: bit(1),
    FL_SI: bit(2),
    FL_SO: bit(3, "ro"),
    FL_REQ: bit(4),
    FL_GNT: bit(5, "ro"),
    FL_BUSY: bit(30, "ro"),
    FL_ER: bit(31, "wo"),
  },
});

/** CFG_DONE0 comes up set, as the card was powered on long ago; a reset clears it, and the device sets it later. */
export const EEMNGCTL: FieldedRegister<"CFG_DONE0" | "CFG_DONE1"> = fielded("EEMNGCTL", {
  offset: 0x10110,
  access: "rw",
  fields: {
    ADDR: bits(14, 0),
    START: bit(15, "wo"),
    WRITE: bit(16),
    EEBUSY: bit(17, "ro"),
    CFG_DONE0: bit(18, "ro", "The firmware has configured port 0; drivers wait for it after a reset (4.6.3)."),
    CFG_DONE1: bit(19, "ro", "The same for port 1, which nobody resets."),
    DONE: bit(31, "ro"),
  },
  reset: 0x800c0000,
  owner: "both",
  modelled: "partly",
  about:
    "EEPROM control of manageability (8.2.3.2.4). CFG_DONE0 falls in a reset and is set later; the rest is stored.",
});

export const EEMNGDATA: Register = absent("EEMNGDATA", 0x10114, "EEPROM data of manageability (8.2.3.2.5). None.", {
  fields: { WRDATA: bits(15, 0), RDDATA: bits(31, 16, "ro") },
});
export const FLMNGCTL: Register = absent("FLMNGCTL", 0x10118, "Flash control of manageability (8.2.3.2.6). None.");
export const FLMNGDATA: Register = absent("FLMNGDATA", 0x1011c, "Flash data of manageability (8.2.3.2.7). None.");
export const FLMNGCNT: Register = absent("FLMNGCNT", 0x10120, "Flash read counter, not in the data sheet. None.");
export const FLOP: Register = absent("FLOP", 0x1013c, "Flash opcodes (8.2.3.2.8). There is no flash.", {
  fields: { SERASE: bits(7, 0), DERASE: bits(15, 8) },
});

export const GRC: Register = stored("GRC", 0x10200, "General receive control (8.2.3.2.9). Stored; nothing is woken.", {
  fields: { MNG_EN: bit(0, "ro"), APME: bit(1) },
});

export const FACTPS: Register = stored(
  "FACTPS",
  0x10150,
  "Function active and power state (8.2.3.4.6). Function 0 in D0, ports not swapped; it stays so.",
  {
    access: "ro",
    fields: {
      FUNC0_POWER_STATE: bits(1, 0, "ro", "2: D0 active."),
      LAN0_VALID: bit(2),
      FUNC0_AUX_EN: bit(3),
      FUNC1_POWER_STATE: bits(7, 6),
      LAN1_VALID: bit(8),
      FUNC1_AUX_EN: bit(9),
      MNGCG: bit(29),
      LAN_FUNCTION_SEL: bit(30),
      PM_STATE_CHANGED: bit(31),
    },
    reset: 0x00000006,
  },
);

/** A read that gives SMBI = 0 has taken the semaphore. A driver that maps raw memory takes it every time. */
export const SWSM: FieldedRegister<"SMBI" | "SWESMBI"> = fielded("SWSM", {
  offset: 0x10140,
  access: "rw",
  fields: {
    SMBI: bit(0, ["rs", "rw"], "Set by the read; write 0 to release."),
    SWESMBI: bit(1, "rw", "Software owns SW_FW_SYNC; the firmware, which is idle, would keep it 0."),
    WMNG: bit(2, "rw", "Wake the management clock on an 82598; reserved here."),
  },
  owner: "both",
  mirror: "exact",
  about: "Software semaphore (8.2.3.4.9). SMBI is set by reading it.",
});

export const FWSM: FieldedRegister<"FW_VALID" | "EXT_ERR_IND"> = fielded("FWSM", {
  offset: 0x10148,
  access: "ro",
  fields: {
    FWSMBI: bit(0),
    FW_MODE: bits(3, 1, "ro", "0: no manageability."),
    EEP_RELOAD_IND: bit(6),
    FW_VALID: bit(15, "ro", "Without it, drivers warn that the firmware is missing."),
    RESET_CNT: bits(18, 16),
    EXT_ERR_IND: bits(24, 19),
    PCIE_CONFIG_ERR_IND: bit(25),
    PHY_SERDES0_CONFIG_ERR_IND: bit(26),
    PHY_SERDES1_CONFIG_ERR_IND: bit(27),
  },
  reset: 0x00008000,
  modelled: "partly",
  about: "Firmware semaphore (8.2.3.4.10). The firmware is valid and does nothing.",
});

export const SW_FW_SYNC: FieldedRegister<"SW"> = fielded("SW_FW_SYNC", {
  offset: 0x10160,
  access: "rw",
  fields: {
    SW: bits(4, 0, "rw", "EEPROM, PHY 0, PHY 1, shared CSRs, flash are owned by software."),
    FW: bits(9, 5, "ro", "The same, by firmware."),
    SW_MNG: bit(10, "rw", "The host interface is owned by software."),
    FW_MNG: bit(15, "ro", "The same, by firmware."),
  },
  owner: "both",
  about: "Software–firmware synchronization (8.2.3.4.11). To be written only while SWSM.SWESMBI is held.",
});

export const NVM_REGISTERS: readonly Register[] = [
  EEC,
  EERD,
  EEWR,
  FLA,
  EEMNGCTL,
  EEMNGDATA,
  FLMNGCTL,
  FLMNGDATA,
  FLMNGCNT,
  FLOP,
  GRC,
  FACTPS,
  SWSM,
  FWSM,
  SW_FW_SYNC,
];
