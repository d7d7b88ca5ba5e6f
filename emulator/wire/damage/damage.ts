import type { MemoryView } from "../../memory/memory-view.ts";
import { FRAME_BAD_FCS } from "../../pcie/device-model.ts";
import {
  ARRIVES_NS,
  DamageDecision,
  DamageScript,
  DUPLICATE_DELAY_NS,
  REORDER_WITHIN_NS,
  RuleChance,
} from "./damage-decision.ts";
import { checkDamagePlan, type DamagePlan } from "./damage-plan.ts";
import { HeldFrames } from "./held-frames.ts";
import { type DamageKind, DamageLedger } from "./ledger.ts";

/** The frame that was pushed last, in its owner's memory. */
const CURRENT = -1;

/**
 * A wire that loses, doubles, delays, reorders and damages frames, as a plan says, and keeps the books. Frames go in with
 * the time at which they are to arrive, and come out in the order and at the times at which they do:
 *
 * ```ts
 * damage.timeNs[0] = 1000;
 * damage.push(memory, offset, byteLength, 0);
 * for (; damage.peek(); damage.release()) deliver(damage.memory, damage.offset, damage.byteLength, damage.flags);
 * damage.end(); // then once more
 * ```
 *
 * What comes out must be taken before the next frame goes in: an undamaged frame is not copied. It knows no clock, only
 * the times of the frames: the same plan does the same to the same frames on the wall clock and in virtual time, and a
 * frame that is held comes out when the next one shows that its time has come.
 */
export class Damage {
  readonly ledger: DamageLedger;
  /** Argument of {@link push}: when the frame is to arrive, never before the one pushed before it. */
  readonly timeNs: Float64Array = new Float64Array(1);
  /** Set by {@link peek}: where the frame that comes out lies, and when it does. Good until the next push. */
  memory: MemoryView;
  offset = 0;
  byteLength = 0;
  flags = 0;
  readonly outNs: Float64Array = new Float64Array(1);
  readonly #rules: readonly RuleChance[];
  readonly #script: DamageScript;
  readonly #decision = new DamageDecision();
  readonly #held = new HeldFrames();
  /** Slots on their way out, and when they are. */
  #ready = new Int32Array(16);
  #readyNs = new Float64Array(16);
  #readyFirst = 0;
  #readyCount = 0;
  /** Slots whose frames wait to be overtaken, by how many they still want and were overtaken by, and the rule. */
  readonly #waiting: number[] = [];
  readonly #wanted: number[] = [];
  readonly #overtakers: number[] = [];
  readonly #waitingRule: number[] = [];
  /** By slot: when the frame was to arrive. */
  readonly #dueNs: number[] = [];
  /** By slot: the bit that flipped in it, -1 for none. */
  readonly #flippedBit: number[] = [];
  // The frame pushed last.
  #currentMemory: MemoryView;
  #currentOffset = 0;
  #currentByteLength = 0;
  #currentFlags = 0;
  /** Index of the next frame, and of the current one: set `frameIndex` before a push to number frames otherwise. */
  frameIndex = 0;
  #currentIndex = 0;

  /** @throws RangeError when the plan makes no sense. */
  constructor(plan: DamagePlan, memory: MemoryView) {
    checkDamagePlan(plan);
    this.memory = memory;
    this.#currentMemory = memory;
    this.ledger = new DamageLedger(plan.protocol ?? "auto");
    this.#rules = (plan.rules ?? []).map((rule, index) => new RuleChance(rule, index, plan.seed ?? 1));
    this.#script = new DamageScript(plan);
  }

  /** A frame without FCS, due at {@link timeNs}; its memory must not change before the next push. */
  push(memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.#currentMemory = memory;
    this.#currentOffset = offset;
    this.#currentByteLength = byteLength;
    this.#currentFlags = flags;
    this.#currentIndex = this.frameIndex++;
    this.#mature(this.timeNs);
    this.#readCurrent();
    this.ledger.offer();
    this.#decide(byteLength);
    this.#carryOut();
  }

  /** No frame follows: all that are held come out, at their times. */
  end(): void {
    this.#mature(END_OF_TIME);
  }

