/**
 * Security (data sheet 8.2.3.12), LinkSec (8.2.3.13–8.2.3.17) and IPsec (8.2.3.18). The card says in SECTXSTAT and
 * SECRXSTAT that its crypto engines are disabled by fuse, as they are in the parts sold without them. A driver that looks
 * there leaves the tables alone; one that does not gets storage, and is told so.
 */

import { bit, bits, type Register } from "../../../emulator/registers/declare.ts";
import { absent, counter, type FieldedRegister, fielded, stored } from "./shapes.ts";

export const SECTXCTRL: FieldedRegister<"SECTX_DIS" | "TX_DIS"> = fielded("SECTXCTRL", {
  offset: 0x08800,
  access: "rw",
  fields: {
    SECTX_DIS: bit(0, "ro", "No offload; read-only because the engine is disabled by fuse."),
    TX_DIS: bit(1, "rw", "Stop the path, which SECTXSTAT.SECTX_RDY confirms. Stored: nothing stops here."),
    STORE_FORWARD: bit(2),
  },
  reset: 0x00000001,
  modelled: "partly",
  about: "Security transmit control (8.2.3.12.1). There is no offload.",
});

export const SECTXSTAT: FieldedRegister<"SECTX_RDY" | "SECTX_OFF_DIS"> = fielded("SECTXSTAT", {
  offset: 0x08804,
  access: "ro",
  fields: {
    SECTX_RDY: bit(0, "ro", "The path is empty and the mode may be changed."),
    SECTX_OFF_DIS: bit(1, "ro", "Disabled by fuse."),
    ECC_TXERR: bit(2),
  },
  reset: 0x00000003,
  modelled: "partly",
  about: "Security transmit status (8.2.3.12.2). Ready, and without offload.",
});

export const SECTXBUFFAF: Register = stored(
  "SECTXBUFFAF",
  0x08808,
  "Security buffer almost full (8.2.3.12.3). Stored.",
  {
    fields: { FULLTHRESH: bits(9, 0) },
    reset: 0x00000250,
  },
);

export const SECTXMINIFG: Register = stored("SECTXMINIFG", 0x08810, "Security minimum gap (8.2.3.12.4). Stored.", {
  fields: { MINSECIFG: bits(3, 0), MRKTRINSERT: bits(18, 8) },
  reset: 0x00001001,
});

export const SECRXCTRL: FieldedRegister<"SECRX_DIS" | "RX_DIS"> = fielded("SECRXCTRL", {
  offset: 0x08d00,
  access: "rw",
  fields: {
    SECRX_DIS: bit(0, "ro", "No offload; read-only because the engine is disabled by fuse."),
    RX_DIS: bit(1, "rw", "Stop the receive path, which SECRXSTAT.SECRX_RDY confirms. Stored: nothing stops here."),
  },
  reset: 0x00000001,
  modelled: "partly",
  about: "Security receive control (8.2.3.12.5). There is no offload.",
});

export const SECRXSTAT: FieldedRegister<"SECRX_RDY" | "SECRX_OFF_DIS"> = fielded("SECRXSTAT", {
  offset: 0x08d04,
  access: "ro",
  fields: {
    SECRX_RDY: bit(0, "ro", "The path is empty and the mode may be changed."),
    SECRX_OFF_DIS: bit(1, "ro", "Disabled by fuse."),
    ECC_RXERR: bit(2),
  },
  reset: 0x00000003,
  modelled: "partly",
  about: "Security receive status (8.2.3.12.6). Ready, and without offload.",
});

