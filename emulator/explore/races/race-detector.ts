import * as k from "../kinds.ts";
import type { ExplorerState } from "../state.ts";
import { HOLDS, IS_RACY, LOOKS_BACK, TOOK } from "../tokens/token-page.ts";
import { AccessChecks } from "./access-checks.ts";
import { CARD, DECLARED, DEVICE_DATA, DEVICE_FLAG, FIRST_DEVICE_SITE, SYNCHRONISES, siteOf } from "./access-marks.ts";
import { ENTRIES, FIRST_DEVICE, LOADS, STORES } from "./clocks.ts";
import { HappensBefore } from "./happens-before.ts";
import { RaceList } from "./race-list.ts";
import { RacyClaims } from "./racy-claims.ts";
import { Shadow } from "./shadow.ts";
import { StoreLoadRaces } from "./store-load-races.ts";
import { TaskRaces } from "./task-races.ts";
import { ThreadMarks } from "./thread-marks.ts";

/**
 * Finds data races on host memory by what happens before what, with vector clocks (FastTrack): two accesses that overlap,
 * one of them a write, that nothing puts in an order. It needs no luck with the schedule: where a barrier is missing,
 * the order is missing in every run in which both accesses come. {@link HappensBefore} has what orders, access-marks.ts what
 * excuses.
 *
 * The steps of an execution tell it what they do. It changes nothing of a run, and allocates nothing in one.
 */
export class RaceDetector {
  readonly races: RaceList = new RaceList();
  readonly shadow: Shadow;
  readonly order: HappensBefore = new HappensBefore();
  readonly checks: AccessChecks;
  /** True while a barrier is made that is not the driver's own, but tried out. */
  isTrying = false;
  readonly #state: ExplorerState;
  readonly #marks = new ThreadMarks();
  readonly #tasks: TaskRaces;
  readonly #storeLoads: StoreLoadRaces;
  readonly #claims = new RacyClaims();
  // Of what is on its way, by place: who sent it, when, and what it publishes.
  readonly #site = new Int32Array(k.IN_FLIGHT_LIMIT);
  readonly #epoch = new Int32Array(k.IN_FLIGHT_LIMIT);
  readonly #mark = new Uint8Array(k.IN_FLIGHT_LIMIT);
  readonly #release = new Int32Array(k.IN_FLIGHT_LIMIT);
  /** Where the flag word of a card's write is; -1 for none. */
  readonly #flagAt = new Int32Array(k.IN_FLIGHT_LIMIT);
  /** By thread: the place that its last store in a store buffer has, or had. */
  readonly #placeOfStore = new Uint8Array(k.THREAD_LIMIT);

  constructor(state: ExplorerState) {
    this.#state = state;
    this.shadow = new Shadow(state.barBase);
    this.checks = new AccessChecks(state, this.shadow, this.order.clocks, this.races);
    this.#storeLoads = new StoreLoadRaces(this.order.clocks, this.races);
    this.#tasks = new TaskRaces(state, this.shadow, this.order.clocks, this.races);
  }