  /** Points the fields at the next frame that comes out. False when there is none before the next push or end. */
  peek(): boolean {
    if (this.#readyCount === 0) return false;
    const slot = this.#ready[this.#readyFirst] as number;
    this.outNs[0] = this.#readyNs[this.#readyFirst] as number;
    const isCurrent = slot === CURRENT;
    this.memory = isCurrent ? this.#currentMemory : this.#held.memory(slot);
    this.offset = isCurrent ? this.#currentOffset : 0;
    this.byteLength = isCurrent ? this.#currentByteLength : this.#held.byteLength(slot);
    this.flags = isCurrent ? this.#currentFlags : this.#held.flags(slot);
    return true;
  }

  /** Takes the frame that {@link peek} showed. */
  release(): void {
    const slot = this.#ready[this.#readyFirst] as number;
    if (slot !== CURRENT) this.#held.give(slot);
    this.#readyFirst = (this.#readyFirst + 1) % this.#ready.length;
    this.#readyCount--;
  }

  #decide(byteLength: number): void {
    const decision = this.#decision;
    decision.reset(this.timeNs);
    for (let index = 0; index < this.#rules.length; index++) {
      const rule = this.#rules[index] as RuleChance;
      if (rule.fits(this.#currentIndex, this.ledger.frame)) rule.decide(byteLength, decision);
    }
    this.#script.decide(this.#currentIndex, byteLength, decision);
  }

  #carryOut(): void {
    const decision = this.#decision;
    const times = decision.timesNs;
    const arrivesNs = times[ARRIVES_NS] as number;
    if (decision.isLost) {
      this.#book(decision.isBurst ? "burst-lost" : "lost", decision.lossRule, Number.NaN, 0);
      return;
    }
    if (decision.isDelayed) this.#book("delayed", decision.delayRule, arrivesNs, 0);
    let slot = CURRENT;
    if (decision.bit >= 0) slot = this.#corrupted(decision.bit, arrivesNs);
    const copyNs = arrivesNs + (times[DUPLICATE_DELAY_NS] as number);
    if (decision.isDuplicated) this.#book("duplicated", decision.duplicateRule, copyNs, 0);
    if (decision.overtakers > 0) this.#letOvertake(slot, arrivesNs);
    else this.#sendOn(slot, arrivesNs);
    if (!decision.isDuplicated) return;
    // Another frame may have come out behind the first copy, and stands in the books' hands.
    this.#readCurrent();
    this.#sendOn(CURRENT, copyNs);
  }

  /** A frame that came with a wrong FCS is nobody's: what it says of itself is not believed. */
  #readCurrent(): void {
    const { frame } = this.ledger;
    frame.read(this.#currentMemory.bytes, this.#currentOffset, this.#currentByteLength);
    if ((this.#currentFlags & FRAME_BAD_FCS) !== 0) frame.hasSequence = false;
  }

  /** The frame goes out now, or is held until its time. */
  #sendOn(slot: number, arrivesNs: number): void {
    if (arrivesNs <= (this.timeNs[0] as number)) {
      this.#out(slot, arrivesNs, this.#currentIndex);
      return;
    }
    const held = slot === CURRENT ? this.#copy() : slot;
    this.#held.releaseNs[0] = arrivesNs;
    this.#held.hold(held);
  }

  /** The frame is held until enough later ones have overtaken it, or its patience is at an end. */
  #letOvertake(slot: number, arrivesNs: number): void {
    const held = slot === CURRENT ? this.#copy() : slot;
    this.#held.releaseNs[0] = arrivesNs + (this.#decision.timesNs[REORDER_WITHIN_NS] as number);
    this.#held.hold(held);
    this.#waiting.push(held);
    this.#wanted.push(this.#decision.overtakers);
    this.#overtakers.push(0);
    this.#waitingRule.push(this.#decision.reorderRule);
    this.#dueNs[held] = arrivesNs;
  }

  /** Lets everything out that is due by `byNs[0]`. */
  #mature(byNs: Float64Array): void {
    for (let slot = this.#held.first(); slot >= 0; slot = this.#held.first()) {
      const releaseNs = this.#held.release(slot);
      if (releaseNs > (byNs[0] as number)) return;
      this.#held.takeFirst();
      this.#letOut(slot, releaseNs);
    }
  }

