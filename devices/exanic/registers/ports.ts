/** The registers of each port: set-up, counters, what it can do. */

import { bit, bits, type FieldedRegister, notModelled, type Register } from "../../../emulator/registers/declare.ts";
import { ADDRESS_FIELDS, HASH_FUNCTION_COUNT, perPort, RULE_COUNT, TX_PORT_BYTE_LENGTH } from "./shapes.ts";

// ---- 0x0200: the ports ------------------------------------------------------------------------------------------------

export const PORT_ENABLED: FieldedRegister<"ENABLED"> = perPort("PORT_ENABLED", 0, {
  access: "reserved",
  fields: { ENABLED: bit(0, "rw") },
  about: "Port index 0: receives and sends. Set it when the receive region is known.",
});

export const PORT_SPEED: Register = perPort("PORT_SPEED", 1, {
  access: "ro",
  reset: 10_000,
  about: "Port index 1: speed in Mb/s.",
});

export const PORT_STATUS: FieldedRegister<"ENABLED" | "SFP" | "SIGNAL" | "LINK" | "NOT_IMPLEMENTED"> = perPort(
  "PORT_STATUS",
  2,
  {
    access: "ro",
    reset: 0x6,
    fields: { ENABLED: bit(0), SFP: bit(1), SIGNAL: bit(2), LINK: bit(3), NOT_IMPLEMENTED: bit(31) },
    about: "Port index 2: enabled, module present, signal, link up.",
  },
);

export const PORT_MAC_ADDR_NIC: Register = perPort("PORT_MAC_ADDR_NIC", 3, {
  access: "rw",
  about: "Port index 3: the last three bytes of the port's address, first of them lowest.",
});

export const PORT_FLAGS: FieldedRegister<
  "PROMISCUOUS" | "FORCE_FEC" | "AUTONEG_ENABLE" | "LOOPBACK" | "DISABLE_TX_PADDING" | "DISABLE_TX_CRC"
> = perPort("PORT_FLAGS", 4, {
  access: "reserved",
  fields: {
    PROMISCUOUS: bit(0, "rw", "Takes frames to any address."),
    FORCE_FEC: notModelled(bits(2, 1, "rw"), "the wire knows no error correction"),
    AUTONEG_ENABLE: notModelled(bit(3, "rw"), "the link comes up without negotiation"),
    LOOPBACK: bit(4, "rw", "What the port sends it receives."),
    DISABLE_TX_PADDING: bit(5, "rw", "Frames below 60 bytes go out as they are."),
    DISABLE_TX_CRC: notModelled(bit(6, "rw"), "the FCS is not the driver's: frames go out whole, with a right one"),
  },
  about: "Port index 4: how the port receives and sends.",
});

export const PORT_RX_DMA_BASE_HI: Register = perPort("PORT_RX_DMA_BASE_HI", 5, {
  access: "rw",
  about: "Port index 5: upper half of the address of the receive region. 0 with a 32-bit address.",
});

export const PORT_RX_DMA_BASE_LO: FieldedRegister<"PAGE" | "BELOW_PAGE" | "IS_32_BIT"> = perPort(
  "PORT_RX_DMA_BASE_LO",
  6,
  {
    access: "rw",
    fields: ADDRESS_FIELDS,
    about: "Port index 6: lower half, with the address format in bit 0. The region has 2 MiB.",
  },
);

export const PORT_TX_SUPPORTED_TYPES: Register = perPort("PORT_TX_SUPPORTED_TYPES", 7, {
  access: "ro",
  reset: 0x1,
  about: "Port index 7: types of chunks that can be sent, a bit each: raw frames alone.",
});

export const PORT_TX_COMMAND: Register = perPort("PORT_TX_COMMAND", 8, {
  access: "rw",
  mirror: "doorbell",
  about: "Port index 8: the doorbell. Offset in the TX region (BAR2) of the chunk to send.",
});

export const PORT_TX_REGION_OFFSET: Register = perPort("PORT_TX_REGION_OFFSET", 9, {
  access: "ro",
  reset: (port) => port * TX_PORT_BYTE_LENGTH,
  about: "Port index 9: where the port's part of the TX region begins.",
});

export const PORT_TX_REGION_SIZE: Register = perPort("PORT_TX_REGION_SIZE", 10, {
  access: "ro",
  reset: TX_PORT_BYTE_LENGTH,
  about: "Port index 10: bytes of the port's part.",
});

