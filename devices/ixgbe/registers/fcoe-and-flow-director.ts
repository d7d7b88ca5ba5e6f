/** FCoE (data sheet 8.2.3.20) and Flow Director (8.2.3.21): neither is modelled. */

import { bit, bits, type Register } from "../../../emulator/registers/declare.ts";
import { absent, counter, stored } from "./shapes.ts";

/** Frame formats and receive control are set up by drivers that never see an FCoE frame. */
export const TSOFF: Register = fcoeSetup("TSOFF", 0x04a98, "transmit start of frame");
export const TEOFF: Register = fcoeSetup("TEOFF", 0x04a94, "transmit end of frame");
export const RSOFF: Register = fcoeSetup("RSOFF", 0x051f8, "receive start of frame");
export const REOFF: Register = fcoeSetup("REOFF", 0x05158, "receive end of frame");
export const FCRXCTRL: Register = fcoeSetup("FCRXCTRL", 0x05100, "receive control");
export const FCRECTL: Register = fcoeSetup("FCRECTL", 0x0ed00, "redirection control");
export const FCRETA: Register = fcoeSetup("FCRETA", 0x0ed10, "redirection table", 8);

export const FCPTRL: Register = ddp("FCPTRL", 0x02410, "user descriptors, low");
export const FCPTRH: Register = ddp("FCPTRH", 0x02414, "user descriptors, high");
export const FCBUFF: Register = ddp("FCBUFF", 0x02418, "buffer control");
export const FCDMARW: Register = ddp("FCDMARW", 0x02420, "DMA context access");
export const FCFLT: Register = ddp("FCFLT", 0x05108, "filter context");
export const FCFLTRW: Register = ddp("FCFLTRW", 0x05110, "filter context access");
export const FCPARAM: Register = ddp("FCPARAM", 0x051d8, "offset parameter");

/** INIT_DONE is set from the start: the table that is not there needs no time to come up. */
export const FDIRCTRL: Register = director("FDIRCTRL", 0x0ee00, "control (8.2.3.21.1)", {
  fields: {
    PBALLOC: bits(1, 0),
    INIT_DONE: bit(3, "ro"),
    PERFECT_MATCH: bit(4),
    REPORT_STATUS: bit(5),
    REPORT_STATUS_ALWAYS: bit(7),
    DROP_QUEUE: bits(14, 8),
    FLEX_OFFSET: bits(20, 16),
    MAX_LENGTH: bits(27, 24),
    FULL_THRESH: bits(31, 28),
  },
  reset: 0x00000008,
});
export const FDIRHKEY: Register = director("FDIRHKEY", 0x0ee68, "bucket hash key (8.2.3.21.2)", { reset: 0x80000001 });
export const FDIRSKEY: Register = director("FDIRSKEY", 0x0ee6c, "signature key (8.2.3.21.3)", { reset: 0x80800101 });
export const FDIRDIP4M: Register = director("FDIRDIP4M", 0x0ee3c, "destination IPv4 mask (8.2.3.21.4)");
export const FDIRSIP4M: Register = director("FDIRSIP4M", 0x0ee40, "source IPv4 mask (8.2.3.21.5)");
export const FDIRTCPM: Register = director("FDIRTCPM", 0x0ee44, "TCP mask (8.2.3.21.6)");
export const FDIRUDPM: Register = director("FDIRUDPM", 0x0ee48, "UDP mask (8.2.3.21.7)");
export const FDIRIP6M: Register = director("FDIRIP6M", 0x0ee74, "IPv6 mask (8.2.3.21.8)");
export const FDIRM: Register = director("FDIRM", 0x0ee70, "other mask (8.2.3.21.9)");
export const FDIRSCTPM: Register = director("FDIRSCTPM", 0x0ee78, "SCTP mask, only in later cards' data sheets");
export const FDIRFREE: Register = director("FDIRFREE", 0x0ee38, "free filters (8.2.3.21.10)");
export const FDIRLEN: Register = directorCounter("FDIRLEN", 0x0ee4c, "list lengths (8.2.3.21.11)");
export const FDIRUSTAT: Register = directorCounter("FDIRUSTAT", 0x0ee50, "usage (8.2.3.21.12)");
export const FDIRFSTAT: Register = directorCounter("FDIRFSTAT", 0x0ee54, "failed usage (8.2.3.21.13)");
export const FDIRMATCH: Register = directorCounter("FDIRMATCH", 0x0ee58, "matches (8.2.3.21.14)");
export const FDIRMISS: Register = directorCounter("FDIRMISS", 0x0ee5c, "misses (8.2.3.21.15)");
export const FDIRSIPV6: Register = director("FDIRSIPV6", 0x0ee0c, "source IPv6 (8.2.3.21.16)", { count: 3 });
export const FDIRIPSA: Register = director("FDIRIPSA", 0x0ee18, "source address (8.2.3.21.17)");
export const FDIRIPDA: Register = director("FDIRIPDA", 0x0ee1c, "destination address (8.2.3.21.18)");
export const FDIRPORT: Register = director("FDIRPORT", 0x0ee20, "ports (8.2.3.21.19)");
export const FDIRVLAN: Register = director("FDIRVLAN", 0x0ee24, "VLAN and flexible bytes (8.2.3.21.20)");
export const FDIRHASH: Register = director("FDIRHASH", 0x0ee28, "hash signature (8.2.3.21.21)");

