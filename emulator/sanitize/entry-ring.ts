import type { MemoryView } from "../memory/memory-view.ts";
import type { Allocation } from "./allocation.ts";
import type { Holder } from "./holds.ts";
import * as report from "./memory-findings.ts";
import type { MemoryWatch } from "./memory-watch.ts";
import type { EntryRingView, WatchedEntries } from "./ownership.ts";
import { BY_DEVICE, REPEATED_BY_FAULT, type WrittenBy } from "./written-by.ts";

/** Whose an entry is. */
const DEVICES = 0;
const UNSEEN = 1;
const DRIVERS = 2;

/** See {@link EntryRing.save}. */
interface EntryRingState {
  readonly base: number;
  readonly seen: number;
  readonly flags: Int32Array;
  readonly hasFlag: Uint8Array;
  readonly isMisled: boolean;
}

/**
 * A ring that the device fills and whose entries the driver gives back. An entry is the driver's from when it has seen that
 * it is there until the doorbell; before and behind it is the device's.
 */
export class EntryRing implements Holder, WatchedEntries {
  readonly view: EntryRingView;
  readonly #memory: MemoryWatch;
  /** IOVA of the ring as it was switched on; -1 while nothing is known of it. */
  #base = -1;
  /** Entries that the driver has seen, as the device counts them. */
  #seen = 0;
  /** By slot: the word with the phase as it was written last, and whether it was. */
  #flags: Int32Array = new Int32Array(0);
  #hasFlag: Uint8Array = new Uint8Array(0);
  /** The device has written an entry twice: what the driver makes of that is not its mistake. */
  #isMisled = false;

  constructor(view: EntryRingView, memory: MemoryWatch) {
    this.view = view;
    this.#memory = memory;
  }

  get place(): string {
    return this.view.name;
  }

  get completion(): string {
    return "its phase shows that it was written";
  }

  get release(): string {
    return `${this.view.name} is switched off`;
  }

  nameOf(slot: number): string {
    return `${this.view.entryName} ${slot} of ${this.view.name}`;
  }

  isLive(): boolean {
    return this.view.isLive();
  }

  isBusy(slot: number): boolean {
    return this.#ownerOf(slot) === DEVICES;
  }

