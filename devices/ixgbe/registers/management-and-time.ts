/** Wake-up (data sheet 8.2.3.24), management filters (8.2.3.25) and time synchronization (8.2.3.26): not modelled. */

import { bit, bits, notModelled, type Register } from "../../../emulator/registers/declare.ts";
import { absent, stored } from "./shapes.ts";

const asleep = "Stored; the card never sleeps.";
export const WUC: Register = stored("WUC", 0x05800, `Wake-up control (8.2.3.24). ${asleep}`);
export const WUFC: Register = stored("WUFC", 0x05808, `Wake-up filter control (8.2.3.24). ${asleep}`);
export const WUS: Register = stored("WUS", 0x05810, "Wake-up status (8.2.3.24). Ones clear; nothing was ever woken.", {
  access: "w1c",
});
export const IPAV: Register = stored("IPAV", 0x05838, `Addresses valid (8.2.3.24). ${asleep}`);
export const IP4AT: Register = stored("IP4AT", 0x05840, `IPv4 addresses (8.2.3.24). ${asleep}`, {
  count: 4,
  stride: 8,
});
export const IP6AT: Register = stored("IP6AT", 0x05880, `IPv6 address (8.2.3.24). ${asleep}`, { count: 4 });
export const WUPL: Register = stored("WUPL", 0x05900, "Length of the packet that woke the card (8.2.3.24): none.", {
  access: "ro",
});
export const WUPM: Register = stored("WUPM", 0x05a00, "The packet that woke the card (8.2.3.24): none.", {
  access: "ro",
  count: 32,
});
export const FHFT: Register = stored("FHFT", 0x09000, `Flexible filters 0–3, 4–5 (8.2.3.24.9). ${asleep}`, {
  count: 256,
  more: [{ offset: 0x09800, count: 128, stride: 4 }],
});

export const MAVTV: Register = managed("MAVTV", 0x05010, "VLAN tags", 8);
export const MFUTP: Register = managed("MFUTP", 0x05030, "flexible ports", 8);
export const MANC: Register = managed("MANC", 0x05820, "control");
export const MFVAL: Register = managed("MFVAL", 0x05824, "filters valid");
export const MANC2H: Register = managed("MANC2H", 0x05860, "to the host too");
export const MDEF: Register = managed("MDEF", 0x05890, "decision filters", 8);
export const MDEF_EXT: Register = managed("MDEF_EXT", 0x05160, "decision filters, extended", 8);
export const MIPAF: Register = managed("MIPAF", 0x058b0, "addresses", 16);
export const MMAL: Register = managed("MMAL", 0x05910, "MAC address, low", 4, 8);
export const MMAH: Register = managed("MMAH", 0x05914, "MAC address, high", 4, 8);
export const METF: Register = managed("METF", 0x05190, "EtherTypes", 4);
export const FTFT: Register = managed("FTFT", 0x09400, "flexible TCO filter", 256);
export const LSWFW: Register = managed("LSWFW", 0x15014, "LinkSec, software and firmware");

/** Drivers look at EN before they send a command: 0, there is no firmware to take it. */
export const HICR: Register = stored("HICR", 0x15f00, "Host interface control, not in the data sheet. Off.", {
  fields: {
    EN: bit(0, "ro"),
    C: notModelled(bit(1), "no firmware takes the command, and C stays set"),
    SV: bit(2, "ro"),
    FW_RESET_ENABLE: bit(6),
    FW_RESET: bit(7),
  },
});
export const HSMC0R: Register = managed("HSMC0R", 0x15f04, "mailbox 0");
export const HSMC1R: Register = managed("HSMC1R", 0x15f08, "mailbox 1");
export const FWSTS: Register = stored("FWSTS", 0x15f0c, "Firmware status, not in the data sheet. It never resets.", {
  fields: { FWRI: bit(9, "w1c", "The firmware was reset.") },
});
export const SWSR: Register = managed("SWSR", 0x15f10, "software status");
export const HFDR: Register = managed("HFDR", 0x15fe8, "firmware debug");
export const FLEX_MNG: Register = managed("FLEX_MNG", 0x15800, "host interface buffer", 448);

/** Off after a reset; drivers write 0 to keep them so. */
const off = "Stored; writing 0 is fine, no frame is stamped.";
const clock = "The clock stands still.";

