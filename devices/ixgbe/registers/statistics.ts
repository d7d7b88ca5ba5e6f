/**
 * Statistics (data sheet 8.2.3.23). All counters are cleared by a read and stay at their largest value. Octet counters
 * have 36 bits: the low half must be read first, and reading the high half clears both. A table cannot say that of two
 * registers, so the high halves are read-to-clear and the device clears the low half after that read.
 */

import { bit, bits, type Register, register } from "../../../emulator/registers/declare.ts";
import { counter, counterLow, type FieldedRegister, fielded, stored } from "./shapes.ts";

const eight = { count: 8 };
/** Counters of a thing that the model never does: right as they are, at 0. */
const never = { modelled: "partly" } as const;
/** The data sheet types the receive size bins RW, though a read clears them as all the others. */
const writable = { access: ["rw", "rc"], owner: "both" } as const;
/** The upper 4 bits of a 36-bit counter. */
const high = { fields: { HIGH: bits(3, 0) } };
const neverHigh = { ...never, ...high };
/** One for each of the 16 statistics counter sets that RQSMR and TQSM map queues to. */
const sets = { count: 16, stride: 0x40 };

export const CRCERRS: Register = counter("CRCERRS", 0x04000, "CRC errors (8.2.3.23.1), in frames of 64 bytes or more.");
export const ILLERRC: Register = counter("ILLERRC", 0x04004, "Illegal byte errors (8.2.3.23.2). None occur.", never);
export const ERRBC: Register = counter("ERRBC", 0x04008, "Error bytes (8.2.3.23.3). None occur.", never);
export const RXMPC: Register = counter("RXMPC", 0x03fa0, "Missed packets, by packet buffer (8.2.3.23.4).", eight);
export const MLFC: Register = counter("MLFC", 0x04034, "MAC local faults (8.2.3.23.5). None occur.", never);
export const MRFC: Register = counter("MRFC", 0x04038, "MAC remote faults (8.2.3.23.6). None occur.", never);
export const RLEC: Register = counter("RLEC", 0x04040, "Receive length errors (8.2.3.23.7).");
export const SSVPC: Register = counter("SSVPC", 0x08780, "Switch security violations (8.2.3.23.8): none.", never);
export const LXONTXC: Register = counter("LXONTXC", 0x03f60, "Link XON sent (8.2.3.23.9): none.", never);
export const LXONRXCNT: Register = counter("LXONRXCNT", 0x041a4, "Link XON received (8.2.3.23.10): none.", never);
export const LXOFFTXC: Register = counter("LXOFFTXC", 0x03f68, "Link XOFF sent (8.2.3.23.11): none.", never);
export const LXOFFRXCNT: Register = counter("LXOFFRXCNT", 0x041a8, "Link XOFF received (8.2.3.23.12): none.", never);
export const PXONTXC: Register = priority("PXONTXC", 0x03f00, "Priority XON sent (8.2.3.23.13): none.");
export const PXONRXCNT: Register = priority("PXONRXCNT", 0x04140, "Priority XON received (8.2.3.23.14): none.");
export const PXOFFTXCNT: Register = priority("PXOFFTXCNT", 0x03f20, "Priority XOFF sent (8.2.3.23.15): none.");
export const PXOFFRXCNT: Register = priority("PXOFFRXCNT", 0x04160, "Priority XOFF received (8.2.3.23.16): none.");
export const PXON2OFFCNT: Register = priority("PXON2OFFCNT", 0x03240, "Priority XON to XOFF (8.2.3.23.17): none.");
export const PRC64: Register = counter("PRC64", 0x0405c, "Packets received of 64 bytes (8.2.3.23.18).", writable);
export const PRC127: Register = counter("PRC127", 0x04060, "Packets received of 65–127 bytes (8.2.3.23.19).", writable);
export const PRC255: Register = counter(
  "PRC255",
  0x04064,
  "Packets received of 128–255 bytes (8.2.3.23.20).",
  writable,
);
export const PRC511: Register = counter(
  "PRC511",
  0x04068,
  "Packets received of 256–511 bytes (8.2.3.23.21).",
  writable,
);
export const PRC1023: Register = counter(
  "PRC1023",
  0x0406c,
  "Packets received of 512–1,023 bytes (8.2.3.23.22).",
  writable,
);
export const PRC1522: Register = counter(
  "PRC1522",
  0x04070,
  "Packets received of 1,024 bytes and more (8.2.3.23.23).",
  writable,
);
export const BPRC: Register = counter("BPRC", 0x04078, "Broadcast packets received (8.2.3.23.24).");
export const MPRC: Register = counter("MPRC", 0x0407c, "Multicast packets received (8.2.3.23.25).");
export const GPRC: Register = counter("GPRC", 0x04074, "Good packets received (8.2.3.23.26).");
export const GORCL: Register = counterLow("GORCL", 0x04088, "Good octets received, low (8.2.3.23.27).");
export const GORCH: Register = counter("GORCH", 0x0408c, "Good octets received, high (8.2.3.23.28).", high);

