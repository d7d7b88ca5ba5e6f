import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf, type Register } from "../../emulator/registers/declare.ts";
import { registerPlace } from "../../emulator/registers/finding-text.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { NO_REGISTER } from "../../emulator/registers/register-map.ts";
import type {
  DescriptorRingView,
  DeviceUse,
  Handover,
  MemoryOwnership,
  WatchedRing,
} from "../../emulator/sanitize/ownership.ts";
import * as bits from "./descriptors.ts";
import { DRAINING, HALTED, QUEUE_COUNT, type Rings, RUNNING } from "./queues.ts";
import * as reg from "./registers.ts";

const TWO_TO_32 = 2 ** 32;
const { BSIZEPACKET, DESCTYPE } = reg.SRRCTL.fields;
/** Word of an advanced write-back with the length of what arrived (7.1.6.2). */
const LENGTH_OFFSET = 12;
const LENGTH_MASK = 0xffff;
const HEAD_WRITE_BACK = reg.TDWBAL.fields.HEAD_WB_EN.mask;
const OTHER_CLEAR_DISABLE = reg.GPIE.fields.OCD.mask;
const MULTIPLE_MSIX = reg.GPIE.fields.MULTIPLE_MSIX.mask;
/** Causes of EICR that queues share. */
const QUEUE_CAUSES = 0xffff;
const ANY_VECTOR = -1;
const MASTER_ENABLE = reg.STATUS.fields.MASTER_ENABLE.mask;

/** One queue's ring, for the sanitizers. */
abstract class QueueRing implements DescriptorRingView {
  readonly name: string;
  readonly doorbell: string;
  readonly descriptorBytes: number = bits.DESCRIPTOR_BYTE_LENGTH;
  abstract readonly descriptorName: string;
  abstract readonly use: DeviceUse;
  bufferIova = 0;
  bufferBytes = 0;
  reports = false;
  protected readonly queue: number;
  protected readonly registers: RegisterFile;
  readonly #rings: Rings;
  readonly #port: DevicePort;

  constructor(kind: string, tail: Register, queue: number, rings: Rings, registers: RegisterFile, port: DevicePort) {
    this.name = `${kind} queue ${queue}`;
    this.doorbell = registerPlace(registers.map, tail.at(queue));
    this.queue = queue;
    this.registers = registers;
    this.#rings = rings;
    this.#port = port;
  }

  isLive(): boolean {
    const state = this.#rings.state[this.queue];
    const isOn = state === RUNNING || state === DRAINING || state === HALTED;
    // 5.2.5.3.2: with the master disabled and the status gone, the card asks for nothing any more.
    return isOn && this.#port.busMasterEnabled && (this.registers.get(reg.STATUS) & MASTER_ENABLE) !== 0;
  }

  baseIova(): number {
    const { baseHigh, baseLow } = this.#rings;
    return ((baseHigh[this.queue] as number) >>> 0) * TWO_TO_32 + ((baseLow[this.queue] as number) >>> 0);
  }

  slotCount(): number {
    return this.#rings.slotCount[this.queue] as number;
  }

  head(): number {
    return this.#rings.head[this.queue] as number;
  }

  tail(): number {
    return this.#rings.tail[this.queue] as number;
  }

  abstract doneOffset(): number;

  doneBits(wordOffset: number): number {
    return wordOffset === this.doneOffset() ? 1 : 0;
  }

  abstract decode(words: Int32Array): void;

  protected takeAddress(words: Int32Array): void {
    this.bufferIova = ((words[1] as number) >>> 0) * TWO_TO_32 + ((words[0] as number) >>> 0);
  }
}

class ReceiveRing extends QueueRing {
  readonly descriptorName = "receive descriptor";
  readonly use = "writes";

  doneOffset(): number {
    const type = fieldOf(this.registers.get(reg.SRRCTL, this.queue), DESCTYPE);
    return type === bits.DESCTYPE_LEGACY ? bits.RX_LEGACY_FLAG_OFFSET : bits.RX_FLAG_OFFSET;
  }

  /** Some drivers go by the length of a write-back, where they have written 0. */
  override doneBits(wordOffset: number): number {
    return wordOffset === LENGTH_OFFSET ? LENGTH_MASK : super.doneBits(wordOffset);
  }

  decode(words: Int32Array): void {
    this.takeAddress(words);
    this.reports = true;
    const kibibytes = fieldOf(this.registers.get(reg.SRRCTL, this.queue), BSIZEPACKET);
    this.bufferBytes = 1024 * Math.min(Math.max(kibibytes, 1), 16);
  }
}

class TransmitRing extends QueueRing {
  readonly descriptorName = "transmit descriptor";
  readonly use = "reads";

  doneOffset(): number {
    return bits.TX_FLAG_OFFSET;
  }

  /** Head write-back (7.2.3.5). */
  headIova(): number {
    const low = this.registers.get(reg.TDWBAL, this.queue);
    if ((low & HEAD_WRITE_BACK) === 0) return -1;
    return (this.registers.get(reg.TDWBAH, this.queue) >>> 0) * TWO_TO_32 + ((low & ~3) >>> 0);
  }

  decode(words: Int32Array): void {
    const command = words[2] as number;
    this.takeAddress(words);
    this.reports = (command & bits.TX_RS) !== 0 && !bits.isContext(command);
    this.bufferBytes = bits.isContext(command) ? 0 : command & bits.TX_LENGTH_MASK;
  }
}