  reset(): void {
    this.races.reset();
    this.shadow.reset();
    this.order.reset();
    this.#marks.reset();
    this.#tasks.reset();
    this.#storeLoads.reset();
    this.#claims.reset();
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
        this.order.writeBarrier(cpu, true);
        marks.barrier(thread, true, this.isTrying);
        this.#storeLoads.fenced(cpu);
        return;
      case k.WMB:
      case k.DMA_WMB:
        this.order.writeBarrier(cpu, kind === k.WMB);
        marks.barrier(thread, false, this.isTrying);
        return;
      case k.STORE_RELEASE:
      case k.MMIO_WRITE:
      case k.UNLOCK:
        this.order.writeBarrier(cpu, kind !== k.UNLOCK);
        return;
      case k.FUTEX_NOTIFY:
        this.order.notified(cpu);
        return;
      case k.SYNCHRONIZE_IRQ: {
        const handler = state.handlerOf[state.operand[thread] as number] as number;
        this.order.synchronised(cpu, handler < 0 ? cpu : (state.cpuOf[handler] as number));
        this.#tasks.synchronised(cpu);
        return;
      }
      default:
    }
  }

  /** What a CPU accesses from here on, others may access meanwhile: the driver says so. */
  beginRacy(cpu: number): void {
    this.#claims.begin(cpu);
  }

  /** `looksBack`: the next load is to check what was read, and has to be behind a read barrier. */
  endRacy(cpu: number, looksBack: boolean): void {
    this.#claims.end(cpu, looksBack);
  }

  /** What a CPU in another thread has done since its last operation: see token-page.ts. */
  heard(cpu: number, vector: number, what: number): void {
    if ((what & HOLDS) === 0 && this.#state.irqHeld[cpu] === 1) this.#tasks.irqRestored(cpu);
    if ((what & TOOK) !== 0) this.interrupted(cpu, vector);
    if ((what & IS_RACY) === 0) this.endRacy(cpu, (what & LOOKS_BACK) !== 0);
    else if (!this.#claims.isRacy(cpu)) this.beginRacy(cpu);
  }

  // ---- memory, as CPUs access it ------------------------------------------------------------------------------------

  /**
   * A load has returned what landed at `tick` (not -1: an older version), or what is newest. `isPoll`: an announced poll,
   * by which a thread synchronises.
   */
  load(thread: number, address: number, byteLength: number, tick: number, isPoll: boolean): void {
    const state = this.#state;
    const cpu = state.cpuOf[thread] as number;
    const site = this.#siteOf(thread);
    const isAcquire = state.kind[thread] === k.LOAD_ACQUIRE;
    let mark = DECLARED;
    if (this.#claims.isRacy(cpu)) this.#claims.loaded(cpu, site);
    else {
      this.#lookBack(cpu, site, address);
      mark = isAcquire || isPoll ? SYNCHRONISES : this.#marks.load(thread, site, address, byteLength);
    }
    if (state.model === k.TSO) this.#storeLoads.loaded(cpu, address, byteLength, site, mark);
    const count = this.shadow.find(address, byteLength);
    this.checks.read(count, cpu, LOADS + cpu, site, mark, tick < 0);
    if (!this.#isHandler(thread) && mark !== DECLARED) this.#tasks.read(thread, count);
    const isAtOnce = isAcquire || state.model !== k.RELAXED;
    if (tick >= 0) this.order.acquire(cpu, this.order.releaseAt(tick), isAtOnce);
    else for (let at = 0; at < count; at++) this.order.acquire(cpu, this.#releaseOf(at), isAtOnce);
  }

  /** A store has landed at once: there are no store buffers, or nothing stays in them. */
  storeNow(thread: number, address: number, byteLength: number): void {
    const cpu = this.#state.cpuOf[thread] as number;
    const mark = this.#markOfStore(thread, address, byteLength);
    this.#noteStore(thread, mark, address, byteLength);
    const epoch = this.order.clocks.epochs[cpu] as number;
    const isRelaxed = this.#state.model === k.RELAXED;
    const release = isRelaxed ? this.order.publishFenced(cpu) : this.order.publish(cpu);
    this.checks.write(cpu, STORES + cpu, epoch, this.#siteOf(thread), mark, release, address, byteLength);
    this.order.noteLanding(this.#state.timeline.tick, release);
  }

  /** A store is in its store buffer, at this place of what is on its way. */
  storeBuffered(thread: number, at: number): void {
    const state = this.#state;
    const cpu = state.cpuOf[thread] as number;
    const address = state.address[thread] as number;
    const byteLength = state.byteLength[thread] as number;
    const mark = this.#markOfStore(thread, address, byteLength);
    this.#noteStore(thread, mark, address, byteLength);
    if (state.model === k.TSO) this.#storeLoads.stored(cpu, address, byteLength, this.#siteOf(thread), mark);
    this.#placeOfStore[thread] = at;
    this.#mark[at] = mark;
    this.#site[at] = this.#siteOf(thread);
    this.order.clocks.copy(ENTRIES + at, STORES + cpu);
    this.#epoch[at] = this.order.clocks.epochs[cpu] as number;
    this.#release[at] = state.model === k.RELAXED ? this.order.publishFenced(cpu) : this.order.publish(cpu);
  }

  /** It has left the buffer and is in memory. */
  storeLanded(at: number, cpu: number, address: number, byteLength: number): void {
    const epoch = this.#epoch[at] as number;
    const site = this.#site[at] as number;
    const mark = this.#mark[at] as number;
    this.checks.write(cpu, ENTRIES + at, epoch, site, mark, this.#release[at] as number, address, byteLength);
    this.order.noteLanding(this.#state.timeline.tick, this.#release[at] as number);
  }

  /** An atomic access, which is a full barrier too. */
  atomic(thread: number, address: number, byteLength: number, hasWritten: boolean): void {
    const cpu = this.#state.cpuOf[thread] as number;
    const site = this.#siteOf(thread);
    const count = this.shadow.find(address, byteLength);
    this.checks.read(count, cpu, LOADS + cpu, site, SYNCHRONISES, true);
    for (let at = 0; at < count; at++) this.order.acquire(cpu, this.#releaseOf(at), true);
    this.#readBarrier(cpu);
    const epoch = this.order.clocks.epochs[cpu] as number;
    this.order.writeBarrier(cpu, true);
    this.#marks.barrier(thread, true, false);
    this.#storeLoads.fenced(cpu);
    if (!hasWritten) return;
    const release = this.order.publishFenced(cpu);
    this.checks.write(cpu, STORES + cpu, epoch, site, SYNCHRONISES, release, address, byteLength);
    this.order.noteLanding(this.#state.timeline.tick, release);
    if (this.#isHandler(thread)) this.#tasks.stored(thread, this.shadow.find(address, byteLength));
  }

  // ---- between CPUs and devices -------------------------------------------------------------------------------------

  /** An MMIO write is on its way, or in a buffer before it. */
  mmioSent(thread: number, at: number): void {
    const { cpuOf, kind, model } = this.#state;
    this.order.mmioSent(cpuOf[thread] as number, at, kind[thread] === k.MMIO_WRITE || model !== k.RELAXED);
  }

  /** A device sends something up: a DMA write, a message, a completion, a line as a message. */
  sentUp(device: number, at: number): void {
    const state = this.#state;
    const { flight } = state;
    const actor = FIRST_DEVICE + device;
    this.order.setOut(at, device);
    if (flight.kind[at] !== k.DMA_LANDING) {
      // A fetch that was asked for before may still come after.
      this.order.clocks.endEpoch(actor);
      return;
    }
    this.#epoch[at] = this.order.clocks.epochs[actor] as number;
    this.#site[at] = siteOf(FIRST_DEVICE_SITE + device, flight.ordinal[at] as number);
    this.#flagAt[at] = -1;
    // Of a card that writes no flag apart, a word may be polled that is as good as one.
    const isCard = state.hooks[device]?.onDmaRead !== undefined;
    this.#mark[at] = SYNCHRONISES | (isCard ? DEVICE_DATA : 0);
    this.#release[at] = this.order.publish(actor);
  }

  /** The DMA write at this place belongs to one with a flag, a word at this address: its own bytes, or not. */
  hasFlag(at: number, address: number): void {
    const { flight } = this.#state;
    this.#mark[at] = DEVICE_DATA;
    if (flight.overlaps(at, address, 4)) this.#flagAt[at] = address;
  }

  /** The DMA write at this place may pass those before it: it publishes nothing of what the device wrote. */
  mayPass(at: number, device: number): void {
    this.#release[at] = this.order.publishAlone(at, device);
  }

  dmaLanded(at: number, device: number, address: number, byteLength: number, tickBefore: number): void {
    const actor = FIRST_DEVICE + device;
    const row = ENTRIES + at;
    const epoch = this.#epoch[at] as number;
    const site = this.#site[at] as number;
    const mark = this.#mark[at] as number;
    const release = this.#release[at] as number;
    const flagAt = this.#flagAt[at] as number;
    if (flagAt < 0) this.checks.write(actor, row, epoch, site, mark, release, address, byteLength);
    else {
      const end = address + byteLength;
      if (flagAt > address) this.checks.write(actor, row, epoch, site, mark, release, address, flagAt - address);
      this.checks.write(actor, row, epoch, site, DEVICE_FLAG, release, flagAt, Math.min(4, end - flagAt));
      if (end > flagAt + 4) this.checks.write(actor, row, epoch, site, mark, release, flagAt + 4, end - flagAt - 4);
    }
    const { tick } = this.#state.timeline;
    for (let each = tickBefore + 1; each <= tick; each++) this.order.noteLanding(each, release);
  }

  /** A device asks for host memory: what it is behind by now, its fetch is behind. */
  asked(device: number, at: number): void {
    this.order.setOut(at, device);
    this.#site[at] = siteOf(FIRST_DEVICE_SITE + device, this.#state.flight.ordinal[at] as number);
  }

  /** And the memory is read. */
  fetched(at: number, device: number, address: number, byteLength: number): void {
    if (address < 0) return;
    const actor = FIRST_DEVICE + device;
    const isCard = this.#state.hooks[device]?.onDmaRead !== undefined;
    const count = this.shadow.find(address, byteLength);
    this.checks.read(count, actor, ENTRIES + at, this.#site[at] as number, isCard ? CARD : SYNCHRONISES, true);
    let last = 0;
    for (let each = 0; each < count; each++) {
      const release = this.#releaseOf(each);
      if (release !== last) this.order.clocks.acquire(LOADS + actor, release);
      last = release;
    }
    if (!this.#state.flight.hasOf(k.DMA_LANDING, k.UP + device)) this.order.pushed(device);
  }

  /** The answer of an MMIO read is there. */
  completed(at: number, thread: number): void {
    const { cpuOf, kind, model } = this.#state;
    const isRelaxed = kind[thread] === k.MMIO_READ_RELAXED && model === k.RELAXED;
    this.order.completed(at, cpuOf[thread] as number, isRelaxed);
    if (!isRelaxed) this.#readBarrier(cpuOf[thread] as number);
  }

  // ---- interrupts ---------------------------------------------------------------------------------------------------

  /** A CPU has heard of an interrupt without a handler. -1: of none. */
  interrupted(cpu: number, vector: number): void {
    this.order.interrupted(cpu, vector);
    this.#readBarrier(cpu);
    this.#tasks.synchronised(cpu);
  }

  handlerStarted(thread: number, vector: number): void {
    const cpu = this.#state.cpuOf[thread] as number;
    this.#tasks.handlerStarted(cpu, this.order.causeOf(vector, cpu));
    this.order.interrupted(cpu, vector);
  }

  handlerEnded(thread: number): void {
    this.#settle(thread);
  }

  /** A CPU lets its handlers run again. */
  irqRestored(cpu: number): void {
    this.#tasks.irqRestored(cpu);
  }

  // ---- inside -------------------------------------------------------------------------------------------------------

  /** The operation of a thread that is under way, counted from 0. */
  #siteOf(thread: number): number {
    return siteOf(thread, (this.#state.steps[thread] as number) - 1);
  }

  #markOfStore(thread: number, address: number, byteLength: number): number {
    const { kind, cpuOf } = this.#state;
    if (this.#claims.isRacy(cpuOf[thread] as number)) return DECLARED;
    if (kind[thread] !== k.STORE) return SYNCHRONISES;
    return this.#marks.store(thread, this.#siteOf(thread), address, byteLength);
  }

  #readBarrier(cpu: number): void {
    this.order.readBarrier(cpu);
    this.#claims.readBarrier(cpu);
  }

  #releaseOf(index: number): number {
    return this.shadow.writeRelease(this.shadow.found[index] as number);
  }

  /** The look back at what was read while it might change: it must not come before what it checks. */
  #lookBack(cpu: number, site: number, address: number): void {
    const looked = this.#claims.lookBack(cpu);
    if (looked !== -1 && this.#state.model === k.RELAXED)
      this.races.meet(looked, 0, false, site, 0, false, address, 4, true);
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
    if (this.#state.model === k.TSO) this.#storeLoads.settle(cpu, site, mark);
    this.races.settle(site, mark);
  }

  #settleStore(thread: number, mark: number): void {
    const marks = this.#marks;
    const site = marks.storeSite[thread] as number;
    if (site === -1) return;
    marks.storeSite[thread] = -1;
    const { shadow } = this;
    const at = this.#placeOfStore[thread] as number;
    if (this.#state.flight.kind[at] === k.BUFFERED_STORE && this.#site[at] === site) this.#mark[at] = mark;
    const count = shadow.find(marks.storeAddress[thread] as number, marks.storeLength[thread] as number);
    for (let at = 0; at < count; at++) shadow.remarkWrite(shadow.found[at] as number, site, mark);
    this.races.settle(site, mark);
  }
}