export const TSYNCRXCTL: Register = stored("TSYNCRXCTL", 0x05188, `Receive time stamps (8.2.3.26.1). ${off}`, {
  fields: {
    RXTT: bit(0, "ro"),
    TYPE: bits(3, 1),
    TSYNC_EN: notModelled(bit(4), "no received frame is stamped, and RXTT is never set"),
  },
});
export const RXSTMPL: Register = stamp("RXSTMPL", 0x051e8, "Receive time stamp, low (8.2.3.26)");
export const RXSTMPH: Register = stamp("RXSTMPH", 0x051a4, "Receive time stamp, high (8.2.3.26)");
export const RXSATRL: Register = stamp("RXSATRL", 0x051a0, "Receive time stamp attributes, low (8.2.3.26)");
export const RXSATRH: Register = stamp("RXSATRH", 0x051a8, "Receive time stamp attributes, high (8.2.3.26)");
export const RXMTRL: Register = stored("RXMTRL", 0x05120, `Message type to stamp (8.2.3.26). ${off}`, {
  fields: { CTRLT: bits(7, 0), MSGT: bits(15, 8), UDPT: bits(31, 16) },
  reset: 0x013f0000,
});
export const TSYNCTXCTL: Register = stored("TSYNCTXCTL", 0x08c00, `Transmit time stamps (8.2.3.26). ${off}`, {
  fields: {
    TXTT: bit(0, "ro"),
    TSYNC_EN: notModelled(bit(4), "no sent frame is stamped, and TXTT is never set"),
  },
});
export const TXSTMPL: Register = stamp("TXSTMPL", 0x08c04, "Transmit time stamp, low (8.2.3.26)");
export const TXSTMPH: Register = stamp("TXSTMPH", 0x08c08, "Transmit time stamp, high (8.2.3.26)");
export const SYSTIML: Register = absent("SYSTIML", 0x08c0c, `System time, low (8.2.3.26). ${clock}`);
export const SYSTIMH: Register = absent("SYSTIMH", 0x08c10, `System time, high (8.2.3.26). ${clock}`);
export const TIMINCA: Register = absent("TIMINCA", 0x08c14, `Clock increment (8.2.3.26). ${clock}`);
export const TIMADJL: Register = absent("TIMADJL", 0x08c18, `Clock adjustment, low (8.2.3.26). ${clock}`);
export const TIMADJH: Register = absent("TIMADJH", 0x08c1c, `Clock adjustment, high (8.2.3.26). ${clock}`);
export const TSAUXC: Register = stored("TSAUXC", 0x08c20, `Auxiliary control (8.2.3.26). ${off}`);
export const TRGTTIML: Register = absent("TRGTTIML", 0x08c24, `Target times 0, 1, low (8.2.3.26). ${clock}`, {
  count: 2,
  stride: 8,
});
export const TRGTTIMH: Register = absent("TRGTTIMH", 0x08c28, `Target times 0, 1, high (8.2.3.26). ${clock}`, {
  count: 2,
  stride: 8,
});
export const FREQOUT: Register = absent("FREQOUT", 0x08c34, `Clock outputs 0, 1, not in the data sheet. ${clock}`, {
  count: 2,
});
export const AUXSTMPL: Register = absent("AUXSTMPL", 0x08c3c, `Auxiliary time stamps 0, 1, low (8.2.3.26). ${clock}`, {
  access: "ro",
  count: 2,
  stride: 8,
});
export const AUXSTMPH: Register = absent("AUXSTMPH", 0x08c40, `Auxiliary time stamps 0, 1, high (8.2.3.26). ${clock}`, {
  access: "ro",
  count: 2,
  stride: 8,
});

function managed(name: string, offset: number, what: string, count = 1, stride = 4): Register {
  return absent(name, offset, `Management: ${what} (8.2.3.25). There is no controller.`, { count, stride });
}

function stamp(name: string, offset: number, what: string): Register {
  return stored(name, offset, `${what}. No frame is stamped.`, { access: "ro" });
}

const wakeUp = [WUC, WUFC, WUS, IPAV, IP4AT, IP6AT, WUPL, WUPM, FHFT];
const filters = [MAVTV, MFUTP, MANC, MFVAL, MANC2H, MDEF, MDEF_EXT, MIPAF, MMAL, MMAH, METF, FTFT];
const firmware = [LSWFW, HICR, HSMC0R, HSMC1R, FWSTS, SWSR, HFDR, FLEX_MNG];
const stamps = [TSYNCRXCTL, RXSTMPL, RXSTMPH, RXSATRL, RXSATRH, RXMTRL, TSYNCTXCTL, TXSTMPL, TXSTMPH];
const clocks = [SYSTIML, SYSTIMH, TIMINCA, TIMADJL, TIMADJH, TSAUXC, TRGTTIML, TRGTTIMH, FREQOUT, AUXSTMPL, AUXSTMPH];

export const MANAGEMENT_AND_TIME_REGISTERS: readonly Register[] = [
  ...wakeUp,
  ...filters,
  ...firmware,
  ...stamps,
  ...clocks,
];
