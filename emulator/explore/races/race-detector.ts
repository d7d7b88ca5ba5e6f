import * as k from "../kinds.ts";
import type { ExplorerState } from "../state.ts";
import { HOLDS, IS_RACY, LOOKS_BACK, TOOK } from "../tokens/token-page.ts";
import {
  CARD,
  DECLARED,
  DEVICE_DATA,
  DEVICE_FLAG,
  FIRST_DEVICE_SITE,
  SYNCHRONISES,
  siteOf,
  whoseSite,
} from "./access-marks.ts";
import { Clocks, ENTRIES, FENCED, FENCED_IO, FIRST_DEVICE, FUTEX, LOADS, STORES, VECTORS } from "./clocks.ts";
import { RaceList } from "./race-list.ts";
import { Shadow } from "./shadow.ts";
import { TaskRaces } from "./task-races.ts";
import { ThreadMarks } from "./thread-marks.ts";

/** Landings of which is remembered what they have published: as many as a load may look behind, and some. */
const LANDING_LIMIT = 256;

/**
 * Finds data races on host memory by what happens before what, with vector clocks (FastTrack): two accesses that overlap,
 * one of them a write, that nothing puts in an order. It needs no luck with the schedule: where a barrier is missing,
 * the order is missing in every run in which both accesses come.
 *
 * What orders is what the memory model says. In `relaxed` a load sees what a store published that is behind a
 * write barrier, and only what comes after a read barrier is behind it. In `sc` and `tso` every load and store is
 * both. DMA writes publish everything before them, but for those with relaxed ordering; an MMIO write carries to the device
 * what the stores before it are behind, a message to its handler what the device is behind, and so does the completion
 * of a read.
 *
 * The steps of an execution tell it what they do. It changes nothing of a run, and allocates nothing in one.
 */
export class RaceDetector {
  readonly races: RaceList = new RaceList();
  readonly shadow: Shadow;
  readonly #state: ExplorerState;
  readonly #clocks = new Clocks();
  readonly #marks = new ThreadMarks();
  readonly #tasks: TaskRaces;
  /** By CPU: name of the row in which its plain stores publish; 0 before its first write barrier. */
  readonly #fenced = new Int32Array(k.CPU_LIMIT);
  /** By CPU: 1 while the driver says that what it reads may change meanwhile; 2 when it has to look back behind a barrier. */
  readonly #declared = new Uint8Array(k.CPU_LIMIT);
  readonly #declaredSite = new Int32Array(k.CPU_LIMIT);
  // Of what is on its way, by place: who sent it, when, and what it publishes.
  readonly #site = new Int32Array(k.IN_FLIGHT_LIMIT);
  readonly #epoch = new Int32Array(k.IN_FLIGHT_LIMIT);
  readonly #mark = new Uint8Array(k.IN_FLIGHT_LIMIT);
  readonly #release = new Int32Array(k.IN_FLIGHT_LIMIT);
  /** Where the flag word of a card's write is; -1 for none. */
  readonly #flagAt = new Int32Array(k.IN_FLIGHT_LIMIT);
  readonly #landedTick = new Int32Array(LANDING_LIMIT);
  readonly #landedRelease = new Int32Array(LANDING_LIMIT);
  /** Byte ranges in which races are meant: start and end by turns. */
  readonly #meant: number[] = [];

  constructor(state: ExplorerState) {
    this.#state = state;
    this.shadow = new Shadow(state.barBase);
    this.#tasks = new TaskRaces(state, this.shadow, this.#clocks, this.races);
  }

  reset(): void {
    this.races.reset();
    this.shadow.reset();
    this.#clocks.reset();
    this.#marks.reset();
    this.#tasks.reset();
    this.#fenced.fill(0);
    this.#declared.fill(0);
    this.#landedTick.fill(0);
  }

  /** Races at these addresses are meant, in all runs. */
  allowAt(address: number, byteLength: number): void {
    this.#meant.push(address, address + byteLength);
  }

  /** The run is over: nothing comes any more behind the accesses that wait for what their thread does next. */
  finish(): void {
    for (let thread = 0; thread < k.THREAD_LIMIT; thread++) this.#settle(thread);
  }

  // ---- a thread's operation begins ----------------------------------------------------------------------------------