  /** A held frame comes out, and is read again for the books. */
  #letOut(slot: number, outNs: number): void {
    const frameIndex = this.#held.frame(slot);
    this.#readHeld(slot);
    const waitingIndex = this.#waiting.indexOf(slot);
    if (waitingIndex >= 0) {
      const [rule = -1] = this.#waitingRule.splice(waitingIndex, 1);
      const [overtakers = 0] = this.#overtakers.splice(waitingIndex, 1);
      this.#waiting.splice(waitingIndex, 1);
      this.#wanted.splice(waitingIndex, 1);
      this.ledger.timesNs[0] = this.#dueNs[slot] as number;
      this.ledger.timesNs[1] = outNs;
      this.ledger.book("reordered", frameIndex, rule, overtakers);
    }
    this.#out(slot, outNs, frameIndex);
  }

  /** Reads a held frame as it was before a bit flipped: the books are about what was sent. */
  #readHeld(slot: number): void {
    const { bytes } = this.#held.memory(slot);
    const bit = this.#flippedBit[slot] ?? -1;
    if (bit >= 0) flip(bytes, bit);
    this.ledger.frame.read(bytes, 0, this.#held.byteLength(slot));
    if (bit >= 0) flip(bytes, bit);
    else if ((this.#held.flags(slot) & FRAME_BAD_FCS) !== 0) this.ledger.frame.hasSequence = false;
  }

  /** The frame in the ledger's hands leaves. Whoever waited for it to overtake may come out behind it. */
  #out(slot: number, outNs: number, frameIndex: number): void {
    const flags = slot === CURRENT ? this.#currentFlags : this.#held.flags(slot);
    this.ledger.pass(frameIndex, (flags & FRAME_BAD_FCS) === 0);
    if (this.#readyCount === this.#ready.length) this.#growReady();
    const at = (this.#readyFirst + this.#readyCount++) % this.#ready.length;
    this.#ready[at] = slot;
    this.#readyNs[at] = outNs;
    if (this.#waiting.length > 0) this.#countOvertaking(outNs, frameIndex);
  }

  #countOvertaking(outNs: number, frameIndex: number): void {
    for (let index = 0; index < this.#waiting.length; index++) {
      if (this.#held.frame(this.#waiting[index] as number) < frameIndex) (this.#overtakers[index] as number)++;
    }
    for (let index = 0; index < this.#waiting.length; index++) {
      if ((this.#overtakers[index] as number) < (this.#wanted[index] as number)) continue;
      const slot = this.#waiting[index] as number;
      this.#held.take(slot);
      this.#letOut(slot, outNs);
      // Letting it out may have let others out: look again from the start. The list is as short as frames are wanted.
      index = -1;
    }
  }

  #corrupted(bit: number, arrivesNs: number): number {
    const slot = this.#copy();
    flip(this.#held.memory(slot).bytes, bit);
    this.#flippedBit[slot] = bit;
    this.#held.setFlags(slot, this.#currentFlags | FRAME_BAD_FCS);
    this.#book("corrupted", this.#decision.corruptRule, arrivesNs, bit);
    return slot;
  }

  #copy(): number {
    const slot = this.#held.copy(
      this.#currentMemory,
      this.#currentOffset,
      this.#currentByteLength,
      this.#currentFlags,
      this.#currentIndex,
    );
    this.#flippedBit[slot] = -1;
    return slot;
  }

  #book(kind: DamageKind, rule: number, newNs: number, detail: number): void {
    this.ledger.timesNs[0] = this.timeNs[0] as number;
    this.ledger.timesNs[1] = newNs;
    this.ledger.book(kind, this.#currentIndex, rule, detail);
  }

  #growReady(): void {
    const length = this.#ready.length;
    const ready = new Int32Array(2 * length);
    const times = new Float64Array(2 * length);
    for (let index = 0; index < this.#readyCount; index++) {
      const at = (this.#readyFirst + index) % length;
      ready[index] = this.#ready[at] as number;
      times[index] = this.#readyNs[at] as number;
    }
    this.#ready = ready;
    this.#readyNs = times;
    this.#readyFirst = 0;
  }
}

const END_OF_TIME: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);

function flip(bytes: Uint8Array, bit: number): void {
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
}