export const RXNFGPC: Register = counter("RXNFGPC", 0x041b0, "Good received, before filters (8.2.3.23.29).");
export const RXNFGBCL: Register = counterLow("RXNFGBCL", 0x041b4, "Octets of RXNFGPC, low (8.2.3.23.30).");
export const RXNFGBCH: Register = counter("RXNFGBCH", 0x041b8, "Octets of RXNFGPC, high (8.2.3.23.31).", high);
export const RXDGPC: Register = counter("RXDGPC", 0x02f50, "Good packets written to host memory (8.2.3.23.32).");
export const RXDGBCL: Register = counterLow("RXDGBCL", 0x02f54, "Octets of RXDGPC, low (8.2.3.23.33).");
export const RXDGBCH: Register = counter("RXDGBCH", 0x02f58, "Octets of RXDGPC, high (8.2.3.23.34).", high);
export const RXDDPC: Register = counter("RXDDPC", 0x02f5c, "Replicated for another pool (8.2.3.23.35): none.", never);
export const RXDDBCL: Register = counterLow("RXDDBCL", 0x02f60, "Octets of RXDDPC, low (8.2.3.23.36): none.", never);
export const RXDDBCH: Register = counter("RXDDBCH", 0x02f64, "Octets of RXDDPC, high (8.2.3.23.37): none.", neverHigh);
export const RXLPBKPC: Register = counter("RXLPBKPC", 0x02f68, "From a local pool (8.2.3.23.38): none.", never);
export const RXLPBKBCL: Register = counterLow(
  "RXLPBKBCL",
  0x02f6c,
  "Octets of RXLPBKPC, low (8.2.3.23.39): none.",
  never,
);
export const RXLPBKBCH: Register = counter(
  "RXLPBKBCH",
  0x02f70,
  "Octets of RXLPBKPC, high (8.2.3.23.40): none.",
  neverHigh,
);
export const RXDLPBKPC: Register = counter("RXDLPBKPC", 0x02f74, "Those replicated (8.2.3.23.41): none.", never);
export const RXDLPBKBCL: Register = counterLow(
  "RXDLPBKBCL",
  0x02f78,
  "Octets of RXDLPBKPC, low (8.2.3.23.42): none.",
  never,
);
export const RXDLPBKBCH: Register = counter(
  "RXDLPBKBCH",
  0x02f7c,
  "Octets of RXDLPBKPC, high (8.2.3.23.43): none.",
  neverHigh,
);

