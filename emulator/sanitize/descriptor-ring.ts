import type { MemoryView } from "../memory/memory-view.ts";
import type { Allocation } from "./allocation.ts";
import type { Hold, Holder } from "./holds.ts";
import * as report from "./memory-findings.ts";
import type { MemoryWatch } from "./memory-watch.ts";
import type { DescriptorRingView, WatchedRing } from "./ownership.ts";
import { BY_DEVICE, REPEATED_BY_FAULT, type WrittenBy } from "./written-by.ts";

/** So often a driver looks for the completion of a descriptor that will have none. */
const VAIN_LOOKS = 16;

/** What a load of a descriptor shows. */
const NO_SIGN = 0;
const NOT_DONE = 1;
const DONE = 2;

/** See {@link DescriptorRing.save}. */
interface RingState {
  readonly base: number;
  readonly tail: number;
  readonly oldest: number;
  readonly held: Uint8Array;
  readonly wasHeld: Uint8Array;
  readonly reports: Uint8Array;
  readonly outstanding: Uint8Array;
  readonly cameBack: Float64Array;
  readonly isMisled: boolean;
  readonly holds: readonly (Hold | undefined)[];
}

/**
 * Which descriptors of a ring, and which buffers behind them, are the device's: from the doorbell until the driver has seen
 * the completion. The device's own index says only whether it is done already.
 */
export class DescriptorRing implements Holder, WatchedRing {
  readonly view: DescriptorRingView;
  readonly #memory: MemoryWatch;
  readonly #words: Int32Array;
  /** IOVA of the ring as it was enabled; -1 while nothing is known of it. */
  #base = -1;
  #tail = 0;
  /** The oldest descriptor whose completion the driver has not seen. */
  #oldest = 0;
  /** By slot: the device's now; the device's at any time before. */
  #held: Uint8Array = new Uint8Array(0);
  #wasHeld: Uint8Array = new Uint8Array(0);
  /** By slot: the device will say that it is done. */
  #reports: Uint8Array = new Uint8Array(0);
  /** By slot: handed over, and not completed since. Goes by the device alone, whatever the driver has seen. */
  #outstanding: Uint8Array = new Uint8Array(0);
  /** By slot: IOVA of the buffer that came back last. */
  #cameBack: Float64Array = new Float64Array(0);
  /** The device has completed a descriptor twice: what the driver makes of that is not its mistake. */
  #isMisled = false;
  #holds: (Hold | undefined)[] = [];
  /** Looks at descriptors that are done, and whose bit will never say so. */
  #vainLooks = 0;

  constructor(view: DescriptorRingView, memory: MemoryWatch) {
    this.view = view;
    this.#memory = memory;
    this.#words = new Int32Array(view.descriptorBytes / 4);
  }

  get place(): string {
    return this.view.name;
  }

  get completion(): string {
    return "its DD bit reads 1";
  }

  nameOf(slot: number): string {
    return `${this.view.descriptorName} ${slot} of ${this.view.name}`;
  }

  isLive(): boolean {
    return this.view.isLive();
  }

  isBusy(slot: number): boolean {
    const head = this.view.head();
    return this.#distance(head, slot) < this.#distance(head, this.view.tail());
  }

