/**
 * Offsets that the data sheet leaves out but published drivers read: registers of the 82598 before it, of the X540 after
 * it, and the diagnostics in a driver's register dump (`ethtool -d`). They read as 0 and are said to be not modelled.
 */

import type { Register, RegisterRange } from "../../../emulator/registers/declare.ts";
import { absent } from "./shapes.ts";

export const CIAA: Register = hidden("CIAA", 0x11088, "configuration space by address");
export const CIAD: Register = hidden("CIAD", 0x1108c, "configuration space, data");
export const PCIE_DIAG: Register = hidden("PCIE_DIAG", 0x11090, "PCIe diagnostics", 8);
export const PCIEECCCTL: Register = hidden("PCIEECCCTL", 0x1106c, "PCIe ECC control");
export const CDQ_MBR: Register = hidden("CDQ_MBR", 0x110b4, "configuration queue");
export const PCIESPARE: Register = hidden("PCIESPARE", 0x110bc, "spare bits");
export const ECC_STATUS: Register = hidden("ECC_STATUS", 0x110e0, "ECC status");
export const MISC_REG: Register = hidden("MISC_REG", 0x110f0, "miscellaneous");
export const BARCTRL: Register = hidden("BARCTRL", 0x110f4, "sizes of the BARs");
export const ECC_CTRL: Register = hidden("ECC_CTRL", 0x11100, "ECC control", 2);

export const MSIX_PBA_82598: Register = hidden("MSIX_PBA_82598", 0x02000, "82598: pending bits in BAR0");
export const DROPEN: Register = hidden("DROPEN", 0x03d04, "82598: drop enable of the packet buffers");
export const DRECCCTL: Register = hidden("DRECCCTL", 0x02f08, "receive descriptor ECC");
export const STARCTRL: Register = hidden("STARCTRL", 0x03024, "starvation control");
export const RDSTAT: Register = hidden("RDSTAT", 0x02c00, "receive DMA diagnostics and their control", 9);
export const RIC_DW: Register = hidden("RIC_DW", 0x02f10, "receive descriptor cache", 4);
export const RDPROBE: Register = hidden("RDPROBE", 0x02f20, "receive DMA probe");
export const RDMAM: Register = hidden("RDMAM", 0x02f30, "receive DMA memory, address and data", 2);
export const PBRXECC: Register = hidden("PBRXECC", 0x03300, "receive buffer ECC");
export const RXBUFCTRL: Register = hidden("RXBUFCTRL", 0x03600, "receive buffer access");
export const RXBUFDATA: Register = hidden("RXBUFDATA", 0x03610, "receive buffer data", 4);
export const RXDBUECC: Register = hidden("RXDBUECC", 0x03f70, "receive data buffer ECC", 2);
export const MDIO_AUTOSCAN: Register = hidden("MDIO_AUTOSCAN", 0x04250, "82598: MDIO autoscan", 3);
export const MLADD: Register = hidden("MLADD", 0x04264, "82598: MAC address, low");
export const TREG: Register = hidden("TREG", 0x0426c, "82598: test register");
export const MDFTC: Register = hidden("MDFTC", 0x042b8, "MAC diagnostics, control", 1, { offset: 0x042c0, count: 4 });
export const MPVC: Register = hidden("MPVC", 0x04318, "MAC parameters");
export const RUPPBMR: Register = hidden("RUPPBMR", 0x050a0, "82598: priority to packet buffer");
export const RFVAL: Register = hidden("RFVAL", 0x050a4, "receive filter diagnostics");
export const VMD_CTL: Register = hidden("VMD_CTL", 0x0581c, "82598: VMDq control");
export const IMIR: Register = hidden("IMIR", 0x05a80, "82598: immediate interrupts (IMIR, IMIREXT, IMIRVP)", 17);
export const TXBUFCTRL: Register = hidden("TXBUFCTRL", 0x0c600, "transmit buffer access");
export const TXBUFDATA: Register = hidden("TXBUFDATA", 0x0c610, "transmit buffer data", 4);
export const PBTXECC: Register = hidden("PBTXECC", 0x0c300, "transmit buffer ECC");
export const LBDRPEN: Register = hidden("LBDRPEN", 0x0ca00, "X540: loopback drop enable");
export const TIPG: Register = hidden("TIPG", 0x0cb00, "82598: transmit gap");
export const TXDBUECC: Register = hidden("TXDBUECC", 0x0cf70, "transmit data buffer ECC", 2);

/** What of the 82598's DCA_TXCTRL, TDSTAT and TIC_DW does not fall on a register of an 82599 queue. */
export const TX_DIAG: Register = hidden(
  "TX_DIAG",
  0x07214,
  "82598: transmit DMA diagnostics",
  1,
  { offset: 0x0721c, count: 3 },
  { offset: 0x0722c, count: 3 },
  { offset: 0x07c14, count: 1 },
  { offset: 0x07c1c, count: 2 },
  { offset: 0x07f14, count: 1 },
  { offset: 0x07f1c, count: 2 },
);

function hidden(
  name: string,
  offset: number,
  what: string,
  count = 1,
  ...more: readonly Omit<RegisterRange, "stride">[]
): Register {
  return absent(name, offset, `Not in the data sheet: ${what}.`, {
    access: "ro",
    count,
    more: more.map((range) => ({ ...range, stride: 4 })),
  });
}

const pcie = [CIAA, CIAD, PCIE_DIAG, PCIEECCCTL, CDQ_MBR, PCIESPARE, ECC_STATUS, MISC_REG, BARCTRL, ECC_CTRL];
const receive = [MSIX_PBA_82598, DROPEN, DRECCCTL, STARCTRL, RDSTAT, RIC_DW, RDPROBE, RDMAM];
const receiveBuffer = [PBRXECC, RXBUFCTRL, RXBUFDATA, RXDBUECC];
const mac = [MDIO_AUTOSCAN, MLADD, TREG, MDFTC, MPVC, RUPPBMR, RFVAL, VMD_CTL, IMIR];
const transmit = [TXBUFCTRL, TXBUFDATA, PBTXECC, LBDRPEN, TIPG, TXDBUECC, TX_DIAG];

export const UNDOCUMENTED_REGISTERS: readonly Register[] = [...pcie, ...receive, ...receiveBuffer, ...mac, ...transmit];