  operation(thread: number): void {
    const state = this.#state;
    const cpu = state.cpuOf[thread] as number;
    if (cpu < 0) return;
    const kind = state.kind[thread] as number;
    const marks = this.#marks;
    const loadMark = marks.loadMarkBefore(thread, kind, state.address[thread] as number);
    if (loadMark >= 0) this.#settleLoad(thread, loadMark);
    const storeMark = marks.storeMarkBefore(thread, kind);
    if (storeMark >= 0) this.#settleStore(thread, storeMark);
    switch (kind) {
      case k.RMB:
      case k.DMA_RMB:
        this.#readBarrier(cpu);
        return;
      case k.MB:
        this.#readBarrier(cpu);
        this.#writeBarrier(cpu, true);
        marks.barrier(thread, true);
        return;
      case k.WMB:
        this.#writeBarrier(cpu, true);
        marks.barrier(thread, false);
        return;
      case k.DMA_WMB:
        this.#writeBarrier(cpu, false);
        marks.barrier(thread, false);
        return;
      case k.STORE_RELEASE:
        this.#writeBarrier(cpu, true);
        return;
      case k.UNLOCK:
        this.#writeBarrier(cpu, false);
        return;
      case k.MMIO_WRITE:
        this.#writeBarrier(cpu, true);
        return;
      case k.FUTEX_NOTIFY:
        this.#clocks.join(FUTEX, STORES + cpu);
        this.#clocks.endEpoch(cpu);
        return;
      case k.SYNCHRONIZE_IRQ: {
        const handler = state.handlerOf[state.operand[thread] as number] as number;
        const other = handler < 0 ? cpu : (state.cpuOf[handler] as number);
        this.#learn(cpu, STORES + other);
        this.#clocks.endEpoch(other);
        this.#tasks.synchronised(cpu);
        return;
      }
      default:
    }
  }

  /** What a CPU accesses from here on, others may access meanwhile: the driver says so. */
  beginRacy(cpu: number): void {
    this.#declared[cpu] = 1;
    this.#declaredSite[cpu] = -1;
  }

