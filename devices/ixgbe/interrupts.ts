import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { Moderation } from "./moderation.ts";
import * as reg from "./registers.ts";
import { VECTOR_COUNT } from "./timers.ts";
import { NO_VECTOR, VectorAllocation } from "./vector-allocation.ts";

/** Causes 0–15: queues; with multiple MSI-X, vectors. */
const VECTOR_CAUSES = 0x0000_ffff;
/** Causes that share one vector of IVAR_MISC. */
const OTHER_CAUSES = 0x7fff_0000;
/** What a read of EICR clears when GPIE.OCD is set: causes 16 to 29. */
const CLEARED_WITH_OCD = 0x3fff_0000;
const OTHER = reg.EICR.fields.OTHER.mask;
const TCP_TIMER = reg.EICR.fields.TCP_TIMER.mask;
const GPIE = reg.GPIE.fields;

/**
 * Interrupt causes, masks, moderation and messages (data sheet 7.3).
 *
 * Two ways to work. With multiple MSI-X (GPIE bit 4, and MSI-X enabled in configuration space) IVAR gives each queue one
 * of 64 vectors, and a message is sent when cause and mask of a vector meet. Otherwise IVAR gives bits 0–15 of EICR, and
 * one interrupt is asserted while EICR and EIMS have a bit in common.
 */
export class Interrupts {
  /** Told when a vector may interrupt again: moderation also flushes write-backs that wait (7.2.3.4). */
  onThrottleExpired: (vector: number) => void = () => {};
  /** Vector, or bit of EICR, by receive queue; -1: none. */
  readonly receiveVector: Int8Array;
  readonly transmitVector: Int8Array;
  /** Causes by vector, 32 to a word. The first 16 are seen in EICR. */
  readonly #cause: Int32Array = new Int32Array(2);
  readonly #mask: Int32Array = new Int32Array(2);
  /** A message was sent for the cause, which nobody has cleared since. */
  readonly #sent: Int32Array = new Int32Array(2);
  /** Bits 16–30 of EICR and EIMS, and which of them a message was sent for. */
  #otherCause = 0;
  #otherMask = 0;
  #otherSent = 0;
  #multiple = false;
  #messageOfOne = false;
  #asserted = false;
  readonly #allocation: VectorAllocation;
  readonly #moderation: Moderation;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #values: Int32Array;
  readonly #causeAt: number;
  readonly #maskAt: number;
  readonly #maskVectorsAt: number;
  readonly #autoMaskVectorsAt: number;
  readonly #modeAt: number;
  readonly #autoClearAt: number;

  constructor(port: DevicePort, registers: RegisterFile) {
    this.#port = port;
    this.#registers = registers;
    this.#values = registers.values;
    this.#causeAt = registers.map.ordinal(reg.EICR);
    this.#maskAt = registers.map.ordinal(reg.EIMS);
    this.#maskVectorsAt = registers.map.ordinal(reg.EIMS_EX);
    this.#autoMaskVectorsAt = registers.map.ordinal(reg.EIAM_EX);
    this.#allocation = new VectorAllocation(registers);
    this.receiveVector = this.#allocation.receive;
    this.transmitVector = this.#allocation.transmit;
    this.#moderation = new Moderation(port, registers, (vector) => this.#onExpired(vector));
    this.#modeAt = registers.map.ordinal(reg.GPIE);
    this.#autoClearAt = registers.map.ordinal(reg.EIAC);
    this.#hook();
  }

  // ---- causes ----------------------------------------------------------------------------------------------------------

