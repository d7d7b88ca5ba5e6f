/**
 * Virtualization (data sheet 8.2.3.27): there are no virtual functions and no pools. What drivers clear, or set for pool
 * 0 in passing, is stored quietly; the mailboxes and the switch between pools are features that somebody expects.
 */

import { bit, bits, notModelled, type Register } from "../../../emulator/registers/declare.ts";
import { absent, stored } from "./shapes.ts";

const pools = "Stored; writing 0 is fine, pools are not modelled.";

export const PFVTCTL: Register = stored("PFVTCTL", 0x051b0, `Virtualization control (8.2.3.27.1). ${pools}`, {
  fields: {
    VT_ENA: notModelled(bit(0), "there are no pools; FCTRL, RAL and RAH decide for all queues"),
    DEF_PL: bits(12, 7),
    DIS_DEF_POOL: bit(29),
    RPL_EN: bit(30),
  },
});
export const PFMAILBOX: Register = mailbox("PFMAILBOX", 0x04b00, "Mailbox of function n (8.2.3.27)", 64);
export const PFMBMEM: Register = mailbox("PFMBMEM", 0x13000, "Mailbox memory, 16 words a function (8.2.3.27)", 1024);
export const PFMBICR: Register = mailbox("PFMBICR", 0x00710, "Mailbox causes (8.2.3.27)", 4, "w1c");
export const PFMBIMR: Register = mailbox("PFMBIMR", 0x00720, "Mailbox mask (8.2.3.27)", 2);
export const PFVFLRE: Register = mailbox("PFVFLRE", 0x00600, "Functions 0–31 that were reset (8.2.3.27)", 1, "ro");
export const PFVFLRE_HIGH: Register = mailbox("PFVFLRE_HIGH", 0x001c0, "Functions 32–63 reset (8.2.3.27)", 1, "ro");
export const PFVFLREC: Register = mailbox("PFVFLREC", 0x00700, "Resets acknowledged (8.2.3.27)", 2, "w1c");
export const PFVFRE: Register = pool("PFVFRE", 0x051e0, "Receive enable of functions (8.2.3.27)", 2);
export const PFVFTE: Register = pool("PFVFTE", 0x08110, "Transmit enable of functions (8.2.3.27)", 2);
export const PFQDE: Register = pool("PFQDE", 0x02f04, "Queue drop enable (8.2.3.27)", 1);
export const PFVMTXSW: Register = pool("PFVMTXSW", 0x05180, "Transmit switch enable (8.2.3.27)", 2);
export const PFVFSPOOF: Register = pool("PFVFSPOOF", 0x08200, "Anti-spoofing (8.2.3.27)", 8);
export const PFDTXGSWC: Register = pool("PFDTXGSWC", 0x08220, "Local loopback of the switch (8.2.3.27)", 1);
export const PFVMECM: Register = pool("PFVMECM", 0x08790, "Error counter mask (8.2.3.27)", 2);
export const PFVMVIR: Register = pool("PFVMVIR", 0x08000, "Tag insertion of pool n (8.2.3.27)", 64);

/** Written for pool 0 by drivers without virtualization too; FCTRL decides then. */
export const PFVML2FLT: Register = stored("PFVML2FLT", 0x0f000, `L2 control of pool n (8.2.3.27.14). ${pools}`, {
  count: 64,
  fields: {
    AUPE: bit(24, "rw", "Accept untagged."),
    ROMPE: bit(25, "rw", "Accept what is in MTA."),
    ROPE: bit(26, "rw", "Accept what is in PFUTA."),
    BAM: bit(27, "rw", "Accept broadcast."),
    MPE: bit(28, "rw", "Multicast promiscuous."),
  },
});
export const PFVLVF: Register = stored("PFVLVF", 0x0f100, `VLAN pool filter (8.2.3.27.15). ${pools}`, {
  count: 64,
  fields: { VLAN_ID: bits(11, 0), VI_EN: bit(31) },
});
export const PFVLVFB: Register = pool("PFVLVFB", 0x0f200, "Pools of VLAN filter n / 2 (8.2.3.27.16)", 128);
export const PFUTA: Register = pool("PFUTA", 0x0f400, "Unicast table (8.2.3.27.17)", 128);
export const PFMRCTL: Register = mirror("PFMRCTL", 0x0f600, "Mirror rule n", 4);
export const PFMRVLAN: Register = mirror("PFMRVLAN", 0x0f610, "VLANs of the mirror rules", 8);
export const PFMRVM: Register = mirror("PFMRVM", 0x0f630, "Pools of the mirror rules", 8);
export const WQBR_RX: Register = mirror("WQBR_RX", 0x02fb0, "Wrong receive queue behaviour", 4);
export const WQBR_TX: Register = mirror("WQBR_TX", 0x08130, "Wrong transmit queue behaviour", 4);

function pool(name: string, offset: number, what: string, count: number): Register {
  return stored(name, offset, `${what}. ${pools}`, { count });
}

function mailbox(
  name: string,
  offset: number,
  what: string,
  count: number,
  access: "rw" | "ro" | "w1c" = "rw",
): Register {
  return absent(name, offset, `${what}. There are no virtual functions.`, { count, access });
}

function mirror(name: string, offset: number, what: string, count: number): Register {
  return absent(name, offset, `${what} (8.2.3.27). There is no switch between pools.`, { count });
}

const mailboxes = [PFVTCTL, PFMAILBOX, PFMBMEM, PFMBICR, PFMBIMR, PFVFLRE, PFVFLRE_HIGH, PFVFLREC];
const functions = [PFVFRE, PFVFTE, PFQDE, PFVMTXSW, PFVFSPOOF, PFDTXGSWC, PFVMECM, PFVMVIR];
const poolFilters = [PFVML2FLT, PFVLVF, PFVLVFB, PFUTA];
const mirrors = [PFMRCTL, PFMRVLAN, PFMRVM, WQBR_RX, WQBR_TX];

export const VIRTUALIZATION_REGISTERS: readonly Register[] = [...mailboxes, ...functions, ...poolFilters, ...mirrors];