/** CMD reads as 0: the command is over, though there was no table to apply it to. */
export const FDIRCMD: Register = director("FDIRCMD", 0x0ee2c, "command (8.2.3.21.22)", {
  fields: {
    CMD: bits(1, 0, "wo"),
    FILTER_VALID: bit(2, "ro"),
    FILTER_UPDATE: bit(3),
    IPV6_DMATCH: bit(4),
    L4TYPE: bits(6, 5),
    IPV6: bit(7),
    CLEARHT: bit(8),
    DROP: bit(9),
    INT: bit(10),
    LAST: bit(11),
    COLLISION: bit(12),
    QUEUE_EN: bit(15),
    RX_QUEUE: bits(22, 16),
    POOL: bits(29, 24),
  },
});

type Extra = Parameters<typeof absent>[3];

function fcoeSetup(name: string, offset: number, what: string, count = 1): Register {
  return stored(name, offset, `FCoE ${what} (8.2.3.20). Stored; FCoE is not modelled.`, { count });
}

function ddp(name: string, offset: number, what: string): Register {
  return absent(name, offset, `FCoE direct data placement, ${what} (8.2.3.20). Not modelled.`);
}

function director(name: string, offset: number, what: string, extra: Extra = {}): Register {
  return absent(name, offset, `Flow Director ${what}. No filter ever matches.`, extra);
}

/** Drivers read these with the other statistics, whether they use the filters or not. */
function directorCounter(name: string, offset: number, what: string): Register {
  return counter(name, offset, `Flow Director ${what}. Always 0: no filter is modelled.`, { modelled: "partly" });
}

const fcoe = [TSOFF, TEOFF, RSOFF, REOFF, FCRXCTRL, FCRECTL, FCRETA];
const placement = [FCPTRL, FCPTRH, FCBUFF, FCDMARW, FCFLT, FCFLTRW, FCPARAM];
const masks = [FDIRDIP4M, FDIRSIP4M, FDIRTCPM, FDIRUDPM, FDIRIP6M, FDIRM, FDIRSCTPM];
const usage = [FDIRFREE, FDIRLEN, FDIRUSTAT, FDIRFSTAT, FDIRMATCH, FDIRMISS];
const filter = [FDIRSIPV6, FDIRIPSA, FDIRIPDA, FDIRPORT, FDIRVLAN, FDIRHASH, FDIRCMD];

export const FCOE_AND_FLOW_DIRECTOR_REGISTERS: readonly Register[] = [
  ...fcoe,
  ...placement,
  FDIRCTRL,
  FDIRHKEY,
  FDIRSKEY,
  ...masks,
  ...usage,
  ...filter,
];