/** By queue: its vector, or with one interrupt its bit of EICR; negative for none (IVAR). */
interface QueueVectors {
  readonly receiveVector: Int8Array;
  readonly transmitVector: Int8Array;
}

/** For the sanitizers: which descriptors and buffers are the card's, and when its driver has seen that they are not. */
export class IxgbeOwnership implements MemoryOwnership {
  readonly #registers: RegisterFile;
  readonly #handover: Handover;
  readonly #port: DevicePort;
  readonly #receiveRings: Rings;
  readonly #transmitRings: Rings;
  readonly #vectors: QueueVectors;
  /** By queue; made when they are first needed. */
  readonly #receive: (WatchedRing | undefined)[] = new Array(QUEUE_COUNT).fill(undefined);
  readonly #transmit: (WatchedRing | undefined)[] = new Array(QUEUE_COUNT).fill(undefined);
  readonly #families: Readonly<Record<"RDT" | "TDT" | "RXDCTL" | "TXDCTL" | "RDH" | "TDH" | "EICR", number>>;

  constructor(
    port: DevicePort,
    registers: RegisterFile,
    rings: { readonly receive: Rings; readonly transmit: Rings },
    vectors: QueueVectors,
    handover: Handover,
  ) {
    const { map } = registers;
    this.#port = port;
    this.#registers = registers;
    this.#vectors = vectors;
    this.#receiveRings = rings.receive;
    this.#transmitRings = rings.transmit;
    this.#handover = handover;
    const { RDT, TDT, RXDCTL, TXDCTL, RDH, TDH, EICR } = reg;
    this.#families = {
      RDT: map.family(RDT),
      TDT: map.family(TDT),
      RXDCTL: map.family(RXDCTL),
      TXDCTL: map.family(TXDCTL),
      RDH: map.family(RDH),
      TDH: map.family(TDH),
      EICR: map.family(EICR),
    };
  }

  onWrite(bar: number, offset: number): void {
    if (bar !== 0) return;
    const { map } = this.#registers;
    const ordinal = map.ordinalAt(offset & ~3);
    if (ordinal === NO_REGISTER) return;
    const family = map.familyOf[ordinal] as number;
    const queue = map.indexOf[ordinal] as number;
    const { RDT, TDT, RXDCTL, TXDCTL } = this.#families;
    // A queue that is being switched on or off is not live for a while: its ring is known anew then.
    if (family === TDT) this.#transmitRing(queue).rung();
    else if (family === RDT) this.#receiveRing(queue).rung();
    else if (family === TXDCTL) this.#switched(this.#transmit[queue], this.#transmitRings, queue);
    else if (family === RXDCTL) this.#switched(this.#receive[queue], this.#receiveRings, queue);
  }

  onRead(bar: number, offset: number, value: number): void {
    if (bar !== 0) return;
    const { map } = this.#registers;
    const ordinal = map.ordinalAt(offset & ~3);
    if (ordinal === NO_REGISTER) return;
    const family = map.familyOf[ordinal] as number;
    const queue = map.indexOf[ordinal] as number;
    const { RDH, TDH, EICR } = this.#families;
    if (family === TDH) this.#transmit[queue]?.headSeen(value);
    else if (family === RDH) this.#receive[queue]?.headSeen(value);
    else if (family === EICR) this.#causesSeen(value & QUEUE_CAUSES, ANY_VECTOR);
  }

  takesCauses(bar: number, offset: number, value: number): boolean {
    const { map } = this.#registers;
    const isCauses = bar === 0 && map.familyOf[map.ordinalAt(offset & ~3)] === this.#families.EICR;
    // With other causes only (7.3.1.3), a read leaves those of queues.
    return isCauses && (value & QUEUE_CAUSES) !== 0 && (this.#registers.get(reg.GPIE) & OTHER_CLEAR_DISABLE) === 0;
  }

  onInterrupt(vector: number): void {
    if ((this.#registers.get(reg.GPIE) & MULTIPLE_MSIX) === 0) this.#handover.allSeen();
    else this.#causesSeen(QUEUE_CAUSES, vector);
  }

  /** The driver has seen that something came of the queues with these causes, or with this vector. */
  #causesSeen(causes: number, only: number): void {
    const { receiveVector, transmitVector } = this.#vectors;
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      if (isSeen(receiveVector[queue] as number, causes, only)) this.#receive[queue]?.doneSeen();
      if (isSeen(transmitVector[queue] as number, causes, only)) this.#transmit[queue]?.doneSeen();
    }
  }

  #switched(ring: WatchedRing | undefined, rings: Rings, queue: number): void {
    const state = rings.state[queue];
    if (state !== RUNNING && state !== DRAINING && state !== HALTED) ring?.rung();
  }

  #receiveRing(queue: number): WatchedRing {
    const view = (): ReceiveRing =>
      new ReceiveRing("receive", reg.RDT, queue, this.#receiveRings, this.#registers, this.#port);
    this.#receive[queue] ??= this.#handover.ring(view());
    return this.#receive[queue];
  }

  #transmitRing(queue: number): WatchedRing {
    const view = (): TransmitRing =>
      new TransmitRing("transmit", reg.TDT, queue, this.#transmitRings, this.#registers, this.#port);
    this.#transmit[queue] ??= this.#handover.ring(view());
    return this.#transmit[queue];
  }
}

/** Whether a queue's vector is `only`, or, of any, among these causes. */
function isSeen(vector: number, causes: number, only: number): boolean {
  if (only !== ANY_VECTOR) return vector === only;
  return vector >= 0 && (causes & (1 << (vector & 15))) !== 0;
}
