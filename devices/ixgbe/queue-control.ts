import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { Field, Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as findings from "./findings.ts";
import { DRAINING, HALTED, OFF, QUEUE_COUNT, type Rings, RUNNING, STARTING } from "./queues.ts";
import * as reg from "./registers.ts";
import type { MasterControl } from "./reset.ts";

/** How the queues of one direction are called. */
export interface RingRegisters {
  readonly baseLow: Register;
  readonly baseHigh: Register;
  readonly length: Register;
  readonly head: Register;
  readonly tail: Register;
  readonly control: Register;
  readonly enable: Field;
}

export const RECEIVE_RINGS: RingRegisters = {
  baseLow: reg.RDBAL,
  baseHigh: reg.RDBAH,
  length: reg.RDLEN,
  head: reg.RDH,
  tail: reg.RDT,
  control: reg.RXDCTL,
  enable: reg.RXDCTL.fields.ENABLE,
};

export const TRANSMIT_RINGS: RingRegisters = {
  baseLow: reg.TDBAL,
  baseHigh: reg.TDBAH,
  length: reg.TDLEN,
  head: reg.TDH,
  tail: reg.TDT,
  control: reg.TXDCTL,
  enable: reg.TXDCTL.fields.ENABLE,
};

/** The engine that works on the descriptors of a {@link Rings}. */
export interface RingOwner {
  /** The tail moved, or the queue came up with descriptors in it. */
  onDoorbell(queue: number): void;
  /** The driver wrote the queue's control register; ENABLE has been dealt with. */
  onControl(queue: number, written: number): void;
  /** True when nothing of the queue is under way, so that it may be off. */
  isDrained(queue: number): boolean;
  onStopped(queue: number): void;
}

/**
 * The registers of the queues of one direction: what a driver writes to lay out a ring, to enable a queue and to ring its
 * doorbell, and what of that breaks the rules (data sheet 4.6.7, 4.6.8).
 */
export class QueueControl {
  readonly #port: DevicePort;
  readonly #values: Int32Array;
  readonly #master: MasterControl;
  readonly #rings: Rings;
  readonly #registers: RingRegisters;
  readonly #owner: RingOwner;
  readonly #baseLowAt: number;
  readonly #baseHighAt: number;
  readonly #lengthAt: number;
  readonly #headAt: number;
  readonly #tailAt: number;
  readonly #controlAt: number;

  constructor(
    port: DevicePort,
    file: RegisterFile,
    master: MasterControl,
    rings: Rings,
    registers: RingRegisters,
    owner: RingOwner,
  ) {
    this.#port = port;
    this.#values = file.values;
    this.#master = master;
    this.#rings = rings;
    this.#registers = registers;
    this.#owner = owner;
    this.#baseLowAt = file.map.ordinal(registers.baseLow);
    this.#baseHighAt = file.map.ordinal(registers.baseHigh);
    this.#lengthAt = file.map.ordinal(registers.length);
    this.#headAt = file.map.ordinal(registers.head);
    this.#tailAt = file.map.ordinal(registers.tail);
    this.#controlAt = file.map.ordinal(registers.control);
    this.#hook(file);
  }

  /** The timer ran out: queues that were enabled come up, queues that have drained are off. */
  onTimer(): void {
    for (let queue = 0; queue < QUEUE_COUNT; queue++) {
      const state = this.#rings.state[queue];
      if (state === STARTING) this.#start(queue);
      else if (state === DRAINING && this.#isDrained(queue)) this.#stop(queue);
    }
  }

  #hook(file: RegisterFile): void {
    const { baseLow, baseHigh, length, head, tail, control } = this.#registers;
    file.onWrite(baseLow, (queue, _value, _before, written) => {
      if ((written & 0x7f) !== 0) findings.recordMisalignedBase(this.#port, baseLow, queue, written);
      this.#checkOff(baseLow, queue, written);
    });
    file.onWrite(baseHigh, (queue, _value, _before, written) => this.#checkOff(baseHigh, queue, written));
    file.onWrite(length, (queue, _value, _before, written) => {
      if ((written & ~0x000f_ff80) !== 0) findings.recordOddLength(this.#port, length, queue, written);
      this.#checkOff(length, queue, written);
    });
    file.onWrite(head, (queue, value) => this.#writeHead(queue, value));
    file.onWrite(tail, (queue, value) => this.#writeTail(queue, value));
    file.onWrite(control, (queue, _value, _before, written) => this.#writeControl(queue, written));
  }

  #isEnabled(queue: number): boolean {
    const state = this.#rings.state[queue];
    return state === RUNNING || state === DRAINING || state === HALTED;
  }

  #checkOff(register: Register, queue: number, written: number): void {
    if (this.#isEnabled(queue)) findings.recordRingChangedWhileEnabled(this.#port, register, queue, written);
  }

  /** At a doorbell the ring's registers are known in every way of running, in whatever order they were written. */
  #checkRing(queue: number, value: number): void {
    const { baseLow, baseHigh, slotCount } = this.#rings;
    const low = this.#values[this.#baseLowAt + queue] as number;
    const high = this.#values[this.#baseHighAt + queue] as number;
    const slots = (this.#values[this.#lengthAt + queue] as number) >>> 4;
    if (low === baseLow[queue] && high === baseHigh[queue] && slots === slotCount[queue]) return;
    const { tail, baseLow: base, length } = this.#registers;
    const registers = findings.ringName(high, low, slots);
    const running = findings.ringName(baseHigh[queue] as number, baseLow[queue] as number, slotCount[queue] as number);
    const names = `${base.name} and ${length.name}`;
    findings.recordRingNotTaken(this.#port, tail, names, queue, value, registers, running);
  }

  #writeHead(queue: number, value: number): void {
    if (!this.#isEnabled(queue)) return;
    const head = this.#rings.head[queue] as number;
    this.#values[this.#headAt + queue] = head;
    // Drivers that write the value which it has already have done so for years, and nothing comes of it.
    if (value !== head) findings.recordHeadWritten(this.#port, this.#registers.head, queue, value, head);
  }

  #writeTail(queue: number, value: number): void {
    const state = this.#rings.state[queue] as number;
    if (state === OFF || state === STARTING) {
      if (value !== (this.#values[this.#headAt + queue] as number)) {
        findings.recordDoorbellBeforeEnable(this.#port, this.#registers.tail, queue, value);
      }
      return;
    }
    if (value >= (this.#rings.slotCount[queue] as number)) {
      findings.recordTailBeyondRing(
        this.#port,
        this.#registers.tail,
        queue,
        value,
        this.#rings.slotCount[queue] as number,
      );
      this.#rings.halt(queue);
      return;
    }
    if (state === HALTED) findings.recordDoorbellOnHalted(this.#port, this.#registers.tail, queue, value);
    if (!this.#port.busMasterEnabled) findings.recordBusMasterOff(this.#port, this.#registers.tail, queue, value);
    this.#checkRing(queue, value);
    this.#rings.tail[queue] = value;
    if (state === RUNNING && this.#master.dmaAllowed) this.#owner.onDoorbell(queue);
  }

  /** ENABLE in the register is what the device says; ENABLE in the value written is what the driver wants. */
  #writeControl(queue: number, written: number): void {
    if ((written & this.#registers.enable.mask) !== 0) this.enable(queue, this.#registers.control, written);
    else this.#disable(queue);
    this.#owner.onControl(queue, written);
  }

  /** Begins to enable a queue, as a write of ENABLE does. `written` to `register` is what asked for it. */
  enable(queue: number, register: Register, written: number): void {
    if (this.#rings.state[queue] !== OFF) return;
    const { length, head } = this.#registers;
    const slotCount = (this.#values[this.#lengthAt + queue] as number) >>> 4;
    const first = this.#values[this.#headAt + queue] as number;
    if (slotCount === 0) findings.recordEmptyRing(this.#port, length, queue);
    else if (first >= slotCount) findings.recordHeadBeyondRing(this.#port, head, queue, first, slotCount);
    if (!this.#port.busMasterEnabled) findings.recordBusMasterOff(this.#port, register, queue, written);
    this.#rings.state[queue] = STARTING;
    this.#rings.settleSoon();
  }

  #disable(queue: number): void {
    const state = this.#rings.state[queue];
    if (state === STARTING) this.#rings.state[queue] = OFF;
    else if (state === RUNNING || state === HALTED) {
      this.#rings.state[queue] = DRAINING;
      this.#rings.settleSoon();
    }
  }

  #start(queue: number): void {
    const values = this.#values;
    const slotCount = (values[this.#lengthAt + queue] as number) >>> 4;
    const head = values[this.#headAt + queue] as number;
    const tail = values[this.#tailAt + queue] as number;
    this.#rings.state[queue] = RUNNING;
    this.#rings.slotCount[queue] = slotCount;
    this.#rings.baseLow[queue] = values[this.#baseLowAt + queue] as number;
    this.#rings.baseHigh[queue] = values[this.#baseHighAt + queue] as number;
    this.#rings.moveHead(queue, head < slotCount ? head : 0);
    this.#rings.next[queue] = this.#rings.head[queue] as number;
    this.#rings.tail[queue] = this.#rings.head[queue] as number;
    this.#rings.cached[queue] = 0;
    this.#rings.fetching[queue] = 0;
    this.#setEnableBit(queue, true);
    if (slotCount !== 0 && tail !== head) this.#writeTail(queue, tail);
  }

  #stop(queue: number): void {
    this.#owner.onStopped(queue);
    this.#rings.state[queue] = OFF;
    this.#rings.cached[queue] = 0;
    this.#setEnableBit(queue, false);
  }

  #isDrained(queue: number): boolean {
    return this.#rings.fetching[queue] === 0 && this.#owner.isDrained(queue);
  }

  #setEnableBit(queue: number, on: boolean): void {
    const at = this.#controlAt + queue;
    const { mask } = this.#registers.enable;
    const value = this.#values[at] as number;
    this.#values[at] = on ? value | mask : value & ~mask;
  }
}
