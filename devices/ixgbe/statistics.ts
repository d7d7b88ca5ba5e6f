import type { Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { QUEUE_COUNT } from "./queues.ts";
import * as reg from "./registers.ts";

/** What becomes of frames, for people: these are never cleared by a read. */
export const TOTAL_NAMES = [
  "rxFrames",
  "rxBytes",
  "rxDelivered",
  "rxDropNotReady",
  "rxDropError",
  "rxDropFilter",
  "rxDropPacketBufferFull",
  "rxDropNoDescriptor",
  "rxDropQueueOff",
  "txFrames",
  "txBytes",
  "txDropped",
  "dmaWriteErrors",
  "dmaReadErrors",
] as const;

export type TotalName = (typeof TOTAL_NAMES)[number];

const index = (name: TotalName): number => TOTAL_NAMES.indexOf(name);
const RX_FRAMES: number = index("rxFrames");
const RX_BYTES: number = index("rxBytes");
const RX_DELIVERED: number = index("rxDelivered");
/** Link down, RXCTRL.RXEN clear, in reset, or waiting in the packet buffer when a reset came. */
export const RX_DROP_NOT_READY: number = index("rxDropNotReady");
export const RX_DROP_ERROR: number = index("rxDropError");
export const RX_DROP_FILTER: number = index("rxDropFilter");
export const RX_DROP_PACKET_BUFFER_FULL: number = index("rxDropPacketBufferFull");
const RX_DROP_NO_DESCRIPTOR: number = index("rxDropNoDescriptor");
export const RX_DROP_QUEUE_OFF: number = index("rxDropQueueOff");
const TX_FRAMES: number = index("txFrames");
const TX_BYTES: number = index("txBytes");
export const TX_DROPPED: number = index("txDropped");
export const DMA_WRITE_ERRORS: number = index("dmaWriteErrors");
export const DMA_READ_ERRORS: number = index("dmaReadErrors");

/** Upper bounds of the size bins, FCS included; what is longer falls into the last. */
const BINS = [64, 127, 255, 511, 1023] as const;
const HIGH_MAX = 0xf;
const SIGN: number = 1 << 31;

/** Low halves of octet counters by the high half that clears them. */
const OCTET_PAIRS: readonly (readonly [Register, Register])[] = [
  [reg.GORCH, reg.GORCL],
  [reg.GOTCH, reg.GOTCL],
  [reg.TORH, reg.TORL],
  [reg.RXNFGBCH, reg.RXNFGBCL],
  [reg.RXDGBCH, reg.RXDGBCL],
  [reg.TXDGBCH, reg.TXDGBCL],
  [reg.QBRC_H, reg.QBRC_L],
  [reg.QBTC_H, reg.QBTC_L],
];

/** The statistics registers (data sheet 8.2.3.23). Counters stay at their largest value; reading clears them. */
export class Statistics {
  /** By the constants above. */
  readonly totals: Float64Array = new Float64Array(TOTAL_NAMES.length);
  readonly #values: Int32Array;
  readonly #receiveSet: Uint8Array = new Uint8Array(QUEUE_COUNT);
  readonly #transmitSet: Uint8Array = new Uint8Array(QUEUE_COUNT);
  readonly #registers: RegisterFile;
  readonly #receivedBins: Int32Array;
  readonly #transmittedBins: Int32Array;
  // Ordinals.
  readonly #tpr: number;
  readonly #torl: number;
  readonly #torh: number;
  readonly #rxnfgpc: number;
  readonly #rxnfgbcl: number;
  readonly #rxnfgbch: number;
  readonly #gprc: number;
  readonly #gorcl: number;
  readonly #gorch: number;
  readonly #bprc: number;
  readonly #mprc: number;
  readonly #rxdgpc: number;
  readonly #rxdgbcl: number;
  readonly #rxdgbch: number;
  readonly #qprc: number;
  readonly #qbrcl: number;
  readonly #qbrch: number;
  readonly #tpt: number;
  readonly #gptc: number;
  readonly #gotcl: number;
  readonly #gotch: number;
  readonly #bptc: number;
  readonly #mptc: number;
  readonly #txdgpc: number;
  readonly #txdgbcl: number;
  readonly #txdgbch: number;
  readonly #qptc: number;
  readonly #qbtcl: number;
  readonly #qbtch: number;
  readonly #xec: number;

  constructor(registers: RegisterFile) {
    this.#registers = registers;
    this.#values = registers.values;
    const at = (register: Register): number => registers.map.ordinal(register);
    this.#receivedBins = Int32Array.from([reg.PRC64, reg.PRC127, reg.PRC255, reg.PRC511, reg.PRC1023, reg.PRC1522], at);
    this.#transmittedBins = Int32Array.from(
      [reg.PTC64, reg.PTC127, reg.PTC255, reg.PTC511, reg.PTC1023, reg.PTC1522],
      at,
    );
    [this.#tpr, this.#torl, this.#torh] = [at(reg.TPR), at(reg.TORL), at(reg.TORH)];
    [this.#rxnfgpc, this.#rxnfgbcl, this.#rxnfgbch] = [at(reg.RXNFGPC), at(reg.RXNFGBCL), at(reg.RXNFGBCH)];
    [this.#gprc, this.#gorcl, this.#gorch] = [at(reg.GPRC), at(reg.GORCL), at(reg.GORCH)];
    [this.#bprc, this.#mprc] = [at(reg.BPRC), at(reg.MPRC)];
    [this.#rxdgpc, this.#rxdgbcl, this.#rxdgbch] = [at(reg.RXDGPC), at(reg.RXDGBCL), at(reg.RXDGBCH)];
    [this.#qprc, this.#qbrcl, this.#qbrch] = [at(reg.QPRC), at(reg.QBRC_L), at(reg.QBRC_H)];
    [this.#tpt, this.#gptc, this.#gotcl, this.#gotch] = [at(reg.TPT), at(reg.GPTC), at(reg.GOTCL), at(reg.GOTCH)];
    [this.#bptc, this.#mptc] = [at(reg.BPTC), at(reg.MPTC)];
    [this.#txdgpc, this.#txdgbcl, this.#txdgbch] = [at(reg.TXDGPC), at(reg.TXDGBCL), at(reg.TXDGBCH)];
    [this.#qptc, this.#qbtcl, this.#qbtch] = [at(reg.QPTC), at(reg.QBTC_L), at(reg.QBTC_H)];
    this.#xec = at(reg.XEC);
    for (const [high, low] of OCTET_PAIRS) registers.afterRead(high, (set) => registers.set(low, 0, set));
    registers.onWrite(reg.RQSMR, (set, value) => mapQueues(this.#receiveSet, set, value));
    registers.onWrite(reg.TQSM, (set, value) => mapQueues(this.#transmitSet, set, value));
  }

  /** Takes over the queue maps. */
  refresh(): void {
    for (let set = 0; set < QUEUE_COUNT / 4; set++) {
      mapQueues(this.#receiveSet, set, this.#registers.get(reg.RQSMR, set));
      mapQueues(this.#transmitSet, set, this.#registers.get(reg.TQSM, set));
    }
  }

  /** Adds 1 to a counter, which stays at its largest value. */
  count(register: Register, element = 0): void {
    this.#add(this.#registers.map.ordinal(register, element));
  }

  /** A frame is on the wire, whatever it is. `wireLength` counts the FCS. */
  arrived(wireLength: number): void {
    const { totals } = this;
    totals[RX_FRAMES] = (totals[RX_FRAMES] as number) + 1;
    totals[RX_BYTES] = (totals[RX_BYTES] as number) + wireLength;
    this.#add(this.#tpr);
    this.#addOctets(this.#torl, this.#torh, wireLength);
  }

  /** It has a legal length and a right FCS. */
  legal(wireLength: number): void {
    this.#add(this.#rxnfgpc);
    this.#addOctets(this.#rxnfgbcl, this.#rxnfgbch, wireLength);
  }

  /** It has passed the filters and there was room for it. `firstByte` of the address tells multicast. */
  accepted(wireLength: number, isMulticast: boolean, isBroadcast: boolean): void {
    this.#add(this.#gprc);
    this.#addOctets(this.#gorcl, this.#gorch, wireLength);
    this.#add(this.#receivedBins[binOf(wireLength)] as number);
    if (isBroadcast) this.#add(this.#bprc);
    else if (isMulticast) this.#add(this.#mprc);
  }

  /** It is in host memory. `byteLength` is what was written there. */
  delivered(queue: number, byteLength: number): void {
    const { totals } = this;
    totals[RX_DELIVERED] = (totals[RX_DELIVERED] as number) + 1;
    const set = this.#receiveSet[queue] as number;
    this.#add(this.#rxdgpc);
    this.#addOctets(this.#rxdgbcl, this.#rxdgbch, byteLength);
    this.#add(this.#qprc + set);
    this.#addOctets(this.#qbrcl + set, this.#qbrch + set, byteLength);
  }

  /** It was dropped; `reason` is one of the RX_DROP_ constants. */
  dropped(reason: number): void {
    this.totals[reason] = (this.totals[reason] as number) + 1;
  }

  /** A reset has emptied the packet buffer. */
  forgotten(frameCount: number): void {
    this.totals[RX_DROP_NOT_READY] = (this.totals[RX_DROP_NOT_READY] as number) + frameCount;
  }

  /** Its queue had no descriptors and drops then. */
  droppedForDescriptors(queue: number): void {
    this.dropped(RX_DROP_NO_DESCRIPTOR);
    this.count(reg.QPRDC, this.#receiveSet[queue] as number);
  }

  /** A checksum of a received frame was wrong. */
  checksumError(): void {
    this.#add(this.#xec);
  }

  /** A frame went out. Short ones (without padding) count in the totals alone. */
  sent(queue: number, wireLength: number, isMulticast: boolean, isBroadcast: boolean): void {
    const { totals } = this;
    totals[TX_FRAMES] = (totals[TX_FRAMES] as number) + 1;
    totals[TX_BYTES] = (totals[TX_BYTES] as number) + wireLength;
    const set = this.#transmitSet[queue] as number;
    this.#add(this.#tpt);
    this.#add(this.#txdgpc);
    this.#addOctets(this.#txdgbcl, this.#txdgbch, wireLength);
    this.#add(this.#qptc + set);
    this.#addOctets(this.#qbtcl + set, this.#qbtch + set, wireLength);
    if (wireLength < 64) return;
    this.#add(this.#gptc);
    this.#addOctets(this.#gotcl, this.#gotch, wireLength);
    this.#add(this.#transmittedBins[binOf(wireLength)] as number);
    if (isBroadcast) this.#add(this.#bptc);
    else if (isMulticast) this.#add(this.#mptc);
  }

  #add(ordinal: number): void {
    const value = this.#values[ordinal] as number;
    if (value !== -1) this.#values[ordinal] = (value + 1) | 0;
  }

  /** Adds to a counter of 36 bits in two registers. */
  #addOctets(lowAt: number, highAt: number, octets: number): void {
    const values = this.#values;
    const before = values[lowAt] as number;
    const after = (before + octets) | 0;
    values[lowAt] = after;
    if ((after ^ SIGN) >= (before ^ SIGN)) return;
    if ((values[highAt] as number) === HIGH_MAX) values[lowAt] = -1;
    else values[highAt] = (values[highAt] as number) + 1;
  }
}

function binOf(wireLength: number): number {
  if (wireLength <= BINS[0]) return 0;
  if (wireLength <= BINS[1]) return 1;
  if (wireLength <= BINS[2]) return 2;
  if (wireLength <= BINS[3]) return 3;
  return wireLength <= BINS[4] ? 4 : 5;
}

/** RQSMR and TQSM: four queues to a register, the counter set of each in the low half of a byte. */
function mapQueues(sets: Uint8Array, element: number, value: number): void {
  for (let queue = 0; queue < 4; queue++) sets[4 * element + queue] = (value >>> (8 * queue)) & 0xf;
}
