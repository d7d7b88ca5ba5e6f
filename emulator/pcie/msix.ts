/**
 * The MSI-X table and pending bit array of one function (PCI Local Bus Specification 3.0, 6.8.2 and 6.8.3; PCI Express
 * Base Specification 3.0, 7.7.2). An entry is four 32-bit words: message address low, message address high, message
 * data, vector control.
 */

import type { FindingRecorder } from "../registers/finding-text.ts";
import { checkMsix, type MsixDeclaration, msixPendingBitsByteLength, msixTableByteLength } from "./capabilities.ts";
import { recordMsixWidth, recordVectorChanged } from "./endpoint-findings.ts";

/**
 * Takes the memory write that an MSI or MSI-X message is. The three are signed 32-bit words. The sink puts the message
 * behind the function's earlier posted writes, and drops it when the function is no bus master.
 */
export interface MsiSink {
  deliverMsi(addressHigh: number, addressLow: number, data: number): void;
}

/** Plain data; the arrays are copies that the caller owns. */
export interface MsixSnapshot {
  readonly table: Int32Array;
  readonly pending: Int32Array;
  readonly enabled: boolean;
  readonly functionMasked: boolean;
  readonly droppedRaiseCount: number;
  readonly changedWhileUnmaskedCount: number;
  readonly lastChangedWhileUnmasked: number;
}

const ADDRESS_LOW = 0;
const ADDRESS_HIGH = 1;
const DATA = 2;
const VECTOR_CONTROL = 3;
const MASK_BIT = 0x1;

export class MsixTable {
  readonly vectorCount: number;
  /** Raises while MSI-X was disabled: lost, since the function then uses INTx or MSI. */
  droppedRaiseCount = 0;
  /**
   * Writes that changed the address or data of an entry that could fire: the function may have cached the old values,
   * so the result is undefined (6.8.2). Here the new value counts at once. Each of them is a mistake of the driver.
   */
  changedWhileUnmaskedCount = 0;
  /** The vector of the latest such write, or -1. */
  lastChangedWhileUnmasked = -1;

  readonly #sink: MsiSink;
  readonly #tableOffset: number;
  readonly #tableEnd: number;
  readonly #pendingBitsOffset: number;
  readonly #pendingBitsEnd: number;
  readonly #table: Int32Array;
  readonly #pending: Int32Array;
  #enabled = false;
  #functionMasked = false;

  /** Throws RangeError when the structures overlap, are misaligned or have no or more than 2048 vectors. */
  constructor(declaration: MsixDeclaration, sink: MsiSink) {
    checkMsix(declaration);
    const { vectorCount, tableOffset, pendingBitsOffset } = declaration;
    this.vectorCount = vectorCount;
    this.#sink = sink;
    this.#tableOffset = tableOffset;
    this.#tableEnd = tableOffset + msixTableByteLength(vectorCount);
    this.#pendingBitsOffset = pendingBitsOffset;
    this.#pendingBitsEnd = pendingBitsOffset + msixPendingBitsByteLength(vectorCount);
    this.#table = new Int32Array(4 * vectorCount);
    this.#pending = new Int32Array(msixPendingBitsByteLength(vectorCount) / 4);
    this.reset();
  }