export const LSECTXCAP: Register = linkSec("LSECTXCAP", 0x08a00, "transmit capabilities (8.2.3.13.1)", {
  access: "ro",
});
export const LSECRXCAP: Register = linkSec("LSECRXCAP", 0x08f00, "receive capabilities (8.2.3.13.2)", { access: "ro" });
export const LSECTXCTRL: Register = linkSec("LSECTXCTRL", 0x08a04, "transmit control (8.2.3.13.3)");
export const LSECRXCTRL: Register = linkSec("LSECRXCTRL", 0x08f04, "receive control (8.2.3.13.4)");
export const LSECTXSCL: Register = linkSec("LSECTXSCL", 0x08a08, "transmit SCI, low (8.2.3.13.5)");
export const LSECTXSCH: Register = linkSec("LSECTXSCH", 0x08a0c, "transmit SCI, high (8.2.3.13.6)");
export const LSECTXSA: Register = linkSec("LSECTXSA", 0x08a10, "transmit SA (8.2.3.13.7)");
export const LSECTXPN0: Register = linkSec("LSECTXPN0", 0x08a14, "transmit packet number 0 (8.2.3.13.8)");
export const LSECTXPN1: Register = linkSec("LSECTXPN1", 0x08a18, "transmit packet number 1 (8.2.3.13.9)");
export const LSECTXKEY0: Register = linkSec("LSECTXKEY0", 0x08a1c, "transmit key 0 (8.2.3.13.10)", { count: 4 });
export const LSECTXKEY1: Register = linkSec("LSECTXKEY1", 0x08a2c, "transmit key 1 (8.2.3.13.11)", { count: 4 });
export const LSECRXSCL: Register = linkSec("LSECRXSCL", 0x08f08, "receive SCI, low (8.2.3.13.12)");
export const LSECRXSCH: Register = linkSec("LSECRXSCH", 0x08f0c, "receive SCI, high (8.2.3.13.13)");
export const LSECRXSA: Register = linkSec("LSECRXSA", 0x08f10, "receive SA (8.2.3.13.14)", { count: 2 });
export const LSECRXPN: Register = linkSec("LSECRXPN", 0x08f18, "receive packet number (8.2.3.13.15)", { count: 2 });
export const LSECRXKEY: Register = linkSec("LSECRXKEY", 0x08f20, "receive keys 0, 1 (8.2.3.13.16)", { count: 8 });

export const LSECTXUT: Register = linkSecCounter("LSECTXUT", 0x08a3c, "Untagged sent (8.2.3.14.1)");
export const LSECTXPKTE: Register = linkSecCounter("LSECTXPKTE", 0x08a40, "Encrypted sent (8.2.3.14.2)");
export const LSECTXPKTP: Register = linkSecCounter("LSECTXPKTP", 0x08a44, "Protected sent (8.2.3.14.3)");
export const LSECTXOCTE: Register = linkSecCounter("LSECTXOCTE", 0x08a48, "Encrypted octets sent (8.2.3.14.4)");
export const LSECTXOCTP: Register = linkSecCounter("LSECTXOCTP", 0x08a4c, "Protected octets sent (8.2.3.14.5)");
export const LSECRXUT: Register = linkSecCounter("LSECRXUT", 0x08f40, "Untagged received (8.2.3.15)");
export const LSECRXOCTE: Register = linkSecCounter("LSECRXOCTE", 0x08f44, "Octets decrypted (8.2.3.15)");
export const LSECRXOCTP: Register = linkSecCounter("LSECRXOCTP", 0x08f48, "Octets validated (8.2.3.15)");
export const LSECRXBAD: Register = linkSecCounter("LSECRXBAD", 0x08f4c, "With a bad tag (8.2.3.15)");
export const LSECRXNOSCI: Register = linkSecCounter("LSECRXNOSCI", 0x08f50, "Without SCI (8.2.3.15)");
export const LSECRXUNSCI: Register = linkSecCounter("LSECRXUNSCI", 0x08f54, "Of unknown SCI (8.2.3.15)");
export const LSECRXUC: Register = linkSecCounter("LSECRXUC", 0x08f58, "Unchecked (8.2.3.15)");
export const LSECRXDELAY: Register = linkSecCounter("LSECRXDELAY", 0x08f5c, "Delayed (8.2.3.15)");
export const LSECRXLATE: Register = linkSecCounter("LSECRXLATE", 0x08f60, "Late (8.2.3.15)");
export const LSECRXOK: Register = linkSecCounter("LSECRXOK", 0x08f64, "In order (8.2.3.16)", 2);
export const LSECRXINV: Register = linkSecCounter("LSECRXINV", 0x08f6c, "Invalid (8.2.3.16)", 2);
export const LSECRXNV: Register = linkSecCounter("LSECRXNV", 0x08f74, "Not valid (8.2.3.16)", 2);
export const LSECRXUNSA: Register = linkSecCounter("LSECRXUNSA", 0x08f7c, "Of an unused SA (8.2.3.17)");
export const LSECRXNUSA: Register = linkSecCounter("LSECRXNUSA", 0x08f80, "Not using an SA (8.2.3.17)");