export const GPTC: Register = counter("GPTC", 0x04080, "Good packets transmitted (8.2.3.23.44).");
export const GOTCL: Register = counterLow("GOTCL", 0x04090, "Good octets transmitted, low (8.2.3.23.45).");
export const GOTCH: Register = counter("GOTCH", 0x04094, "Good octets transmitted, high (8.2.3.23.46).", high);
export const TXDGPC: Register = counter("TXDGPC", 0x087a0, "Good packets read from host memory (8.2.3.23.47).");
export const TXDGBCL: Register = counterLow("TXDGBCL", 0x087a4, "Octets of TXDGPC, low (8.2.3.23.48).");
export const TXDGBCH: Register = counter("TXDGBCH", 0x087a8, "Octets of TXDGPC, high (8.2.3.23.49).", high);
export const RUC: Register = counter("RUC", 0x040a4, "Undersize: short, with a good CRC (8.2.3.23.50).");
export const RFC: Register = counter("RFC", 0x040a8, "Fragments: short, with a bad CRC (8.2.3.23.51).");
export const ROC: Register = counter("ROC", 0x040ac, "Oversize: longer than MAXFRS, with a good CRC (8.2.3.23.52).");
export const RJC: Register = counter("RJC", 0x040b0, "Jabber: longer than MAXFRS, with a bad CRC (8.2.3.23.53).");
export const MNGPRC: Register = counter("MNGPRC", 0x040b4, "Received for management (8.2.3.23.54): none.", never);
export const MNGPDC: Register = counter("MNGPDC", 0x040b8, "Dropped for management (8.2.3.23.55): none.", never);
export const MNGPTC: Register = counter("MNGPTC", 0x0cf90, "Sent by management (8.2.3.23.56): none.", never);
export const TORL: Register = counterLow("TORL", 0x040c0, "Total octets received, low (8.2.3.23.57).");
export const TORH: Register = counter("TORH", 0x040c4, "Total octets received, high (8.2.3.23.58).", high);
export const TPR: Register = counter("TPR", 0x040d0, "Total packets received (8.2.3.23.59).");
export const TPT: Register = counter("TPT", 0x040d4, "Total packets transmitted (8.2.3.23.60).");
export const PTC64: Register = counter("PTC64", 0x040d8, "Packets transmitted of 64 bytes (8.2.3.23.61).");
export const PTC127: Register = counter("PTC127", 0x040dc, "Packets transmitted of 65–127 bytes (8.2.3.23.62).");
export const PTC255: Register = counter("PTC255", 0x040e0, "Packets transmitted of 128–255 bytes (8.2.3.23.63).");
export const PTC511: Register = counter("PTC511", 0x040e4, "Packets transmitted of 256–511 bytes (8.2.3.23.64).");
export const PTC1023: Register = counter("PTC1023", 0x040e8, "Packets transmitted of 512–1,023 bytes (8.2.3.23.65).");
export const PTC1522: Register = counter(
  "PTC1522",
  0x040ec,
  "Packets transmitted of 1,024 bytes and more (8.2.3.23.66).",
);
export const MPTC: Register = counter("MPTC", 0x040f0, "Multicast packets transmitted (8.2.3.23.67).");
export const BPTC: Register = counter("BPTC", 0x040f4, "Broadcast packets transmitted (8.2.3.23.68).");
export const MSPDC: Register = counter("MSPDC", 0x04010, "MAC short packets discarded (8.2.3.23.69).");
export const XEC: Register = counter("XEC", 0x04120, "Packets with a wrong IP, TCP or UDP checksum (8.2.3.23).");

type QueueMap = "Q_MAP0" | "Q_MAP1" | "Q_MAP2" | "Q_MAP3";
const queueMap = {
  count: 32,
  access: "rw",
  fields: { Q_MAP0: bits(3, 0), Q_MAP1: bits(11, 8), Q_MAP2: bits(19, 16), Q_MAP3: bits(27, 24) },
} as const;

export const RQSMR: FieldedRegister<QueueMap> = fielded("RQSMR", {
  offset: 0x02300,
  ...queueMap,
  about: "Counter set of receive queues 4n…4n + 3 (8.2.3.23.71).",
});

export const RXDSTATCTRL: Register = stored(
  "RXDSTATCTRL",
  0x02f40,
  "Which queues RXDGPC counts (8.2.3.23.72). Stored; all queues are counted.",
  { fields: { QSEL: bits(4, 0), QSEL_ALL: bit(5) } },
);

export const TQSM: FieldedRegister<QueueMap> = fielded("TQSM", {
  offset: 0x08600,
  ...queueMap,
  about: "Counter set of transmit queues 4n…4n + 3 (8.2.3.23.73).",
});

