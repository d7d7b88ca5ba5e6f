import type { Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { FCS_BYTE_LENGTH } from "../../emulator/wire/crc32.ts";
import { QUEUE_COUNT } from "./queues.ts";
import * as reg from "./registers.ts";

/** A name of this module: the engine folds it, and looks one of another module up. */
const FCS_BYTES: number = FCS_BYTE_LENGTH;

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

/** The size bins of {@link binOf}. */
const BIN_COUNT = 6;
/** The shortest legal frame, FCS included. */
const SHORTEST = 64;
/** Counters have 32 bits, octet counters 36 in two registers. */
const COUNTER_MAX: number = 2 ** 32 - 1;
const OCTETS_MAX: number = 2 ** 36 - 1;
const SET_COUNT = 16;

/** To whom a frame goes. */
export type Cast = 0 | 1 | 2;
export const UNICAST = 0;
export const MULTICAST = 1;
export const BROADCAST = 2;
const CAST_COUNT = 3;

/** Places in the tally of one direction. Frames of a legal length by size and cast, then what is not among them. */
const TALLY_FRAMES = 0;
const TALLY_OCTETS: number = TALLY_FRAMES + BIN_COUNT * CAST_COUNT;
const TALLY_OTHER_FRAMES: number = TALLY_OCTETS + 1;
const TALLY_OTHER_OCTETS: number = TALLY_OTHER_FRAMES + 1;
const TALLY_LEGAL_FRAMES: number = TALLY_OTHER_OCTETS + 1;
const TALLY_LEGAL_OCTETS: number = TALLY_LEGAL_FRAMES + 1;
/** By set of counters: what went between host memory and the queues of the set. */
const TALLY_SET_FRAMES: number = TALLY_LEGAL_OCTETS + 1;
const TALLY_SET_OCTETS: number = TALLY_SET_FRAMES + SET_COUNT;
const TALLY_LENGTH: number = TALLY_SET_OCTETS + SET_COUNT;

/**
 * Places in the tally of the frames that are all of it at once: legal, and gone between host memory and wire in one piece.
 * By set, size and cast, then their octets by set: two sums for a frame, from which the others follow.
 */
const WHOLE_OCTETS: number = SET_COUNT * BIN_COUNT * CAST_COUNT;
const WHOLE_LENGTH: number = WHOLE_OCTETS + SET_COUNT;

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

/** Registers that {@link Statistics.settle} brings up to date. */
const TALLIED: readonly Register[] = [
  ...OCTET_PAIRS.flat(),
  ...[reg.PRC64, reg.PRC127, reg.PRC255, reg.PRC511, reg.PRC1023, reg.PRC1522],
  ...[reg.PTC64, reg.PTC127, reg.PTC255, reg.PTC511, reg.PTC1023, reg.PTC1522],
  ...[reg.TPR, reg.RXNFGPC, reg.GPRC, reg.BPRC, reg.MPRC, reg.RXDGPC, reg.QPRC],
  ...[reg.TPT, reg.GPTC, reg.BPTC, reg.MPTC, reg.TXDGPC, reg.QPTC],
];

/**
 * The statistics registers (data sheet 8.2.3.23). Counters stay at their largest value; reading clears them.
 *
 * A frame moves some fifteen of them. What is common to all good frames is only tallied, in a few sums, and
 * {@link settle} brings the registers up to date: before any of them is read.
 */
export class Statistics {
  /** By the constants above; up to date after {@link settle}. */
  readonly totals: Float64Array = new Float64Array(TOTAL_NAMES.length);
  readonly #received: Float64Array = new Float64Array(TALLY_LENGTH);
  readonly #sent: Float64Array = new Float64Array(TALLY_LENGTH);
  readonly #receivedWhole: Float64Array = new Float64Array(WHOLE_LENGTH);
  readonly #sentWhole: Float64Array = new Float64Array(WHOLE_LENGTH);
  #isUnsettled = false;
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
    [this.#tpr, this.#torl, this.#torh, this.#xec] = [at(reg.TPR), at(reg.TORL), at(reg.TORH), at(reg.XEC)];
    [this.#rxnfgpc, this.#rxnfgbcl, this.#rxnfgbch] = [at(reg.RXNFGPC), at(reg.RXNFGBCL), at(reg.RXNFGBCH)];
    [this.#gprc, this.#gorcl, this.#gorch] = [at(reg.GPRC), at(reg.GORCL), at(reg.GORCH)];
    [this.#bprc, this.#mprc, this.#bptc, this.#mptc] = [at(reg.BPRC), at(reg.MPRC), at(reg.BPTC), at(reg.MPTC)];
    [this.#rxdgpc, this.#rxdgbcl, this.#rxdgbch] = [at(reg.RXDGPC), at(reg.RXDGBCL), at(reg.RXDGBCH)];
    [this.#qprc, this.#qbrcl, this.#qbrch] = [at(reg.QPRC), at(reg.QBRC_L), at(reg.QBRC_H)];
    [this.#tpt, this.#gptc, this.#gotcl, this.#gotch] = [at(reg.TPT), at(reg.GPTC), at(reg.GOTCL), at(reg.GOTCH)];
    [this.#txdgpc, this.#txdgbcl, this.#txdgbch] = [at(reg.TXDGPC), at(reg.TXDGBCL), at(reg.TXDGBCH)];
    [this.#qptc, this.#qbtcl, this.#qbtch] = [at(reg.QPTC), at(reg.QBTC_L), at(reg.QBTC_H)];
    for (const register of TALLIED) registers.beforeRead(register, () => this.settle());
    for (const [high, low] of OCTET_PAIRS) registers.afterRead(high, (set) => registers.set(low, 0, set));
    registers.onWrite(reg.RQSMR, (set, value) => mapQueues(this.#receiveSet, set, value));
    registers.onWrite(reg.TQSM, (set, value) => mapQueues(this.#transmitSet, set, value));
  }

  /** Takes over the queue maps. */
  refresh(): void {
    const { map } = this.#registers;
    const [receiveAt, transmitAt] = [map.ordinal(reg.RQSMR), map.ordinal(reg.TQSM)];
    for (let set = 0; set < QUEUE_COUNT / 4; set++) {
      mapQueues(this.#receiveSet, set, this.#values[receiveAt + set] as number);
      mapQueues(this.#transmitSet, set, this.#values[transmitAt + set] as number);
    }
  }

  /** Adds 1 to a counter, which stays at its largest value. */
  count(register: Register, element = 0): void {
    this.#add(this.#registers.map.ordinal(register, element), 1);
  }

  /** A frame has arrived that does not get as far as {@link accepted}. `wireLength` counts the FCS. */
  arrived(wireLength: number): void {
    const tally = this.#received;
    this.#isUnsettled = true;
    tally[TALLY_OTHER_FRAMES] = (tally[TALLY_OTHER_FRAMES] as number) + 1;
    tally[TALLY_OTHER_OCTETS] = (tally[TALLY_OTHER_OCTETS] as number) + wireLength;
  }

  /** And it has a legal length and a right FCS. */
  legal(wireLength: number): void {
    const tally = this.#received;
    tally[TALLY_LEGAL_FRAMES] = (tally[TALLY_LEGAL_FRAMES] as number) + 1;
    tally[TALLY_LEGAL_OCTETS] = (tally[TALLY_LEGAL_OCTETS] as number) + wireLength;
  }

  /** A frame has arrived, is legal, has passed the filters, and there was room for it. */
  accepted(wireLength: number, cast: Cast): void {
    const tally = this.#received;
    const at = TALLY_FRAMES + binOf(wireLength) * CAST_COUNT + cast;
    this.#isUnsettled = true;
    tally[at] = (tally[at] as number) + 1;
    tally[TALLY_OCTETS] = (tally[TALLY_OCTETS] as number) + wireLength;
  }

  /** It is in host memory. `byteLength` is what was written there. */
  delivered(queue: number, byteLength: number): void {
    const tally = this.#received;
    const set = this.#receiveSet[queue] as number;
    this.#isUnsettled = true;
    tally[TALLY_SET_FRAMES + set] = (tally[TALLY_SET_FRAMES + set] as number) + 1;
    tally[TALLY_SET_OCTETS + set] = (tally[TALLY_SET_OCTETS + set] as number) + byteLength;
  }

  /** {@link accepted} and {@link delivered} in one: a frame of `byteLength` bytes without FCS was written to its queue at once. */
  passed(queue: number, byteLength: number, cast: Cast): void {
    this.#isUnsettled = true;
    const wireLength = (byteLength + FCS_BYTES) | 0;
    addWhole(this.#receivedWhole, this.#receiveSet[queue] as number, wireLength, cast, byteLength);
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
    this.#add(this.#xec, 1);
  }

  /** A frame went out. Short ones (without padding) count in the totals alone. */
  sent(queue: number, wireLength: number, cast: Cast): void {
    const set = this.#transmitSet[queue] as number;
    this.#isUnsettled = true;
    if (wireLength >= SHORTEST) {
      addWhole(this.#sentWhole, set, wireLength, cast, wireLength);
      return;
    }
    const tally = this.#sent;
    tally[TALLY_SET_FRAMES + set] = (tally[TALLY_SET_FRAMES + set] as number) + 1;
    tally[TALLY_SET_OCTETS + set] = (tally[TALLY_SET_OCTETS + set] as number) + wireLength;
  }

  /** Brings registers and totals up to date with what was tallied. */
  settle(): void {
    if (!this.#isUnsettled) return;
    this.#isUnsettled = false;
    spreadWhole(this.#receivedWhole, this.#received, FCS_BYTES);
    spreadWhole(this.#sentWhole, this.#sent, 0);
    this.#settleReceived();
    this.#settleSent();
  }

  #settleReceived(): void {
    const { totals } = this;
    const tally = this.#received;
    const octets = tally[TALLY_OCTETS] as number;
    const frames = this.#settleSizes(tally, this.#receivedBins, this.#bprc, this.#mprc);
    this.#add(this.#gprc, frames);
    this.#addOctets(this.#gorcl, this.#gorch, octets);
    const legalOctets = octets + (tally[TALLY_LEGAL_OCTETS] as number);
    this.#add(this.#rxnfgpc, frames + (tally[TALLY_LEGAL_FRAMES] as number));
    this.#addOctets(this.#rxnfgbcl, this.#rxnfgbch, legalOctets);
    const allFrames = frames + (tally[TALLY_OTHER_FRAMES] as number);
    const allOctets = octets + (tally[TALLY_OTHER_OCTETS] as number);
    this.#add(this.#tpr, allFrames);
    this.#addOctets(this.#torl, this.#torh, allOctets);
    totals[RX_FRAMES] = (totals[RX_FRAMES] as number) + allFrames;
    totals[RX_BYTES] = (totals[RX_BYTES] as number) + allOctets;
    const delivered = this.#settleSets(tally, this.#qprc, this.#qbrcl, this.#qbrch);
    this.#add(this.#rxdgpc, delivered);
    this.#addOctets(this.#rxdgbcl, this.#rxdgbch, sumOf(tally, TALLY_SET_OCTETS, SET_COUNT));
    totals[RX_DELIVERED] = (totals[RX_DELIVERED] as number) + delivered;
    tally.fill(0);
  }

  #settleSent(): void {
    const { totals } = this;
    const tally = this.#sent;
    const frames = this.#settleSizes(tally, this.#transmittedBins, this.#bptc, this.#mptc);
    this.#add(this.#gptc, frames);
    this.#addOctets(this.#gotcl, this.#gotch, tally[TALLY_OCTETS] as number);
    const allFrames = this.#settleSets(tally, this.#qptc, this.#qbtcl, this.#qbtch);
    const allOctets = sumOf(tally, TALLY_SET_OCTETS, SET_COUNT);
    this.#add(this.#tpt, allFrames);
    this.#add(this.#txdgpc, allFrames);
    this.#addOctets(this.#txdgbcl, this.#txdgbch, allOctets);
    totals[TX_FRAMES] = (totals[TX_FRAMES] as number) + allFrames;
    totals[TX_BYTES] = (totals[TX_BYTES] as number) + allOctets;
    tally.fill(0);
  }

  /** Frames of a legal length by size, and those to several and to all. Returns how many there were. */
  #settleSizes(tally: Float64Array, bins: Int32Array, broadcastAt: number, multicastAt: number): number {
    let frames = 0;
    for (let bin = 0; bin < BIN_COUNT; bin++) {
      const at = TALLY_FRAMES + bin * CAST_COUNT;
      const inBin = sumOf(tally, at, CAST_COUNT);
      if (inBin === 0) continue;
      this.#add(bins[bin] as number, inBin);
      this.#add(broadcastAt, tally[at + BROADCAST] as number);
      this.#add(multicastAt, tally[at + MULTICAST] as number);
      frames += inBin;
    }
    return frames;
  }

  /** Frames and octets by set of counters. Returns how many frames there were. */
  #settleSets(tally: Float64Array, framesAt: number, lowAt: number, highAt: number): number {
    for (let set = 0; set < SET_COUNT; set++) {
      if (tally[TALLY_SET_FRAMES + set] === 0) continue;
      this.#add(framesAt + set, tally[TALLY_SET_FRAMES + set] as number);
      this.#addOctets(lowAt + set, highAt + set, tally[TALLY_SET_OCTETS + set] as number);
    }
    return sumOf(tally, TALLY_SET_FRAMES, SET_COUNT);
  }

  #add(ordinal: number, count: number): void {
    const sum = ((this.#values[ordinal] as number) >>> 0) + count;
    this.#values[ordinal] = sum > COUNTER_MAX ? -1 : sum;
  }

  /** Adds to a counter of 36 bits in two registers. */
  #addOctets(lowAt: number, highAt: number, octets: number): void {
    const values = this.#values;
    const before = (values[highAt] as number) * 2 ** 32 + ((values[lowAt] as number) >>> 0);
    const after = Math.min(before + octets, OCTETS_MAX);
    values[lowAt] = after % 2 ** 32;
    values[highAt] = Math.floor(after / 2 ** 32);
  }
}

function addWhole(tally: Float64Array, set: number, wireLength: number, cast: Cast, octets: number): void {
  const at = (Math.imul(Math.imul(set, BIN_COUNT) + binOf(wireLength), CAST_COUNT) + cast) | 0;
  const octetsAt = (WHOLE_OCTETS + set) | 0;
  tally[at] = (tally[at] as number) + 1;
  tally[octetsAt] = (tally[octetsAt] as number) + octets;
}

/** Empties a tally of whole frames into the sums that it stands for. The wire has `wireOctets` more of a frame than its set counts. */
function spreadWhole(whole: Float64Array, tally: Float64Array, wireOctets: number): void {
  for (let set = 0; set < SET_COUNT; set++) {
    const octets = whole[WHOLE_OCTETS + set] as number;
    if (octets === 0) continue;
    let frames = 0;
    for (let place = 0; place < BIN_COUNT * CAST_COUNT; place++) {
      const count = whole[set * BIN_COUNT * CAST_COUNT + place] as number;
      tally[TALLY_FRAMES + place] = (tally[TALLY_FRAMES + place] as number) + count;
      frames += count;
    }
    tally[TALLY_OCTETS] = (tally[TALLY_OCTETS] as number) + octets + frames * wireOctets;
    tally[TALLY_SET_FRAMES + set] = (tally[TALLY_SET_FRAMES + set] as number) + frames;
    tally[TALLY_SET_OCTETS + set] = (tally[TALLY_SET_OCTETS + set] as number) + octets;
  }
  whole.fill(0);
}

function sumOf(tally: Float64Array, first: number, count: number): number {
  let sum = 0;
  for (let at = first; at < first + count; at++) sum += tally[at] as number;
  return sum;
}

/** The size bin of a frame: 64 bytes or fewer; up to 127, 255, 511, 1023; more. FCS included. */
function binOf(wireLength: number): number {
  if (wireLength <= SHORTEST) return 0;
  if (wireLength <= 127) return 1;
  if (wireLength <= 255) return 2;
  if (wireLength <= 511) return 3;
  return wireLength <= 1023 ? 4 : 5;
}

/** RQSMR and TQSM: four queues to a register, the counter set of each in the low half of a byte. */
function mapQueues(sets: Uint8Array, element: number, value: number): void {
  for (let queue = 0; queue < 4; queue++) sets[4 * element + queue] = (value >>> (8 * queue)) & 0xf;
}