  /** The byte offset in the BAR belongs to the table or to the pending bit array. */
  owns(offset: number): boolean {
    return (
      (offset >= this.#tableOffset && offset < this.#tableEnd) ||
      (offset >= this.#pendingBitsOffset && offset < this.#pendingBitsEnd)
    );
  }

  /**
   * The signed 32-bit word at a byte offset in the BAR; software reads whole words or two of them. An offset that is
   * not owned or not a multiple of 4 gives all ones (-1).
   */
  readWord(offset: number): number {
    if ((offset & 3) !== 0) return -1;
    if (offset >= this.#tableOffset && offset < this.#tableEnd) {
      return this.#table[(offset - this.#tableOffset) >> 2] as number;
    }
    if (offset >= this.#pendingBitsOffset && offset < this.#pendingBitsEnd) {
      return this.#pending[(offset - this.#pendingBitsOffset) >> 2] as number;
    }
    return -1;
  }

  /**
   * Software writes the 32-bit word at a byte offset in the BAR; a quadword is two words, the lower first. Unmasking a
   * pending vector sends its message. Ignored: writes to the pending bits, which the specification leaves undefined,
   * to reserved bits, and to an offset that is not owned or not a multiple of 4.
   */
  writeWord(offset: number, value: number): void {
    if ((offset & 3) !== 0 || offset < this.#tableOffset || offset >= this.#tableEnd) return;
    const index = (offset - this.#tableOffset) >> 2;
    const vector = index >> 2;
    if ((index & 3) === VECTOR_CONTROL) {
      this.#table[index] = value & MASK_BIT;
      this.#deliverIfPending(vector);
      return;
    }
    const word = (index & 3) === ADDRESS_LOW ? value & ~3 : value | 0;
    if (word !== this.#table[index] && this.#mayFire(vector)) {
      this.changedWhileUnmaskedCount++;
      this.lastChangedWhileUnmasked = vector;
    }
    this.#table[index] = word;
  }

  /** A memory write of software to the structures; what of it breaks a rule goes to `recorder`. */
  write(recorder: FindingRecorder, offset: number, byteLength: number, low: number, high: number): void {
    if (byteLength < 4) {
      recordMsixWidth(recorder, offset, byteLength, low);
      return;
    }
    this.writeWord(offset, low);
    if (byteLength === 8) this.writeWord(offset + 4, high);
    if (this.changedWhileUnmaskedCount === 0) return;
    recordVectorChanged(recorder, this.lastChangedWhileUnmasked);
    this.changedWhileUnmaskedCount = 0;
  }

  /**
   * The device asks for an interrupt: a message now, or the pending bit when the vector or the function is masked.
   * Several raises of a masked vector become one message. While MSI-X is disabled the raise is dropped and counted.
   *
   * @returns false, without effect, for a vector outside the table: the driver assigned one that does not exist
   */
  raise(vector: number): boolean {
    if (!(vector >= 0 && vector < this.vectorCount)) return false;
    if (!this.#enabled) {
      this.droppedRaiseCount++;
    } else if (this.#mayFire(vector)) {
      this.#deliver(vector);
    } else {
      const word = vector >> 5;
      this.#pending[word] = (this.#pending[word] as number) | (1 << (vector & 31));
    }
    return true;
  }

  /**
   * The cause of a pending interrupt went away while its vector was masked, say because software read the cause
   * register: the function must clear the bit, or unmasking would send a spurious interrupt (6.8.3.5).
   */
  withdraw(vector: number): void {
    if (!(vector >= 0 && vector < this.vectorCount)) return;
    this.#clearPending(vector);
  }

  /**
   * Software wrote Message Control. When that lets messages out, pending ones are sent in the order of their vectors.
   * Disabling keeps the pending bits: they say what the device wanted to send, and enabling again sends it.
   */
  setControl(enabled: boolean, functionMasked: boolean): void {
    this.#enabled = enabled;
    this.#functionMasked = functionMasked;
    if (!enabled || functionMasked) return;
    for (let word = 0; word < this.#pending.length; word++) {
      if (this.#pending[word] === 0) continue;
      const end = Math.min(32 * word + 32, this.vectorCount);
      for (let vector = 32 * word; vector < end; vector++) this.#deliverIfPending(vector);
    }
  }

  /** All entries masked and zero, nothing pending, MSI-X disabled, counts zero. */
  reset(): void {
    this.#table.fill(0);
    for (let vector = 0; vector < this.vectorCount; vector++) this.#table[4 * vector + VECTOR_CONTROL] = MASK_BIT;
    this.#pending.fill(0);
    this.#enabled = false;
    this.#functionMasked = false;
    this.droppedRaiseCount = 0;
    this.changedWhileUnmaskedCount = 0;
    this.lastChangedWhileUnmasked = -1;
  }

  snapshot(): MsixSnapshot {
    return {
      table: this.#table.slice(),
      pending: this.#pending.slice(),
      enabled: this.#enabled,
      functionMasked: this.#functionMasked,
      droppedRaiseCount: this.droppedRaiseCount,
      changedWhileUnmaskedCount: this.changedWhileUnmaskedCount,
      lastChangedWhileUnmasked: this.lastChangedWhileUnmasked,
    };
  }

  /** Sends nothing. Throws RangeError when the snapshot has another number of vectors. */
  restore(snapshot: MsixSnapshot): void {
    if (snapshot.table.length !== this.#table.length) {
      throw new RangeError(`snapshot of ${snapshot.table.length / 4} vectors; this table has ${this.vectorCount}`);
    }
    this.#table.set(snapshot.table);
    this.#pending.set(snapshot.pending);
    this.#enabled = snapshot.enabled;
    this.#functionMasked = snapshot.functionMasked;
    this.droppedRaiseCount = snapshot.droppedRaiseCount;
    this.changedWhileUnmaskedCount = snapshot.changedWhileUnmaskedCount;
    this.lastChangedWhileUnmasked = snapshot.lastChangedWhileUnmasked;
  }

  #mayFire(vector: number): boolean {
    const control = this.#table[(vector << 2) + VECTOR_CONTROL] as number;
    return this.#enabled && !this.#functionMasked && (control & MASK_BIT) === 0;
  }

  #deliver(vector: number): void {
    const entry = vector << 2;
    const table = this.#table;
    const addressHigh = table[entry + ADDRESS_HIGH] as number;
    this.#sink.deliverMsi(addressHigh, table[entry + ADDRESS_LOW] as number, table[entry + DATA] as number);
  }

  #deliverIfPending(vector: number): void {
    if (((this.#pending[vector >> 5] as number) & (1 << (vector & 31))) === 0 || !this.#mayFire(vector)) return;
    // Cleared first: what is raised while the message is on its way is a message of its own.
    this.#clearPending(vector);
    this.#deliver(vector);
  }

  #clearPending(vector: number): void {
    const word = vector >> 5;
    this.#pending[word] = (this.#pending[word] as number) & ~(1 << (vector & 31));
  }
}