export const QPRC: Register = counter("QPRC", 0x01030, "Packets received, by counter set (8.2.3.23.74).", sets);
export const QPRDC: Register = counter("QPRDC", 0x01430, "Dropped for want of a descriptor (8.2.3.23.75).", sets);
export const QBRC_L: Register = counterLow("QBRC_L", 0x01034, "Octets received, low (8.2.3.23.76).", sets);
export const QBRC_H: Register = counter("QBRC_H", 0x01038, "Octets received, high (8.2.3.23.77).", {
  ...sets,
  ...high,
});

export const QPTC: Register = register("QPTC", {
  offset: 0x08680,
  count: 16,
  aliases: [{ offset: 0x06030, stride: 0x40 }],
  access: ["ro", "rc"],
  mirror: "exact",
  about: "Packets transmitted, by counter set (8.2.3.23.78).",
});

const wideSets = { count: 16, stride: 8 };
export const QBTC_L: Register = counterLow("QBTC_L", 0x08700, "Octets transmitted, low (8.2.3.23.79).", wideSets);
export const QBTC_H: Register = counter("QBTC_H", 0x08704, "Octets transmitted, high (8.2.3.23.80).", {
  ...wideSets,
  ...high,
});

export const FCCRC: Register = counter("FCCRC", 0x05118, "FCoE CRC errors (8.2.3.23): none.", never);
export const FCOERPDC: Register = counter("FCOERPDC", 0x0241c, "FCoE packets dropped (8.2.3.23): none.", never);
export const FCLAST: Register = counter("FCLAST", 0x02424, "FCoE last errors (8.2.3.23): none.", never);
export const FCOEPRC: Register = counter("FCOEPRC", 0x02428, "FCoE packets received (8.2.3.23): none.", never);
export const FCOEDWRC: Register = counter("FCOEDWRC", 0x0242c, "FCoE dwords received (8.2.3.23): none.", never);
export const FCOEPTC: Register = counter("FCOEPTC", 0x08784, "FCoE packets sent (8.2.3.23): none.", never);
export const FCOEDWTC: Register = counter("FCOEDWTC", 0x08788, "FCoE dwords sent (8.2.3.23): none.", never);

function priority(name: string, offset: number, about: string): Register {
  return counter(name, offset, about, { ...eight, ...never });
}

const errors = [CRCERRS, ILLERRC, ERRBC, RXMPC, MLFC, MRFC, RLEC, SSVPC];
const flowControl = [LXONTXC, LXONRXCNT, LXOFFTXC, LXOFFRXCNT, PXONTXC, PXONRXCNT, PXOFFTXCNT, PXOFFRXCNT, PXON2OFFCNT];
const received = [PRC64, PRC127, PRC255, PRC511, PRC1023, PRC1522, BPRC, MPRC, GPRC, GORCL, GORCH];
const receivedByDma = [RXNFGPC, RXNFGBCL, RXNFGBCH, RXDGPC, RXDGBCL, RXDGBCH, RXDDPC, RXDDBCL, RXDDBCH];
const receivedLocally = [RXLPBKPC, RXLPBKBCL, RXLPBKBCH, RXDLPBKPC, RXDLPBKBCL, RXDLPBKBCH];
const transmitted = [GPTC, GOTCL, GOTCH, TXDGPC, TXDGBCL, TXDGBCH];
const lengths = [RUC, RFC, ROC, RJC, MNGPRC, MNGPDC, MNGPTC, TORL, TORH, TPR, TPT];
const transmittedSizes = [PTC64, PTC127, PTC255, PTC511, PTC1023, PTC1522, MPTC, BPTC, MSPDC, XEC];
const queues = [RQSMR, RXDSTATCTRL, TQSM, QPRC, QPRDC, QBRC_L, QBRC_H, QPTC, QBTC_L, QBTC_H];
const fcoe = [FCCRC, FCOERPDC, FCLAST, FCOEPRC, FCOEDWRC, FCOEPTC, FCOEDWTC];

export const STATISTICS_REGISTERS: readonly Register[] = [
  ...errors,
  ...flowControl,
  ...received,
  ...receivedByDma,
  ...receivedLocally,
  ...transmitted,
  ...lengths,
  ...transmittedSizes,
  ...queues,
  ...fcoe,
];