/** READ and WRITE read as 0: the command is over, though no table was there to be read or written. */
const ipsecTable = { READ: bit(30, "wo"), WRITE: bit(31, "wo") };
export const IPSTXIDX: Register = ipsec("IPSTXIDX", 0x08900, "transmit index", {
  fields: { IPS_TX_EN: bit(0), SA_IDX: bits(12, 3), ...ipsecTable },
});
export const IPSTXSALT: Register = ipsec("IPSTXSALT", 0x08904, "transmit salt");
export const IPSTXKEY: Register = ipsec("IPSTXKEY", 0x08908, "transmit key", { count: 4 });
export const IPSRXIDX: Register = ipsec("IPSRXIDX", 0x08e00, "receive index", {
  fields: { IPS_RX_EN: bit(0), TABLE: bits(2, 1), TB_IDX: bits(12, 3), ...ipsecTable },
});
export const IPSRXIPADDR: Register = ipsec("IPSRXIPADDR", 0x08e04, "receive address", { count: 4 });
export const IPSRXSPI: Register = ipsec("IPSRXSPI", 0x08e14, "receive SPI");
export const IPSRXIPIDX: Register = ipsec("IPSRXIPIDX", 0x08e18, "receive address index");
export const IPSRXKEY: Register = ipsec("IPSRXKEY", 0x08e1c, "receive key", { count: 4 });
export const IPSRXSALT: Register = ipsec("IPSRXSALT", 0x08e2c, "receive salt");
export const IPSRXMOD: Register = ipsec("IPSRXMOD", 0x08e30, "receive mode");

type Extra = Parameters<typeof absent>[3];

function linkSec(name: string, offset: number, what: string, extra: Extra = {}): Register {
  return absent(name, offset, `LinkSec ${what}. LinkSec is not modelled.`, extra);
}

/** Right as they are, at 0: poll mode drivers read them with all the others, whether LinkSec is on or not. */
function linkSecCounter(name: string, offset: number, what: string, count = 1): Register {
  return counter(name, offset, `LinkSec: ${what}: none.`, { count, modelled: "partly" });
}

function ipsec(name: string, offset: number, what: string, extra: Extra = {}): Register {
  return absent(name, offset, `IPsec ${what} (8.2.3.18). IPsec is not modelled.`, extra);
}

const paths = [SECTXCTRL, SECTXSTAT, SECTXBUFFAF, SECTXMINIFG, SECRXCTRL, SECRXSTAT];
const linkSecTransmit = [LSECTXCAP, LSECTXCTRL, LSECTXSCL, LSECTXSCH, LSECTXSA, LSECTXPN0, LSECTXPN1];
const linkSecKeys = [LSECTXKEY0, LSECTXKEY1, LSECRXKEY];
const linkSecReceive = [LSECRXCAP, LSECRXCTRL, LSECRXSCL, LSECRXSCH, LSECRXSA, LSECRXPN];
const linkSecSent = [LSECTXUT, LSECTXPKTE, LSECTXPKTP, LSECTXOCTE, LSECTXOCTP];
const linkSecTags = [LSECRXUT, LSECRXOCTE, LSECRXOCTP, LSECRXBAD, LSECRXNOSCI, LSECRXUNSCI];
const linkSecReceived = [LSECRXUC, LSECRXDELAY, LSECRXLATE, LSECRXOK, LSECRXINV, LSECRXNV, LSECRXUNSA, LSECRXNUSA];
const ipsecTransmit = [IPSTXIDX, IPSTXKEY, IPSTXSALT];
const ipsecReceive = [IPSRXIDX, IPSRXIPADDR, IPSRXSPI, IPSRXIPIDX, IPSRXKEY, IPSRXSALT, IPSRXMOD];

export const SECURITY_REGISTERS: readonly Register[] = [
  ...paths,
  ...linkSecTransmit,
  ...linkSecKeys,
  ...linkSecReceive,
  ...linkSecSent,
  ...linkSecTags,
  ...linkSecReceived,
  ...ipsecTransmit,
  ...ipsecReceive,
];