  switched(): void {
    const { view } = this;
    if (!view.isLive()) {
      this.forget();
      return;
    }
    const isSame = view.baseIova() === this.#base && view.slotCount() === this.#flags.length;
    // One that was switched off and on again counts from 0.
    if (isSame && (view.producer() - this.#seen) >>> 0 <= this.#flags.length) return;
    this.#base = view.baseIova();
    this.#seen = view.consumer();
    this.#flags = new Int32Array(view.slotCount());
    this.#hasFlag = new Uint8Array(view.slotCount());
    this.#isMisled = false;
  }

  producerSeen(producer: number): void {
    if (this.#base < 0) return;
    if ((this.view.producer() - producer) >>> 0 <= this.#flags.length) this.#noteSeen(producer);
  }

  doneSeen(): void {
    if (this.#base >= 0) this.#noteSeen(this.view.producer());
  }

  /** The driver has just stored into these bytes. */
  stored(iova: number, byteLength: number, allocation: Allocation): void {
    if (!this.#isJudged(iova, byteLength)) return;
    const { findings } = this.#memory;
    for (let slot = this.#slotAt(iova); slot <= this.#slotAt(iova + byteLength - 1); slot++) {
      const owner = this.#ownerOf(slot);
      if (owner === DRIVERS) continue;
      report.recordEntryStore(findings, this, slot, allocation.nameAt(iova), byteLength);
      return;
    }
  }

  /** The driver has just loaded these bytes; {@link loaded} says what they were. */
  checkLoad(iova: number, byteLength: number, allocation: Allocation): void {
    if (!this.#isJudged(iova, byteLength)) return;
    const { entryBytes, phaseOffset } = this.view;
    const flagAt = phaseOffset & ~3;
    const first = this.#slotAt(iova);
    for (let slot = first; slot <= this.#slotAt(iova + byteLength - 1); slot++) {
      const start = this.#base + slot * entryBytes;
      const isLook = iova >= start + flagAt && iova + byteLength <= start + flagAt + 4;
      if (isLook || this.#ownerOf(slot) === DRIVERS) continue;
      report.recordEntryLoad(
        this.#memory.findings,
        this,
        slot,
        this.#isGivenBack(slot),
        allocation.nameAt(iova),
        byteLength,
      );
      return;
    }
  }

  /** What up to 8 of them were. */
  loaded(iova: number, byteLength: number, low: number, high: number): void {
    if (!this.covers(iova, byteLength)) return;
    const { entryBytes, phaseOffset, phaseMask } = this.view;
    const slot = this.#slotAt(iova);
    const at = this.#base + slot * entryBytes + phaseOffset - iova;
    if (at < 0 || at >= byteLength) return;
    const phase = (at < 4 ? low >>> (8 * at) : high >>> (8 * (at - 4))) & phaseMask;
    if (this.#ownerOf(slot) !== UNSEEN) return;
    const entry = this.#newestIn(slot);
    if (phase === this.view.phaseOf(entry)) this.#noteSeen((entry + 1) >>> 0);
  }

  /** The device writes these bytes with a flag among them. */
  written(iova: number, memory: MemoryView, offset: number, byteLength: number, by: WrittenBy): void {
    if (!this.covers(iova, byteLength) || this.#isMisled) return;
    const { entryBytes, phaseOffset } = this.view;
    const slot = this.#slotAt(iova);
    const at = this.#base + slot * entryBytes + (phaseOffset & ~3) - iova;
    if (at < 0 || at + 4 > byteLength) return;
    let flag = 0;
    for (let byte = 0; byte < 4; byte++) flag |= (memory.bytes[offset + at + byte] as number) << (8 * byte);
    if (by === REPEATED_BY_FAULT || (this.#hasFlag[slot] === 1 && this.#flags[slot] === flag)) {
      report.recordRepeated(this.#memory, this.place, this.nameOf(slot), iova, by !== BY_DEVICE);
      this.#isMisled = true;
    }
    this.#flags[slot] = flag;
    this.#hasFlag[slot] = 1;
  }

  /** A slot in these bytes that the device may write to; -1 for none. */
  busySlotIn(iova: number, byteLength: number): number {
    return this.covers(iova, byteLength) && this.isLive() ? this.#slotOf(this.view.producer()) : -1;
  }

  /** These bytes are gone. */
  dropMemory(iova: number, byteLength: number): void {
    if (this.covers(iova, byteLength)) this.forget();
  }

  /** No buffer lies behind an entry. */
  drop(): void {}

  forget(): void {
    this.#base = -1;
    this.#isMisled = false;
  }

  covers(iova: number, byteLength: number): boolean {
    if (this.#base < 0) return false;
    return iova < this.#base + this.#flags.length * this.view.entryBytes && this.#base < iova + byteLength;
  }

  save(): EntryRingState {
    return {
      base: this.#base,
      seen: this.#seen,
      flags: this.#flags.slice(),
      hasFlag: this.#hasFlag.slice(),
      isMisled: this.#isMisled,
    };
  }

  restore(state: unknown): void {
    const { base, seen, flags, hasFlag, isMisled } = state as EntryRingState;
    this.#base = base;
    this.#seen = seen;
    this.#flags = flags.slice();
    this.#hasFlag = hasFlag.slice();
    this.#isMisled = isMisled;
  }

  #isJudged(iova: number, byteLength: number): boolean {
    if (this.#isMisled || !this.covers(iova, byteLength)) return false;
    if (this.isLive()) return true;
    this.forget();
    return false;
  }

  /** Never backwards; and what was given back was seen somehow. */
  #noteSeen(count: number): void {
    const consumer = this.view.consumer();
    const written = (this.view.producer() - consumer) >>> 0;
    const [now, before] = [(count - consumer) >>> 0, (this.#seen - consumer) >>> 0];
    if (now > written || (now <= before && before <= written)) return;
    this.#seen = count >>> 0;
    this.view.entriesSeen?.();
  }

  #ownerOf(slot: number): number {
    const { view } = this;
    const [producer, consumer] = [view.producer(), view.consumer()];
    const written = (producer - consumer) >>> 0;
    // Entries between consumer and producer are written and not given back: the nth of them is this slot's.
    const nth = this.#slotOf(slot - consumer);
    if (nth >= written) return DEVICES;
    return nth < (this.#seen - consumer) >>> 0 && (this.#seen - consumer) >>> 0 <= written ? DRIVERS : UNSEEN;
  }

  /** The entry that was written into a slot last. */
  #newestIn(slot: number): number {
    const consumer = this.view.consumer();
    return (consumer + this.#slotOf(slot - consumer)) >>> 0;
  }

  /** The device's, and it was the driver's before. */
  #isGivenBack(slot: number): boolean {
    return this.#ownerOf(slot) === DEVICES && this.#hasFlag[slot] === 1;
  }

  #slotOf(entry: number): number {
    return entry & (this.#flags.length - 1);
  }

  #slotAt(iova: number): number {
    return Math.max(0, Math.min(this.#flags.length - 1, Math.floor((iova - this.#base) / this.view.entryBytes)));
  }
}