  /** A queue has written descriptors back. `vector` comes from {@link receiveVector} or {@link transmitVector}. */
  queueCause(vector: number): void {
    if (vector < 0) return;
    if (!this.#multiple) {
      this.#cause[0] = (this.#cause[0] as number) | (1 << (vector & 15));
      this.#evaluateOne();
      return;
    }
    const word = vector >> 5;
    const bit = 1 << (vector & 31);
    const due = (this.#mask[word] as number) & ~(this.#sent[word] as number) & bit;
    if (((this.#cause[word] as number) & bit & ~due) !== 0) return; // From a polling driver's second frame on.
    this.#cause[word] = (this.#cause[word] as number) | bit;
    if (due !== 0) this.#offer(vector);
    if (vector < 16) this.#show();
  }

  /** Raises causes 16–30. */
  otherCause(causes: number): void {
    this.#otherCause |= causes & OTHER_CAUSES;
    this.#show();
    this.#evaluate();
  }

  /** EICR without the effects of reading it: what a read of EICS gives. */
  peek(): number {
    return this.#values[this.#causeAt] as number;
  }

  /** Starts the moderation of a vector, so that a write-back that waits is flushed when it runs out. */
  startThrottle(vector: number): void {
    if (vector >= 0) this.#moderation.start(this.#multiple ? vector : 0);
  }

  /** The timer of a vector ran out. */
  onTimer(timer: number): void {
    this.#onExpired(Moderation.vectorOf(timer));
  }

  #onExpired(vector: number): void {
    this.onThrottleExpired(this.#multiple ? vector : NO_VECTOR);
    if (!this.#multiple) this.#evaluateOne();
    else this.#evaluateVector(vector);
  }

  /** MSI-X was enabled or disabled. */
  onConfigChanged(): void {
    this.#chooseMode();
    this.#evaluate();
  }

  reset(): void {
    this.#cause.fill(0);
    this.#mask.fill(0);
    this.#sent.fill(0);
    [this.#otherCause, this.#otherMask, this.#otherSent] = [0, 0, 0];
    this.#allocation.reset();
    this.#chooseMode();
    this.#assert(false);
    for (let vector = 0; vector < VECTOR_COUNT; vector++) this.#port.withdraw?.(vector);
  }

  snapshot(): unknown {
    return {
      vectors: [this.receiveVector.slice(), this.transmitVector.slice()],
      words: [this.#cause.slice(), this.#mask.slice(), this.#sent.slice()],
      other: [this.#otherCause, this.#otherMask, this.#otherSent],
      asserted: [this.#asserted, this.#multiple, this.#messageOfOne],
      moderation: this.#moderation.snapshot(),
    };
  }

  restore(state: unknown): void {
    const { vectors, words, other, asserted, moderation } = state as {
      vectors: [Int8Array, Int8Array];
      words: [Int32Array, Int32Array, Int32Array];
      other: [number, number, number];
      asserted: [boolean, boolean, boolean];
      moderation: Float64Array;
    };
    this.#moderation.restore(moderation);
    this.receiveVector.set(vectors[0]);
    this.transmitVector.set(vectors[1]);
    this.#cause.set(words[0]);
    this.#mask.set(words[1]);
    this.#sent.set(words[2]);
    [this.#otherCause, this.#otherMask, this.#otherSent] = other;
    // Not chosen anew: what is asserted is so in the mode that it was asserted in.
    [this.#asserted, this.#multiple, this.#messageOfOne] = asserted;
  }

  // ---- the driver's accesses -------------------------------------------------------------------------------------------

  #hook(): void {
    const registers = this.#registers;
    registers.onWrite(reg.EICR, (_index, _value, _before, written) => this.#clear(written));
    registers.afterRead(reg.EICR, () => this.#clear(this.#bit(GPIE.OCD.mask) ? CLEARED_WITH_OCD : -1));
    registers.onWrite(reg.EICS, (_index, _value, _before, written) => {
      registers.set(reg.EICS, 0);
      this.#raise(written & VECTOR_CAUSES, 0, written);
    });
    registers.onWrite(reg.EICS_EX, (index, _value, _before, written) => {
      registers.set(reg.EICS_EX, 0, index);
      this.#raise(index === 0 ? written : 0, index === 1 ? written : 0, 0);
    });
    registers.onWrite(reg.EIMS, (_index, _value, _before, written) =>
      this.#setMask(0, written & VECTOR_CAUSES, written),
    );
    registers.onWrite(reg.EIMS_EX, (index, _value, _before, written) => this.#setMask(index, written, 0));
    registers.onWrite(reg.EIMC, (_index, _value, _before, written) => {
      registers.set(reg.EIMC, 0);
      this.#clearMask(0, written & VECTOR_CAUSES, written);
    });
    registers.onWrite(reg.EIMC_EX, (index, _value, _before, written) => {
      registers.set(reg.EIMC_EX, 0, index);
      this.#clearMask(index, written, 0);
    });
    registers.onWrite(reg.EIAM, (_index, value) => {
      const vectors = registers.get(reg.EIAM_EX, 0);
      registers.set(reg.EIAM_EX, (vectors & ~VECTOR_CAUSES) | (value & VECTOR_CAUSES), 0);
    });
    registers.onWrite(reg.EIAM_EX, (index, value) => {
      if (index !== 0) return;
      const causes = registers.get(reg.EIAM);
      registers.set(reg.EIAM, (causes & ~VECTOR_CAUSES) | (value & VECTOR_CAUSES));
    });
    registers.onWrite(reg.GPIE, () => this.onConfigChanged());
    // 8.2.3.6.1: ones clear bits of the pending bit array, vectors 32n and up.
    registers.onWrite(reg.PBACL, (index, _value, _before, written) => {
      for (let vector = 32 * index; vector < Math.min(32 * index + 32, VECTOR_COUNT); vector++) {
        if ((written & (1 << (vector & 31))) !== 0) this.#port.withdraw?.(vector);
      }
    });
  }

  /** EICS: software raises causes, as if they had happened. With GPIE.EIMEN they interrupt whatever EITR says. */
  #raise(low: number, high: number, other: number): void {
    this.#cause[0] = (this.#cause[0] as number) | low;
    this.#cause[1] = (this.#cause[1] as number) | high;
    this.#otherCause |= other & OTHER_CAUSES;
    if (!this.#multiple) {
      // With one interrupt a write of EICS also enables what EIAM names (8.2.3.5.6): the reverse of what EICR does.
      const autoMask = this.#registers.get(reg.EIAM);
      this.#mask[0] = (this.#mask[0] as number) | (autoMask & VECTOR_CAUSES);
      this.#otherMask |= autoMask & OTHER_CAUSES;
    }
    this.#show();
    if (this.#bit(GPIE.EIMEN.mask)) this.#endIntervals(low, high, other & OTHER_CAUSES);
    this.#evaluate();
  }

  /** Ends the moderation of the vectors that are to interrupt for these causes, and of no other. */
  #endIntervals(low: number, high: number, other: number): void {
    const dueOther = other & this.#otherMask;
    if (!this.#multiple) {
      if (!this.#asserted && ((low & (this.#mask[0] as number)) | dueOther) !== 0) this.#moderation.end(0);
      return;
    }
    for (let vector = 0; vector < VECTOR_COUNT; vector++) {
      const word = vector >> 5;
      const due = (word === 0 ? low : high) & (this.#mask[word] as number) & ~(this.#sent[word] as number);
      if ((due & (1 << (vector & 31))) !== 0) this.#moderation.end(vector);
    }
    const unsent = dueOther & ~this.#otherSent;
    if ((unsent & ~TCP_TIMER) !== 0) this.#moderation.end(this.#allocation.other);
    if ((unsent & TCP_TIMER) !== 0) this.#moderation.end(this.#allocation.tcpTimer);
  }

  /**
   * A read of EICR, or ones written to it. Either also masks what EIAM names, except with multiple MSI-X, where sending
   * the message does (8.2.3.5.6).
   */
  #clear(causes: number): void {
    const cleared = (this.#cause[0] as number) & causes & VECTOR_CAUSES;
    const clearedOther = this.#otherCause & causes;
    this.#cause[0] = (this.#cause[0] as number) & ~(causes & VECTOR_CAUSES);
    this.#sent[0] = (this.#sent[0] as number) & (this.#cause[0] as number);
    this.#otherCause &= ~causes;
    this.#otherSent &= this.#otherCause;
    if (this.#multiple && (cleared | clearedOther) !== 0) this.#withdraw(cleared, clearedOther);
    const autoMask = this.#multiple ? 0 : this.#registers.get(reg.EIAM);
    this.#clearMask(0, autoMask & VECTOR_CAUSES, autoMask);
  }

  /** Causes are gone: a message that is still pending for them must not be sent (PCI 3.0, 6.8.3.5). */
  #withdraw(cleared: number, clearedOther: number): void {
    for (let vector = 0; vector < 16; vector++) if ((cleared & (1 << vector)) !== 0) this.#withdrawVector(vector);
    if ((clearedOther & ~TCP_TIMER) !== 0) this.#withdrawVector(this.#allocation.other);
    if ((clearedOther & TCP_TIMER) !== 0) this.#withdrawVector(this.#allocation.tcpTimer);
  }

  #withdrawVector(vector: number): void {
    if (vector < 0 || ((this.#cause[vector >> 5] as number) & (1 << (vector & 31))) !== 0) return;
    const other = this.#otherCause;
    if ((other & ~TCP_TIMER) !== 0 && vector === this.#allocation.other) return;
    if ((other & TCP_TIMER) !== 0 && vector === this.#allocation.tcpTimer) return;
    this.#port.withdraw?.(vector);
  }

  #setMask(word: number, vectors: number, other: number): void {
    // A cause that waited behind the mask interrupts now: cause and mask meet anew.
    this.#sent[word] = (this.#sent[word] as number) & (~vectors | (this.#mask[word] as number));
    this.#otherSent &= ~other | this.#otherMask;
    this.#mask[word] = (this.#mask[word] as number) | vectors;
    this.#otherMask |= other & OTHER_CAUSES;
    this.#show();
    this.#evaluate();
  }

  #clearMask(word: number, vectors: number, other: number): void {
    this.#mask[word] = (this.#mask[word] as number) & ~vectors;
    this.#otherMask &= ~other;
    this.#show();
    if (!this.#multiple) this.#evaluateOne();
  }

  // ---- messages --------------------------------------------------------------------------------------------------------

  #chooseMode(): void {
    const isMsix = this.#port.interruptMode() === "msix";
    const multiple = isMsix && this.#bit(GPIE.MULTIPLE_MSIX.mask);
    // What is asserted in one mode must not stay so in the other.
    if (this.#asserted && (multiple || isMsix !== this.#messageOfOne)) this.#assert(false);
    this.#multiple = multiple;
    this.#messageOfOne = isMsix;
  }

  #evaluate(): void {
    if (!this.#multiple) {
      this.#evaluateOne();
      return;
    }
    for (let word = 0; word < 2; word++) {
      let due = (this.#cause[word] as number) & (this.#mask[word] as number) & ~(this.#sent[word] as number);
      while (due !== 0) {
        const bit = due & -due;
        due &= ~bit;
        this.#offer(word * 32 + 31 - Math.clz32(bit));
      }
    }
    this.#evaluateOther();
  }

  #evaluateVector(vector: number): void {
    const word = vector >> 5;
    const due = (this.#cause[word] as number) & (this.#mask[word] as number) & ~(this.#sent[word] as number);
    if ((due & (1 << (vector & 31))) !== 0) this.#offer(vector);
    this.#evaluateOther();
  }

  #evaluateOther(): void {
    const due = this.#otherCause & this.#otherMask & ~this.#otherSent;
    if (due === 0) return;
    if ((due & ~TCP_TIMER) !== 0) this.#offerOther(this.#allocation.other, due & ~TCP_TIMER);
    if ((due & TCP_TIMER) !== 0) this.#offerOther(this.#allocation.tcpTimer, TCP_TIMER);
  }

  #offerOther(vector: number, causes: number): void {
    if (vector < 0 || this.#moderation.isRunning(vector)) return;
    this.#otherSent |= causes;
    if (this.#bit(GPIE.EIAME.mask)) this.#otherMask &= ~(causes & this.#registers.get(reg.EIAM));
    const autoClear = causes & this.#registers.get(reg.EIAC);
    this.#otherCause &= ~autoClear;
    this.#otherSent &= ~autoClear;
    this.#show();
    this.#send(vector);
  }

  /** Sends the message of a vector whose cause and mask have met, unless moderation makes it wait. */
  #offer(vector: number): void {
    if (this.#moderation.isRunning(vector)) return;
    const word = vector >> 5;
    const bit = 1 << (vector & 31);
    // EIAC knows only the causes that EICR shows; those of the other vectors are gone when their message is.
    if (vector >= 16 || ((this.#values[this.#autoClearAt] as number) & bit) !== 0) {
      this.#cause[word] = (this.#cause[word] as number) & ~bit;
    } else {
      this.#sent[word] = (this.#sent[word] as number) | bit;
    }
    if (this.#bit(GPIE.EIAME.mask) && ((this.#values[this.#autoMaskVectorsAt + word] as number) & bit) !== 0) {
      this.#mask[word] = (this.#mask[word] as number) & ~bit;
    }
    this.#show();
    this.#send(vector);
  }

  #send(vector: number): void {
    this.#moderation.restart(vector);
    this.#port.raise(vector);
  }

  /** INTx, MSI, or MSI-X with one vector: asserted while a cause is enabled; EITR(0) holds back the next assertion. */
  #evaluateOne(): void {
    this.#show();
    const due =
      ((this.#cause[0] as number) & VECTOR_CAUSES & (this.#mask[0] as number)) | (this.#otherCause & this.#otherMask);
    if (due === 0) {
      if (this.#asserted) this.#assert(false);
    } else if (!this.#asserted && !this.#moderation.isRunning(0)) {
      this.#moderation.restart(0);
      this.#assert(true);
    }
  }

  #assert(asserted: boolean): void {
    this.#asserted = asserted;
    if (!this.#messageOfOne) this.#port.setLegacyInterrupt(asserted);
    else if (asserted) this.#port.raise(0);
    else this.#port.withdraw?.(0);
  }

  #bit(mask: number): boolean {
    return ((this.#values[this.#modeAt] as number) & mask) !== 0;
  }

  /** Brings EICR and the mask registers up to date. */
  #show(): void {
    const other = this.#otherCause;
    const values = this.#values;
    const causes = ((this.#cause[0] as number) & VECTOR_CAUSES) | other;
    values[this.#causeAt] = (other & CLEARED_WITH_OCD) === 0 ? causes : causes | OTHER;
    values[this.#maskAt] = ((this.#mask[0] as number) & VECTOR_CAUSES) | this.#otherMask;
    values[this.#maskVectorsAt] = this.#mask[0] as number;
    values[this.#maskVectorsAt + 1] = this.#mask[1] as number;
  }
}
