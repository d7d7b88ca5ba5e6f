// What the ExaNIC driver needs of the public interface headers of libexanic (BSD-3): pcie_if.h for the registers, fifo_if.h
// for the two kinds of chunks. Written out here, as a driver has it: the model's own table is no business of a driver.

// pcie_if.h, "Common ExaNIC registers": index × 4.
export const PCIE_IF_VER = 0x0000;
export const HW_ID = 0x0004;
export const FEATURE_CFG = 0x0008;
export const FEATURE_CFG_HW_STARTUP = 0x0002_0000;
export const TX_FEEDBACK_BASE_HI = 0x0014;
export const TX_FEEDBACK_BASE_LO = 0x0018;
export const FUNCTION_ID = 0x0020;
export const HW_TIME = 0x0024;
export const CLK_HZ = 0x0034;
/** Bit 0 of every base address: it lies below 4 GiB. */
export const ADDRESS_32_BIT = 1;
export const HW_ID_X10 = 4;
export const FUNCTION_NIC = 0;

// "Port-specific registers": 0x40 bytes for each port.
const port =
  (index: number) =>
  (portNumber: number): number =>
    0x0200 + 0x40 * portNumber + 4 * index;
export const PORT_ENABLED: (port: number) => number = port(0);
export const PORT_STATUS: (port: number) => number = port(2);
export const PORT_STATUS_LINK = 0x8;
export const PORT_STATUS_ENABLED = 0x1;
export const PORT_FLAGS: (port: number) => number = port(4);
export const PORT_FLAG_PROMISCUOUS = 0x1;
export const PORT_RX_DMA_BASE_HI: (port: number) => number = port(5);
export const PORT_RX_DMA_BASE_LO: (port: number) => number = port(6);
export const PORT_TX_COMMAND: (port: number) => number = port(8);
export const PORT_TX_REGION_OFFSET: (port: number) => number = port(9);
export const PORT_TX_REGION_SIZE: (port: number) => number = port(10);
export const PORT_IRQ_CONFIG: (port: number) => number = port(13);
export const PORT_IRQ_ENABLE = 0x8000_0000;
/** Generation above, chunk below: kernel driver, exanic_rx_set_irq. */
export const PORT_IRQ_GENERATION_SHIFT = 14;

/** "Port-specific statistics": frames delivered, good and damaged, 32 bits each. */
export const PORT_STAT_RX = (portNumber: number): number => 0x0408 + 0x40 * portNumber;
export const PORT_STAT_RX_ERROR = (portNumber: number): number => 0x0410 + 0x40 * portNumber;

// "Packet filters": a megabyte for each port.
const filters =
  (at: number) =>
  (portNumber: number, index: number): number =>
    0x0040_0000 + 0x0010_0000 * portNumber + at + index;
export const BUFFER_BASE_HI = (portNumber: number, buffer: number): number => filters(0x0_0000)(portNumber, 8 * buffer);
export const BUFFER_BASE_LO = (portNumber: number, buffer: number): number => filters(0x0_0004)(portNumber, 8 * buffer);
/** Rules over IP come behind the 256 places of rules over Ethernet. */
export const IP_RULE_BUFFER = (portNumber: number, rule: number): number =>
  filters(0x2_0000)(portNumber, 4 * (256 + rule));
export const IP_RULE_WORD = (portNumber: number, byteNumber: number, byteValue: number): number =>
  filters(0x6_0000)(portNumber, 4 * ((byteNumber << 11) | (byteValue << 3)));
export const IP_RULE_BYTE_COUNT = 13;

// fifo_if.h, struct rx_chunk: 120 bytes of payload, then timestamp u32, status u8, length u8, filter u8, generation u8.
export const RX_CHUNK_BYTES = 128;
export const RX_PAYLOAD_BYTES = 120;
export const RX_CHUNK_COUNT = 16_384;
export const RX_TIMESTAMP_AT = 120;
export const RX_STATE_AT = 124;
/** Memory is handed to the card filled with this: generation 255 comes before 0, and no length is 0. */
export const RX_FILL = 0xff;

// fifo_if.h, struct tx_chunk: feedback id u16, slot u16, length u16, type u8, flags u8, two bytes of padding, the frame.
export const TX_HEADER_BYTES = 8;
export const TX_PADDING_BYTES = 2;
export const TX_TYPE_RAW = 1;