  /** `looksBack`: the next load is to check what was read, and has to be behind a read barrier. */
  endRacy(cpu: number, looksBack: boolean): void {
    if (this.#declared[cpu] === 1) this.#declared[cpu] = looksBack && this.#declaredSite[cpu] !== -1 ? 2 : 0;
  }

  /** What a CPU in another thread has done since its last operation: see token-page.ts. */
  heard(cpu: number, vector: number, what: number): void {
    if ((what & HOLDS) === 0 && this.#state.irqHeld[cpu] === 1) this.#tasks.irqRestored(cpu);
    if ((what & TOOK) !== 0) this.interrupted(cpu, vector);
    if ((what & IS_RACY) === 0) this.endRacy(cpu, (what & LOOKS_BACK) !== 0);
    else if (this.#declared[cpu] !== 1) this.beginRacy(cpu);
  }

  // ---- memory, as CPUs access it ------------------------------------------------------------------------------------

  /**
   * A load has returned what landed at `tick` (not -1: an older version), or what is newest. `isPoll`: an announced poll,
   * by which a thread synchronises.
   */
  load(thread: number, address: number, byteLength: number, tick: number, isPoll: boolean): void {
    const state = this.#state;
    const cpu = state.cpuOf[thread] as number;
    const clocks = this.#clocks;
    const site = this.#siteOf(thread);
    const isAcquire = state.kind[thread] === k.LOAD_ACQUIRE;
    let mark = DECLARED;
    if (this.#declared[cpu] === 1) this.#declaredSite[cpu] = site;
    else {
      if (this.#declared[cpu] === 2) this.#lookBack(cpu, site, address);
      mark = isAcquire || isPoll ? SYNCHRONISES : this.#marks.load(thread, site, address, byteLength);
    }
    const count = this.shadow.find(address, byteLength);
    this.#read(count, cpu, LOADS + cpu, site, mark, tick < 0);
    if (!this.#isHandler(thread) && mark !== DECLARED) this.#tasks.read(thread, count);
    const before = isAcquire || state.model !== k.RELAXED;
    if (tick >= 0) this.#acquire(cpu, this.#releaseAt(tick), before);
    else for (let at = 0; at < count; at++) this.#acquire(cpu, this.#releaseOf(at), before);
  }

  /** A store has landed at once: there are no store buffers. */
  storeNow(thread: number, address: number, byteLength: number): void {
    const cpu = this.#state.cpuOf[thread] as number;
    const mark = this.#markOfStore(thread, address, byteLength);
    this.#noteStore(thread, mark, address, byteLength);
    const epoch = this.#clocks.epochs[cpu] as number;
    const release = this.#publish(cpu);
    this.#write(cpu, STORES + cpu, epoch, this.#siteOf(thread), mark, release, address, byteLength);
    this.#noteLanding(this.#state.timeline.tick, release);
  }

  /** A store is in its store buffer, at this place of what is on its way. */
  storeBuffered(thread: number, at: number): void {
    const state = this.#state;
    const cpu = state.cpuOf[thread] as number;
    const [address, byteLength] = [state.address[thread] as number, state.byteLength[thread] as number];
    const mark = this.#markOfStore(thread, address, byteLength);
    this.#noteStore(thread, mark, address, byteLength);
    this.#mark[at] = mark;
    this.#site[at] = this.#siteOf(thread);
    this.#clocks.copy(ENTRIES + at, STORES + cpu);
    this.#epoch[at] = this.#clocks.epochs[cpu] as number;
    this.#release[at] = state.model === k.RELAXED ? this.#fencedRelease(cpu) : this.#publish(cpu);
  }

  /** It has left the buffer and is in memory. */
  storeLanded(at: number, cpu: number, address: number, byteLength: number): void {
    const [epoch, site, mark] = [this.#epoch[at] as number, this.#site[at] as number, this.#mark[at] as number];
    this.#write(cpu, ENTRIES + at, epoch, site, mark, this.#release[at] as number, address, byteLength);
    this.#noteLanding(this.#state.timeline.tick, this.#release[at] as number);
  }

  /** An atomic access, which is a full barrier too. */
  atomic(thread: number, address: number, byteLength: number, hasWritten: boolean): void {
    const cpu = this.#state.cpuOf[thread] as number;
    const site = this.#siteOf(thread);
    const count = this.shadow.find(address, byteLength);
    this.#read(count, cpu, LOADS + cpu, site, SYNCHRONISES, true);
    for (let at = 0; at < count; at++) this.#acquire(cpu, this.#releaseOf(at), true);
    this.#readBarrier(cpu);
    const epoch = this.#clocks.epochs[cpu] as number;
    this.#writeBarrier(cpu, true);
    this.#marks.barrier(thread, true);
    if (!hasWritten) return;
    const release = this.#fencedRelease(cpu);
    this.#write(cpu, STORES + cpu, epoch, site, SYNCHRONISES, release, address, byteLength);
    this.#noteLanding(this.#state.timeline.tick, release);
    if (this.#isHandler(thread)) this.#tasks.stored(thread, this.shadow.find(address, byteLength));
  }

  // ---- between CPUs and devices -------------------------------------------------------------------------------------

  /** An MMIO write is on its way, or in a buffer before it. */
  mmioSent(thread: number, at: number): void {
    const state = this.#state;
    const cpu = state.cpuOf[thread] as number;
    const isOrdered = state.kind[thread] === k.MMIO_WRITE || state.model !== k.RELAXED;
    this.#clocks.copy(ENTRIES + at, isOrdered ? STORES + cpu : FENCED_IO + cpu);
    this.#clocks.endEpoch(cpu);
  }

  /** What is on its way goes on in another queue. */
  moved(from: number, to: number): void {
    this.#clocks.copy(ENTRIES + to, ENTRIES + from);
  }

  writeArrived(at: number, device: number): void {
    this.#clocks.join(LOADS + FIRST_DEVICE + device, ENTRIES + at);
  }

  /** A device sends something up: a DMA write, a message, a completion, a line as a message. */
  sentUp(device: number, at: number): void {
    const state = this.#state;
    const { flight } = state;
    const actor = FIRST_DEVICE + device;
    const kind = flight.kind[at];
    this.#clocks.copy(ENTRIES + at, LOADS + actor);
    if (kind !== k.DMA_LANDING) return;
    this.#epoch[at] = this.#clocks.epochs[actor] as number;
    this.#site[at] = siteOf(FIRST_DEVICE_SITE + device, flight.ordinal[at] as number);
    this.#flagAt[at] = -1;
    // Of a card that writes no flag apart, a word may be polled that is as good as one.
    const isCard = state.hooks[device]?.onDmaRead !== undefined;
    this.#mark[at] = SYNCHRONISES | (isCard ? DEVICE_DATA : 0);
    this.#release[at] = this.#clocks.release(LOADS + actor);
    this.#clocks.endEpoch(actor);
  }

  /** The DMA write at this place belongs to one with a flag, a word at this address: its own bytes, or not. */
  hasFlag(at: number, address: number): void {
    const { flight } = this.#state;
    this.#mark[at] = DEVICE_DATA;
    if (flight.overlaps(at, address, 4)) this.#flagAt[at] = address;
  }

  /** The DMA write at this place may pass those before it: it publishes nothing of what the device wrote. */
  mayPass(at: number, device: number): void {
    const row = ENTRIES + at;
    this.#clocks.forget(row, FIRST_DEVICE + device);
    this.#release[at] = this.#clocks.release(row);
  }

  dmaLanded(at: number, device: number, address: number, byteLength: number, tickBefore: number): void {
    const actor = FIRST_DEVICE + device;
    const [row, epoch, site] = [ENTRIES + at, this.#epoch[at] as number, this.#site[at] as number];
    const [mark, release, flagAt] = [this.#mark[at] as number, this.#release[at] as number, this.#flagAt[at] as number];
    if (flagAt < 0) this.#write(actor, row, epoch, site, mark, release, address, byteLength);
    else {
      const end = address + byteLength;
      if (flagAt > address) this.#write(actor, row, epoch, site, mark, release, address, flagAt - address);
      this.#write(actor, row, epoch, site, DEVICE_FLAG, release, flagAt, Math.min(4, end - flagAt));
      if (end > flagAt + 4) this.#write(actor, row, epoch, site, mark, release, flagAt + 4, end - flagAt - 4);
    }
    const { tick } = this.#state.timeline;
    for (let each = tickBefore + 1; each <= tick; each++) this.#noteLanding(each, release);
  }

  /** A device asks for host memory: what it is behind by now, its fetch is behind. */
  asked(device: number, at: number): void {
    this.#clocks.copy(ENTRIES + at, LOADS + FIRST_DEVICE + device);
    this.#epoch[at] = this.#clocks.epochs[FIRST_DEVICE + device] as number;
    this.#site[at] = siteOf(FIRST_DEVICE_SITE + device, this.#state.flight.ordinal[at] as number);
  }

  /** And the memory is read. */
  fetched(at: number, device: number, address: number, byteLength: number): void {
    if (address < 0) return;
    const actor = FIRST_DEVICE + device;
    const isCard = this.#state.hooks[device]?.onDmaRead !== undefined;
    const count = this.shadow.find(address, byteLength);
    this.#read(count, actor, ENTRIES + at, this.#site[at] as number, isCard ? CARD : SYNCHRONISES, true);
    let last = 0;
    for (let each = 0; each < count; each++) {
      const release = this.#releaseOf(each);
      if (release !== last) this.#clocks.acquire(LOADS + actor, release);
      last = release;
    }
  }

  completed(at: number, thread: number): void {
    const cpu = this.#state.cpuOf[thread] as number;
    this.#clocks.join(STORES + cpu, ENTRIES + at);
    if (this.#state.kind[thread] === k.MMIO_READ_RELAXED && this.#state.model === k.RELAXED) return;
    this.#readBarrier(cpu);
  }

  // ---- interrupts ---------------------------------------------------------------------------------------------------

  messageLanded(at: number, vector: number): void {
    this.#clocks.join(VECTORS + vector, ENTRIES + at);
  }

  /** A line that overtakes everything: what it stands for is not behind it. */
  lineRaised(device: number, vector: number): void {
    const actor = FIRST_DEVICE + device;
    // As a message, but for what the device itself has written.
    this.#clocks.forget(LOADS + actor, actor);
    this.#clocks.join(VECTORS + vector, LOADS + actor);
    this.#clocks.endEpoch(actor);
  }

  /** A CPU has heard of an interrupt: by its handler, by waiting, or by looking. */
  interrupted(cpu: number, vector: number): void {
    if (vector >= 0) this.#clocks.join(STORES + cpu, VECTORS + vector);
    this.#readBarrier(cpu);
    this.#tasks.synchronised(cpu);
  }

  handlerStarted(thread: number, vector: number): void {
    const cpu = this.#state.cpuOf[thread] as number;
    this.#tasks.handlerStarted(cpu, this.#clocks.at(VECTORS + vector, cpu));
    this.#clocks.join(STORES + cpu, VECTORS + vector);
    this.#readBarrier(cpu);
  }

  handlerEnded(thread: number): void {
    this.#settle(thread);
  }

  /** A CPU lets its handlers run again. */
  irqRestored(cpu: number): void {
    this.#tasks.irqRestored(cpu);
  }

  woken(cpu: number): void {
    this.#learn(cpu, FUTEX);
  }

  /** The devices have come to rest, and the testbed has waited for it: everything is before what follows. */
  settled(cpu: number): void {
    for (let actor = 0; actor < FIRST_DEVICE + k.DEVICE_LIMIT; actor++) {
      if (actor === cpu) continue;
      this.#learn(cpu, LOADS + actor);
      this.#clocks.endEpoch(actor);
    }
  }

  // ---- inside -------------------------------------------------------------------------------------------------------

  /** The operation of a thread that is under way, counted from 0. */
  #siteOf(thread: number): number {
    return siteOf(thread, (this.#state.steps[thread] as number) - 1);
  }

  #markOfStore(thread: number, address: number, byteLength: number): number {
    const { kind, cpuOf } = this.#state;
    if (this.#declared[cpuOf[thread] as number] === 1) return DECLARED;
    if (kind[thread] !== k.STORE) return SYNCHRONISES;
    return this.#marks.store(thread, this.#siteOf(thread), address, byteLength);
  }

  #readBarrier(cpu: number): void {
    this.#clocks.copy(LOADS + cpu, STORES + cpu);
    if (this.#declared[cpu] === 2) this.#declared[cpu] = 0;
  }

  #writeBarrier(cpu: number, isForIo: boolean): void {
    this.#clocks.copy(FENCED + cpu, STORES + cpu);
    if (isForIo) this.#clocks.copy(FENCED_IO + cpu, STORES + cpu);
    this.#fenced[cpu] = this.#clocks.release(FENCED + cpu);
    this.#clocks.endEpoch(cpu);
  }

  #learn(cpu: number, row: number): void {
    this.#clocks.join(STORES + cpu, row);
    this.#clocks.join(LOADS + cpu, row);
  }

  #fencedRelease(cpu: number): number {
    const name = this.#fenced[cpu] as number;
    if (name === 0 || this.#clocks.isKept(name)) return name;
    this.#fenced[cpu] = this.#clocks.release(FENCED + cpu);
    return this.#fenced[cpu] as number;
  }

  /** Where nothing is reordered every store publishes all that is before it. */
  #publish(cpu: number): number {
    const name = this.#clocks.release(STORES + cpu);
    this.#clocks.endEpoch(cpu);
    return name;
  }

  /** `isAtOnce`: what follows is behind it already; else the next stores, and loads behind a barrier. */
  #acquire(cpu: number, release: number, isAtOnce: boolean): void {
    if (release === 0) return;
    this.#clocks.acquire(STORES + cpu, release);
    if (isAtOnce) this.#clocks.acquire(LOADS + cpu, release);
  }

  #releaseOf(index: number): number {
    return this.shadow.writeRelease(this.shadow.found[index] as number);
  }

  #noteLanding(tick: number, release: number): void {
    this.#landedTick[tick % LANDING_LIMIT] = tick;
    this.#landedRelease[tick % LANDING_LIMIT] = release;
  }

  #releaseAt(tick: number): number {
    return this.#landedTick[tick % LANDING_LIMIT] === tick ? (this.#landedRelease[tick % LANDING_LIMIT] as number) : 0;
  }

  /** The actor of a site. */
  #actorOf(site: number): number {
    const who = whoseSite(site);
    return who < FIRST_DEVICE_SITE ? (this.#state.cpuOf[who] as number) : FIRST_DEVICE + who - FIRST_DEVICE_SITE;
  }

  #read(count: number, actor: number, row: number, site: number, mark: number, isNewest: boolean): void {
    const { shadow } = this;
    const clocks = this.#clocks;
    const epoch = clocks.epochs[actor] as number;
    for (let at = 0; at < count; at++) {
      const cell = shadow.found[at] as number;
      const writeEpoch = shadow.writeEpoch(cell);
      if (writeEpoch !== 0) {
        const writer = this.#actorOf(shadow.writeSite(cell));
        if (writer !== actor && writeEpoch > clocks.at(row, writer)) this.#meetWrite(cell, site, mark, isNewest);
      }
      shadow.setRead(cell, actor, epoch, site, mark);
    }
  }

  /** A read without an order to the last write: it has seen it, or what was there before it. */
  #meetWrite(cell: number, site: number, mark: number, isNewest: boolean): void {
    const { shadow, races } = this;
    const isRelaxed = this.#state.model === k.RELAXED;
    const [writeSite, writeMark] = [shadow.writeSite(cell), shadow.writeMark(cell)];
    const [address, byteLength] = [shadow.addressOf(cell), shadow.byteLengthOf(cell)];
    if (this.#isMeant(address)) return;
    if (isNewest) races.meet(writeSite, writeMark, true, site, mark, false, address, byteLength, isRelaxed);
    else races.meet(site, mark, false, writeSite, writeMark, true, address, byteLength, isRelaxed);
  }

  #write(
    actor: number,
    row: number,
    epoch: number,
    site: number,
    mark: number,
    release: number,
    address: number,
    byteLength: number,
  ): void {
    const { shadow, races } = this;
    const clocks = this.#clocks;
    const isRelaxed = this.#state.model === k.RELAXED;
    const count = shadow.find(address, byteLength);
    for (let at = 0; at < count; at++) {
      const cell = shadow.found[at] as number;
      const [place, length] = [shadow.addressOf(cell), shadow.byteLengthOf(cell)];
      const writeEpoch = shadow.writeEpoch(cell);
      let readers = shadow.readers(cell);
      // Whoever has read what another has written, and writes there, is behind it: memory is coherent.
      if (writeEpoch !== 0 && (readers & (1 << actor)) === 0) {
        const [writeSite, writeMark] = [shadow.writeSite(cell), shadow.writeMark(cell)];
        const writer = this.#actorOf(writeSite);
        if (writer !== actor && writeEpoch > clocks.at(row, writer) && !this.#isMeant(place))
          races.meet(writeSite, writeMark, true, site, mark, true, place, length, isRelaxed);
      }
      readers &= ~(1 << actor);
      for (let reader = 0; readers !== 0; reader++, readers >>>= 1) {
        if ((readers & 1) === 0 || shadow.readEpoch(cell, reader) <= clocks.at(row, reader)) continue;
        if (this.#isMeant(place)) continue;
        const [readSite, readMark] = [shadow.readSite(cell, reader), shadow.readMark(cell, reader)];
        races.meet(readSite, readMark, false, site, mark, true, place, length, isRelaxed);
      }
      shadow.setWrite(cell, epoch, site, mark, release);
    }
  }

  #isMeant(address: number): boolean {
    const meant = this.#meant;
    for (let at = 0; at < meant.length; at += 2)
      if (address >= (meant[at] as number) && address < (meant[at + 1] as number)) return true;
    return false;
  }

  /** The look back at what was read while it might change: it must not come before what it checks. */
  #lookBack(cpu: number, site: number, address: number): void {
    this.#declared[cpu] = 0;
    if (this.#state.model !== k.RELAXED) return;
    this.races.meet(this.#declaredSite[cpu] as number, 0, false, site, 0, false, address, 4, true);
  }

  #isHandler(thread: number): boolean {
    const { cpuOf, mainOf } = this.#state;
    return mainOf[cpuOf[thread] as number] !== thread;
  }

  #noteStore(thread: number, mark: number, address: number, byteLength: number): void {
    if (mark !== DECLARED) this.#tasks.stored(thread, this.shadow.find(address, byteLength));
  }

  #settle(thread: number): void {
    this.#settleLoad(thread, this.#marks.lastLoadMark(thread));
    this.#settleStore(thread, 0);
  }

  #settleLoad(thread: number, mark: number): void {
    const marks = this.#marks;
    const site = marks.loadSite[thread] as number;
    if (site === -1) return;
    marks.loadSite[thread] = -1;
    const { shadow } = this;
    const cpu = this.#state.cpuOf[thread] as number;
    const count = shadow.find(marks.loadAddress[thread] as number, marks.loadLength[thread] as number);
    for (let at = 0; at < count; at++) shadow.remarkRead(shadow.found[at] as number, cpu, site, mark);
    this.races.settle(site, mark, this.#state.model === k.RELAXED);
  }

  #settleStore(thread: number, mark: number): void {
    const marks = this.#marks;
    const site = marks.storeSite[thread] as number;
    if (site === -1) return;
    marks.storeSite[thread] = -1;
    const { shadow } = this;
    const { flight } = this.#state;
    for (let index = 0; index < flight.count; index++) {
      const at = flight.order[index] as number;
      if (flight.kind[at] === k.BUFFERED_STORE && this.#site[at] === site) this.#mark[at] = mark;
    }
    const count = shadow.find(marks.storeAddress[thread] as number, marks.storeLength[thread] as number);
    for (let at = 0; at < count; at++) shadow.remarkWrite(shadow.found[at] as number, site, mark);
    this.races.settle(site, mark, this.#state.model === k.RELAXED);
  }
}