  rung(): void {
    const { view } = this;
    if (!view.isLive()) {
      this.forget();
      return;
    }
    const count = view.slotCount();
    if (view.baseIova() !== this.#base || count !== this.#slotCount) this.#adopt(count);
    const allocation = this.#memory.allocationAt(this.#base, count * view.descriptorBytes);
    const tail = view.tail();
    const handed = this.#distance(this.#tail, tail);
    for (let done = 0, slot = this.#tail; done < handed; done++, slot = this.#after(slot)) this.#outstanding[slot] = 1;
    if (allocation === undefined || allocation.isRaw || this.#isMisled) {
      // Whoever writes descriptors past the accessors reads them so too: nothing can be said of this ring.
      this.#releaseAll();
      this.#tail = tail;
      this.#oldest = tail;
      return;
    }
    this.#checkRoom(allocation, handed);
    for (let done = 0; done < handed; done++) {
      this.#take(this.#tail, allocation);
      this.#tail = this.#after(this.#tail);
    }
  }

  headSeen(head: number): void {
    while (this.#oldest !== this.#tail && this.#oldest !== head && !this.isBusy(this.#oldest)) this.#releaseOldest();
  }

  /** The driver has seen that the device is done, whatever it is done with. */
  doneSeen(): void {
    if (this.#base >= 0) this.headSeen(-1);
  }

  /** The driver has just stored into these bytes. */
  stored(iova: number, byteLength: number, allocation: Allocation): void {
    if (!this.covers(iova, byteLength)) return;
    if (!this.isLive()) {
      this.forget();
      return;
    }
    const { descriptorBytes } = this.view;
    const last = Math.floor((iova + byteLength - 1 - this.#base) / descriptorBytes);
    for (let slot = Math.floor((iova - this.#base) / descriptorBytes); slot <= last; slot++) {
      if (this.#held[slot] !== 1) continue;
      report.recordDescriptorStore(this.#memory.findings, this, slot, allocation.nameAt(iova), byteLength);
      this.#release(slot);
    }
  }

  /** The driver has loaded these bytes, up to 8 of them, and got this. */
  loaded(iova: number, byteLength: number, low: number, high: number): void {
    if (!this.covers(iova, byteLength)) return;
    const { descriptorBytes } = this.view;
    const slot = Math.floor((iova - this.#base) / descriptorBytes);
    if (this.#held[slot] !== 1) return;
    const first = iova - this.#base - slot * descriptorBytes;
    const shown = this.#shown(first, byteLength, low, high);
    if (shown === NO_SIGN) return;
    // A bit that is left over from the lap before shows nothing.
    if (this.isBusy(slot)) return;
    if (shown === NOT_DONE) {
      if (this.#reports[slot] === 0 && ++this.#vainLooks === VAIN_LOOKS) this.#recordNeverReported(slot);
      return;
    }
    this.#vainLooks = 0;
    while (this.#oldest !== this.#tail) {
      const isLast = this.#oldest === slot;
      this.#releaseOldest();
      if (isLast) break;
    }
  }

  #recordNeverReported(slot: number): void {
    const iova = this.#base + slot * this.view.descriptorBytes;
    const unseen = this.#distance(this.#oldest, this.#tail);
    report.recordNeverReported(this.#memory.findings, this, slot, iova, VAIN_LOOKS, unseen);
  }

  /** The device writes these bytes, with a flag among them. */
  written(iova: number, memory: MemoryView, offset: number, byteLength: number, by: WrittenBy): void {
    if (!this.covers(iova, byteLength) || this.#isMisled || !this.isLive()) return;
    const { descriptorBytes } = this.view;
    const doneOffset = this.view.doneOffset();
    const last = Math.floor((iova + byteLength - 1 - this.#base) / descriptorBytes);
    for (let slot = Math.floor((iova - this.#base) / descriptorBytes); slot <= last; slot++) {
      const at = this.#base + slot * descriptorBytes + doneOffset - iova;
      if (at < 0 || at >= byteLength || ((memory.bytes[offset + at] as number) & 1) === 0) continue;
      if (this.#outstanding[slot] === 0 || by === REPEATED_BY_FAULT) {
        const slotIova = this.#base + slot * descriptorBytes;
        report.recordRepeated(this.#memory, this.place, this.nameOf(slot), slotIova, by !== BY_DEVICE);
        this.#isMisled = true;
        this.#releaseAll();
        return;
      }
      this.#outstanding[slot] = 0;
    }
  }

  /** "receive descriptor 3 of receive queue 0": with which the buffer at that IOVA came back last. */
  cameBackWith(iova: number): string | undefined {
    const slot = this.#cameBack.indexOf(iova);
    return slot < 0 ? undefined : this.nameOf(slot);
  }

  /** What was loaded from byte `first` of a descriptor on says of it. */
  #shown(first: number, byteLength: number, low: number, high: number): number {
    let shown = NO_SIGN;
    for (let word = first & ~3; word < first + byteLength; word += 4) {
      let bits = this.view.doneBits(word);
      for (let byte = 0; bits !== 0; byte++, bits >>>= 8) {
        const at = word + byte - first;
        if (at < 0 || at >= byteLength || (bits & 0xff) === 0) continue;
        const loaded = at < 4 ? low >>> (8 * at) : high >>> (8 * (at - 4));
        if ((loaded & bits & 0xff) !== 0) return DONE;
        shown = NOT_DONE;
      }
    }
    return shown;
  }

  /** A descriptor in these bytes that the device is not done with; -1 for none. */
  busySlotIn(iova: number, byteLength: number): number {
    if (!this.covers(iova, byteLength) || !this.isLive()) return -1;
    for (let slot = this.view.head(), left = this.#slotCount; left > 0; left--, slot = this.#after(slot))
      if (this.#held[slot] === 1 && this.isBusy(slot)) return slot;
    return -1;
  }

  /** These bytes are gone. */
  dropMemory(iova: number, byteLength: number): void {
    if (this.covers(iova, byteLength)) this.forget();
  }

  /** Nothing of it is the device's any more. */
  forget(): void {
    this.#releaseAll();
    this.#base = -1;
    this.#isMisled = false;
  }

  save(): RingState {
    return {
      base: this.#base,
      tail: this.#tail,
      oldest: this.#oldest,
      held: this.#held.slice(),
      wasHeld: this.#wasHeld.slice(),
      reports: this.#reports.slice(),
      outstanding: this.#outstanding.slice(),
      cameBack: this.#cameBack.slice(),
      isMisled: this.#isMisled,
      holds: this.#holds.slice(),
    };
  }

  restore(state: unknown): void {
    this.#releaseAll();
    const saved = state as RingState;
    const { base, tail, oldest, held, wasHeld, reports, holds } = saved;
    this.#base = base;
    this.#tail = tail;
    this.#oldest = oldest;
    this.#held = held.slice();
    this.#wasHeld = wasHeld.slice();
    this.#reports = reports.slice();
    this.#outstanding = saved.outstanding.slice();
    this.#cameBack = saved.cameBack.slice();
    this.#isMisled = saved.isMisled;
    this.#vainLooks = 0;
    this.#holds = holds.slice();
    for (const hold of holds) if (hold !== undefined) this.#memory.holds.add(hold);
  }

  get #slotCount(): number {
    return this.#held.length;
  }

  /** The queue was enabled, perhaps with another ring. */
  #adopt(slotCount: number): void {
    this.#releaseAll();
    this.#base = this.view.baseIova();
    this.#vainLooks = 0;
    if (slotCount === this.#slotCount) {
      // Most often the same ring in another run.
      this.#wasHeld.fill(0);
      this.#reports.fill(0);
    } else {
      this.#held = new Uint8Array(slotCount);
      this.#wasHeld = new Uint8Array(slotCount);
      this.#reports = new Uint8Array(slotCount);
      this.#outstanding = new Uint8Array(slotCount);
      this.#cameBack = new Float64Array(slotCount);
      this.#holds = new Array(slotCount).fill(undefined);
    }
    // Of a queue that runs already nobody knows what it has not completed.
    this.#outstanding.fill(this.view.head() === 0 ? 0 : 1);
    this.#cameBack.fill(-1);
    this.#isMisled = false;
    this.#tail = this.view.head();
    this.#oldest = this.#tail;
  }

  /** The device takes a ring in which tail and head meet for empty. */
  #checkRoom(allocation: Allocation, handed: number): void {
    const { view } = this;
    const count = this.#slotCount;
    const outstanding = this.#distance(view.head(), this.#tail);
    const isFull = handed > 0 && outstanding + handed >= count;
    if (isFull || (handed === 0 && outstanding === 0 && this.#isAllStored(allocation)))
      report.recordOverfull(this.#memory.findings, view, count, this.#tail, view.head(), outstanding);
  }

  /** Whether every descriptor was written anew: a whole ring is meant to be handed over. */
  #isAllStored(allocation: Allocation): boolean {
    const { descriptorBytes } = this.view;
    for (let slot = 0; slot < this.#slotCount; slot++)
      if (!allocation.wasStored(this.#base + slot * descriptorBytes, descriptorBytes)) return false;
    return true;
  }

  #take(slot: number, allocation: Allocation): void {
    const { view } = this;
    const { findings } = this.#memory;
    const iova = this.#base + slot * view.descriptorBytes;
    const wasStored = allocation.wasStored(iova, view.descriptorBytes);
    allocation.noteHandedOver(iova, view.descriptorBytes);
    if (this.#held[slot] === 1) this.#release(slot);
    if (!this.#memory.readWords(iova, this.#words)) return;
    view.decode(this.#words);
    const isDone = ((this.#words[view.doneOffset() >> 2] as number) & 1) !== 0;
    const isFirst = this.#wasHeld[slot] === 0;
    if (!wasStored && !isDone && (view.use === "writes" || isFirst)) {
      // What is in it is no buffer of anybody's, and that it is written now is no second mistake.
      report.recordNotWritten(findings, this, slot);
      return;
    }
    // What a device writes to, it complains of itself when it fetches it.
    if (isDone && view.use === "reads" && view.reports) report.recordHandedOverDone(findings, this, slot);
    this.#held[slot] = 1;
    this.#wasHeld[slot] = 1;
    this.#reports[slot] = view.reports ? 1 : 0;
    const { bufferIova, bufferBytes } = view;
    if (bufferBytes <= 0) return;
    const other = this.#memory.holds.find(bufferIova, bufferBytes);
    if (other !== undefined && (other.use === "writes" || view.use === "writes"))
      report.recordHandedOverTwice(findings, this, slot, other, bufferIova, this.#memory.cameBackWith(bufferIova));
    const hold: Hold = { holder: this, slot, iova: bufferIova, byteLength: bufferBytes, use: view.use };
    this.#holds[slot] = hold;
    this.#memory.holds.add(hold);
  }

  /** Whether any of these bytes is the ring's. */
  covers(iova: number, byteLength: number): boolean {
    if (this.#base < 0) return false;
    return iova < this.#base + this.#slotCount * this.view.descriptorBytes && this.#base < iova + byteLength;
  }

  #releaseOldest(): void {
    this.#cameBack[this.#oldest] = this.#holds[this.#oldest]?.iova ?? -1;
    this.#release(this.#oldest);
    this.#oldest = this.#after(this.#oldest);
  }

  #release(slot: number): void {
    this.#held[slot] = 0;
    this.drop(slot);
  }

  drop(slot: number): void {
    const hold = this.#holds[slot];
    if (hold === undefined) return;
    this.#memory.holds.remove(hold);
    this.#holds[slot] = undefined;
  }

  #releaseAll(): void {
    for (let slot = 0; slot < this.#slotCount; slot++) this.#release(slot);
    this.#oldest = this.#tail;
  }

  #after(slot: number): number {
    return slot + 1 === this.#slotCount ? 0 : slot + 1;
  }

  #distance(from: number, to: number): number {
    return to >= from ? to - from : to - from + this.#slotCount;
  }
}
