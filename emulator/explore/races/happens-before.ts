import * as k from "../kinds.ts";
import { Clocks, ENTRIES, FENCED, FENCED_IO, FIRST_DEVICE, FUTEX, LOADS, STORES, VECTORS } from "./clocks.ts";

/** Landings of which is remembered what they have published: as many as a load may look behind, and some. */
const LANDING_LIMIT = 256;

/**
 * What happens before what: each barrier, doorbell, message and completion of a run, as the memory model and the bus have
 * it, moves the clocks of CPUs and devices.
 *
 * - A plain store publishes what is behind the last write barrier of its CPU, and in `sc` and `tso` all that is before it.
 * - What a load has seen published is before the stores that follow it (no load is put off behind a store), and before the
 *   loads that follow a read barrier; in `sc` and `tso`, before all that follows.
 * - An MMIO write carries to the device what its CPU's stores are behind; a relaxed one, what was behind a wmb.
 * - A DMA write publishes all that its device has done; with relaxed ordering, what a read of the device has pushed. A message carries
 *   that to the CPU that takes the interrupt, the completion of a read to the CPU that reads. A line that overtakes DMA
 *   carries nothing that the device has written.
 */
export class HappensBefore {
  readonly clocks: Clocks = new Clocks();
  /** By CPU: name of the row in which its plain stores publish; 0 before its first write barrier. */
  readonly #fenced = new Int32Array(k.CPU_LIMIT);
  /** By device: the epoch up to which all that it has written is in memory for sure, as a read has pushed it. */
  readonly #pushed = new Int32Array(k.DEVICE_LIMIT);
  readonly #landedTick = new Int32Array(LANDING_LIMIT);
  readonly #landedRelease = new Int32Array(LANDING_LIMIT);

  reset(): void {
    this.clocks.reset();
    this.#fenced.fill(0);
    this.#pushed.fill(0);
    this.#landedTick.fill(0);
  }

  // ---- barriers -----------------------------------------------------------------------------------------------------

  readBarrier(cpu: number): void {
    this.clocks.copy(LOADS + cpu, STORES + cpu);
  }

  /** `isForIo`: relaxed MMIO writes wait for it too, as for wmb; for dmaWmb and unlock they do not. */
  writeBarrier(cpu: number, isForIo: boolean): void {
    const { clocks } = this;
    clocks.copy(FENCED + cpu, STORES + cpu);
    if (isForIo) clocks.copy(FENCED_IO + cpu, STORES + cpu);
    this.#fenced[cpu] = clocks.release(FENCED + cpu);
    clocks.endEpoch(cpu);
  }

  // ---- what stores publish, and loads see ---------------------------------------------------------------------------

  /** What a plain store publishes: names it. 0 is nothing. */
  publishFenced(cpu: number): number {
    const name = this.#fenced[cpu] as number;
    if (name === 0 || this.clocks.isKept(name)) return name;
    this.#fenced[cpu] = this.clocks.release(FENCED + cpu);
    return this.#fenced[cpu] as number;
  }

  /** The same where nothing is reordered, or for all that a device has done. Ends the epoch. */
  publish(actor: number): number {
    const { clocks } = this;
    const name = clocks.release(actor < FIRST_DEVICE ? STORES + actor : LOADS + actor);
    clocks.endEpoch(actor);
    return name;
  }

  /** `isAtOnce`: loads that follow are behind it too, without a barrier. */
  acquire(cpu: number, name: number, isAtOnce: boolean): void {
    if (name === 0) return;
    this.clocks.acquire(STORES + cpu, name);
    if (isAtOnce) this.clocks.acquire(LOADS + cpu, name);
  }

  /** What landed at a tick has published this. */
  noteLanding(tick: number, name: number): void {
    this.#landedTick[tick % LANDING_LIMIT] = tick;
    this.#landedRelease[tick % LANDING_LIMIT] = name;
  }

  releaseAt(tick: number): number {
    return this.#landedTick[tick % LANDING_LIMIT] === tick ? (this.#landedRelease[tick % LANDING_LIMIT] as number) : 0;
  }

  // ---- what is on its way -------------------------------------------------------------------------------------------

  mmioSent(cpu: number, at: number, isOrdered: boolean): void {
    this.clocks.copy(ENTRIES + at, isOrdered ? STORES + cpu : FENCED_IO + cpu);
    this.clocks.endEpoch(cpu);
  }

  /** It goes on in another queue. */
  moved(from: number, to: number): void {
    this.clocks.copy(ENTRIES + to, ENTRIES + from);
  }

  writeArrived(at: number, device: number): void {
    this.clocks.join(LOADS + FIRST_DEVICE + device, ENTRIES + at);
  }

  /** Something of a device sets out: up to the host, or to fetch memory. */
  setOut(at: number, device: number): void {
    this.clocks.copy(ENTRIES + at, LOADS + FIRST_DEVICE + device);
  }

  /** A device has read memory, and none of its own writes is on its way any more. */
  pushed(device: number): void {
    this.#pushed[device] = this.clocks.epochs[FIRST_DEVICE + device] as number;
    this.clocks.endEpoch(FIRST_DEVICE + device);
  }

  /** The DMA write at this place may pass those before it. Returns what it publishes: nothing that may still be on its way. */
  publishAlone(at: number, device: number): number {
    this.clocks.set(ENTRIES + at, FIRST_DEVICE + device, this.#pushed[device] as number);
    return this.clocks.release(ENTRIES + at);
  }

  /** `isRelaxed`: the read was a relaxed one, which holds nothing back. */
  completed(at: number, cpu: number, isRelaxed: boolean): void {
    this.clocks.join(STORES + cpu, ENTRIES + at);
    if (!isRelaxed) this.readBarrier(cpu);
  }

  // ---- interrupts and sleep -----------------------------------------------------------------------------------------

  messageLanded(at: number, vector: number): void {
    this.clocks.join(VECTORS + vector, ENTRIES + at);
  }

  /** A line that overtakes everything. */
  lineRaised(device: number, vector: number): void {
    const actor = FIRST_DEVICE + device;
    this.clocks.set(LOADS + actor, actor, 0);
    this.clocks.join(VECTORS + vector, LOADS + actor);
    // Which sets right what was taken out.
    this.clocks.endEpoch(actor);
  }

  /** A CPU has heard of an interrupt: by its handler, by waiting, or by looking. -1: of none. */
  interrupted(cpu: number, vector: number): void {
    if (vector >= 0) this.clocks.join(STORES + cpu, VECTORS + vector);
    this.readBarrier(cpu);
  }

  /** The epoch of a CPU up to which a vector's messages were sent behind what it had done. */
  causeOf(vector: number, cpu: number): number {
    return this.clocks.at(VECTORS + vector, cpu);
  }

  notified(cpu: number): void {
    this.clocks.join(FUTEX, STORES + cpu);
    this.clocks.endEpoch(cpu);
  }

  woken(cpu: number): void {
    this.#learn(cpu, FUTEX);
  }

  /** A CPU has waited until another one's handlers were over. */
  synchronised(cpu: number, other: number): void {
    this.#learn(cpu, STORES + other);
    this.clocks.endEpoch(other);
  }

  /** The devices have come to rest, and the testbed has waited for it: everything is before what follows. */
  settled(cpu: number): void {
    for (let actor = 0; actor < FIRST_DEVICE + k.DEVICE_LIMIT; actor++) {
      this.#learn(cpu, LOADS + actor);
      this.clocks.endEpoch(actor);
    }
  }

  #learn(cpu: number, row: number): void {
    this.clocks.join(STORES + cpu, row);
    this.clocks.join(LOADS + cpu, row);
  }
}