export const PORT_TX_LAST_TIME: Register = perPort("PORT_TX_LAST_TIME", 11, {
  access: "ro",
  about: "Port index 11: the clock when the first byte of the last frame went out.",
});

export const PORT_MAC_ADDR_OUI: Register = perPort("PORT_MAC_ADDR_OUI", 12, {
  access: "rw",
  about: "Port index 12: the first three bytes of the port's address, first byte lowest.",
});

export const PORT_IRQ_CONFIG: FieldedRegister<"ENABLE" | "GENERATION" | "CHUNK"> = perPort("PORT_IRQ_CONFIG", 13, {
  access: "reserved",
  fields: {
    ENABLE: bit(31, "rw"),
    GENERATION: bits(21, 14, "rw"),
    CHUNK: bits(13, 0, "rw"),
  },
  about: "Port index 13: interrupt when this chunk of the receive region has been written in this generation.",
});

export const PORT_HASH_CONFIG: FieldedRegister<"ENABLE" | "FUNCTION" | "MASK"> = perPort("PORT_HASH_CONFIG", 14, {
  access: "reserved",
  fields: {
    ENABLE: bit(31, "rw"),
    FUNCTION: bits(11, 8, "rw", "0 ports, 1 addresses, 2 both."),
    MASK: bits(7, 0, "rw", "Number of buffers less one; they are a power of two."),
  },
  about: "Port index 14: spreads TCP and UDP over the buffers by their hash. While it is on, no rule is looked at.",
});

// ---- 0x0400: counters -------------------------------------------------------------------------------------------------

const STATISTICS = [0x0400, 0x40] as const;

export const STAT_RESET: Register = perPort(
  "STAT_RESET",
  0,
  { access: "wo", mirror: "strobe", about: "Counter index 0: any write sets the port's counters to 0." },
  STATISTICS,
);

const counter = (name: string, index: number, about: string): Register =>
  perPort(name, index, { access: "ro", about: `Counter index ${index}: ${about}` }, STATISTICS);

export const STAT_TX: Register = counter("STAT_TX", 1, "frames sent.");
export const STAT_RX: Register = counter("STAT_RX", 2, "valid frames delivered.");
export const STAT_RX_IGNORED: Register = counter("STAT_RX_IGNORED", 3, "valid frames that were for somebody else.");
export const STAT_RX_ERROR: Register = counter("STAT_RX_ERROR", 4, "frames with a wrong FCS.");
export const STAT_RX_DROPPED: Register = counter("STAT_RX_DROPPED", 5, "frames dropped in the card.");

// ---- 0x0800: what the ports can do ------------------------------------------------------------------------------------

const EXTENDED = [0x0800, 0x100] as const;

export const NUM_IP_FILTER_RULES: Register = perPort(
  "NUM_IP_FILTER_RULES",
  0,
  { access: "ro", reset: RULE_COUNT, about: "Extended index 0: rules over protocol, addresses and ports." },
  EXTENDED,
);

export const NUM_MAC_FILTER_RULES: Register = perPort(
  "NUM_MAC_FILTER_RULES",
  1,
  { access: "ro", reset: RULE_COUNT, about: "Extended index 1: rules over destination, EtherType and VLAN." },
  EXTENDED,
);

export const NUM_HASH_FUNCTIONS: Register = perPort(
  "NUM_HASH_FUNCTIONS",
  2,
  { access: "ro", reset: HASH_FUNCTION_COUNT, about: "Extended index 2: hash functions." },
  EXTENDED,
);

export const PORT_REGISTERS: readonly Register[] = [
  PORT_ENABLED,
  PORT_SPEED,
  PORT_STATUS,
  PORT_MAC_ADDR_NIC,
  PORT_FLAGS,
  PORT_RX_DMA_BASE_HI,
  PORT_RX_DMA_BASE_LO,
  PORT_TX_SUPPORTED_TYPES,
  PORT_TX_COMMAND,
  PORT_TX_REGION_OFFSET,
  PORT_TX_REGION_SIZE,
  PORT_TX_LAST_TIME,
  PORT_MAC_ADDR_OUI,
  PORT_IRQ_CONFIG,
  PORT_HASH_CONFIG,
  STAT_RESET,
  STAT_TX,
  STAT_RX,
  STAT_RX_IGNORED,
  STAT_RX_ERROR,
  STAT_RX_DROPPED,
  NUM_IP_FILTER_RULES,
  NUM_MAC_FILTER_RULES,
  NUM_HASH_FUNCTIONS,
];
