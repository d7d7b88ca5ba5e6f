/** The registers of the whole card and of its board. */

import {
  bit,
  bits,
  type FieldedRegister,
  notModelled,
  type Register,
  register,
} from "../../../emulator/registers/declare.ts";
import { ADDRESS_FIELDS, CLOCK_HZ, FILTER_BUFFER_COUNT } from "./shapes.ts";

// ---- 0x0000: the card -------------------------------------------------------------------------------------------------

export const PCIE_IF_VER: Register = register("PCIE_IF_VER", {
  offset: 0x0000,
  access: "ro",
  reset: 1,
  harmless: true,
  about:
    "Index 0: version of this interface. Drivers write to it to warm up the path or to flush write combining; it has no effect.",
});

export const HW_ID: Register = register("HW_ID", {
  offset: 0x0004,
  access: "ro",
  reset: 4,
  about: "Index 1: which card this is; 4 is the X10, which has two ports.",
});

export const FEATURE_CFG: FieldedRegister<
  "BRIDGE_MIRROR" | "AUX_BRIDGE_MIRROR" | "AUX_ENABLE" | "HW_STARTUP" | "DRAM" | "MIRROR_OUTPUT"
> = register("FEATURE_CFG", {
  offset: 0x0008,
  access: "reserved",
  reset: 0x0002_0000,
  owner: "both",
  fields: {
    BRIDGE_MIRROR: notModelled(bits(6, 0, "rw"), "no frame is bridged or mirrored"),
    AUX_BRIDGE_MIRROR: bits(14, 8, "ro", "What was configured before power-on."),
    AUX_ENABLE: bit(16, "w0c", "0 disconnects the auxiliary configuration for good."),
    HW_STARTUP: bit(17, "ro", "The card starts up: wait until it reads 0 (at most 500 ms) before anything else."),
    DRAM: bit(18, "ro"),
    MIRROR_OUTPUT: bits(23, 20, "ro"),
  },
  about: "Index 2: bridging and mirroring, and whether the card has started.",
});

export const HW_REV_DATE: Register = register("HW_REV_DATE", {
  offset: 0x000c,
  access: "ro",
  reset: 0x60b9_6d00,
  about: "Index 3: date of the firmware in seconds since 1970.",
});

export const DMA_ADDR_WIDTH: Register = register("DMA_ADDR_WIDTH", {
  offset: 0x0010,
  access: "ro",
  reset: 64,
  about: "Index 4: address bits that the card drives, 32 or 64.",
});

export const TX_FEEDBACK_BASE_HI: Register = register("TX_FEEDBACK_BASE_HI", {
  offset: 0x0014,
  access: "rw",
  about: "Index 5: upper half of the address of the transmit feedback page. 0 with a 32-bit address.",
});

export const TX_FEEDBACK_BASE_LO: FieldedRegister<"PAGE" | "BELOW_PAGE" | "IS_32_BIT"> = register(
  "TX_FEEDBACK_BASE_LO",
  {
    offset: 0x0018,
    access: "rw",
    fields: ADDRESS_FIELDS,
    about: "Index 6: lower half, with the address format in bit 0. Slot n is the 16-bit word n of the page.",
  },
);

export const MAC_ADDR_OUI: Register = register("MAC_ADDR_OUI", {
  offset: 0x001c,
  access: "ro",
  reset: 0x005f_3f64,
  about: "Index 7: the first three bytes of the card's addresses, first byte lowest: 64:3f:5f.",
});

export const FUNCTION_ID: Register = register("FUNCTION_ID", {
  offset: 0x0020,
  access: "ro",
  reset: 0,
  about: "Index 8: what the firmware is; 0 is a network interface.",
});

export const HW_TIME: Register = register("HW_TIME", {
  offset: 0x0024,
  access: "ro",
  about: "Index 9: the lower 32 bits of the card's clock, in cycles of CLK_HZ.",
});

export const CLK_SET: Register = register("CLK_SET", {
  offset: 0x0028,
  access: "wo",
  mirror: "strobe",
  about: "Index 10: sets the clock.",
});

export const CLK_ADJ: FieldedRegister<"INTERVAL" | "INCREMENT"> = register("CLK_ADJ", {
  offset: 0x002c,
  access: "reserved",
  fields: {
    INTERVAL: bits(23, 0, "rw", "n; 0 corrects nothing."),
    INCREMENT: bit(24, "rw", "1: one cycle more every n; 0: one less."),
  },
  about: "Index 11: correction of the clock by one cycle in every n.",
});

export const PPS_TIMESTAMP: Register = register("PPS_TIMESTAMP", {
  offset: 0x0030,
  access: "ro",
  modelled: "partly",
  about: "Index 12: the clock at the last pulse of the PPS input. No pulse ever comes here: 0.",
});

export const CLK_HZ: Register = register("CLK_HZ", {
  offset: 0x0034,
  access: "ro",
  reset: CLOCK_HZ,
  about: "Index 13: cycles of the clock a second.",
});

export const CAPS: FieldedRegister<"RX_MSI" | "DISABLE_TX_PADDING" | "SPEED_10G"> = register("CAPS", {
  offset: 0x0038,
  access: "ro",
  reset: 0x0404_0001,
  fields: { RX_MSI: bit(0), DISABLE_TX_PADDING: bit(18), SPEED_10G: bit(26) },
  about: "Index 14: what this card can do: interrupts by MSI, 10 Gb/s, sending without padding.",
});

export const NUM_FILTER_BUFFERS: Register = register("NUM_FILTER_BUFFERS", {
  offset: 0x0084,
  access: "ro",
  reset: FILTER_BUFFER_COUNT,
  about: "Index 33: buffers of each port for steering and hashing.",
});

// ---- 0x0100: the board ------------------------------------------------------------------------------------------------

export const HW_TEMPERATURE: Register = register("HW_TEMPERATURE", {
  offset: 0x010c,
  access: "ro",
  modelled: "not-modelled",
  about: "Board index 3: temperature of the FPGA. Reads 0.",
});

export const HW_I2C_GPIO: Register = register("HW_I2C_GPIO", {
  offset: 0x012c,
  access: "rw",
  modelled: "not-modelled",
  about:
    "Board index 11: lines to the modules and to the EEPROM. Nobody answers; the address is in PORT_MAC_ADDR_OUI and _NIC.",
});

export const HW_POWERDOWN: Register = register("HW_POWERDOWN", {
  offset: 0x0138,
  access: "rw",
  modelled: "partly",
  about: "Board index 14: power of the transceivers. PORT_ENABLED alone decides about it here.",
});

export const CARD_REGISTERS: readonly Register[] = [
  PCIE_IF_VER,
  HW_ID,
  FEATURE_CFG,
  HW_REV_DATE,
  DMA_ADDR_WIDTH,
  TX_FEEDBACK_BASE_HI,
  TX_FEEDBACK_BASE_LO,
  MAC_ADDR_OUI,
  FUNCTION_ID,
  HW_TIME,
  CLK_SET,
  CLK_ADJ,
  PPS_TIMESTAMP,
  CLK_HZ,
  CAPS,
  NUM_FILTER_BUFFERS,
  HW_TEMPERATURE,
  HW_I2C_GPIO,
  HW_POWERDOWN,
];
