import * as k from "../kinds.ts";
import { PENDING, SYNCHRONISES, TRIED } from "./access-marks.ts";

/** What an operation says about the access before it. */
const NOTHING = 0;
const BARRIER = 1;
const NO_BARRIER = 2;

/**
 * By which of its accesses a thread synchronises, seen from what stands beside them. At most one load and one store of each
 * thread wait for what it does next.
 */
export class ThreadMarks {
  /** The site of the load that waits, or -1; and where it was. */
  readonly loadSite: Int32Array = new Int32Array(k.THREAD_LIMIT);
  readonly loadAddress: Int32Array = new Int32Array(k.THREAD_LIMIT);
  readonly loadLength: Int32Array = new Int32Array(k.THREAD_LIMIT);
  readonly storeSite: Int32Array = new Int32Array(k.THREAD_LIMIT);
  readonly storeAddress: Int32Array = new Int32Array(k.THREAD_LIMIT);
  readonly storeLength: Int32Array = new Int32Array(k.THREAD_LIMIT);
  /** The next store is the first one behind a write barrier, the next load behind a full one: its mark, or 0. */
  readonly #storeIsFirst = new Uint8Array(k.THREAD_LIMIT);
  readonly #loadIsFirst = new Uint8Array(k.THREAD_LIMIT);
  /** Where the last load was since the last read barrier, or -1; and 1 when there were two places. */
  readonly #looseAddress = new Int32Array(k.THREAD_LIMIT);
  readonly #isLoose = new Uint8Array(k.THREAD_LIMIT);

  reset(): void {
    this.loadSite.fill(-1);
    this.storeSite.fill(-1);
    this.#storeIsFirst.fill(0);
    this.#loadIsFirst.fill(0);
    this.#looseAddress.fill(-1);
    this.#isLoose.fill(0);
  }

  /** The mark of a plain load. It may be pending. */
  load(thread: number, site: number, address: number, byteLength: number): number {
    const mark = this.#loadIsFirst[thread] as number;
    this.#loadIsFirst[thread] = 0;
    if (mark !== 0) return mark;
    this.loadSite[thread] = site;
    this.loadAddress[thread] = address;
    this.loadLength[thread] = byteLength;
    return PENDING;
  }

  store(thread: number, site: number, address: number, byteLength: number): number {
    const mark = this.#storeIsFirst[thread] as number;
    this.#storeIsFirst[thread] = 0;
    if (mark !== 0) return mark;
    this.storeSite[thread] = site;
    this.storeAddress[thread] = address;
    this.storeLength[thread] = byteLength;
    return PENDING;
  }

  /** A barrier that holds stores back; a full one also loads. `isTried`: it is not the driver's own. */
  barrier(thread: number, isFull: boolean, isTried: boolean): void {
    const mark = isTried ? SYNCHRONISES | TRIED : SYNCHRONISES;
    this.#storeIsFirst[thread] = mark;
    if (isFull) this.#loadIsFirst[thread] = mark;
  }

  /** What the operation that a thread begins makes of the load that waits: its mark, or -1 while it goes on waiting. */
  loadMarkBefore(thread: number, kind: number, address: number): number {
    this.#noteLooseness(thread, kind, address);
    if (this.loadSite[thread] === -1) return -1;
    switch (saysOfLoad(kind)) {
      case BARRIER:
        return SYNCHRONISES;
      case NO_BARRIER:
        // Once more the same: a poll loop.
        return address === this.loadAddress[thread] ? SYNCHRONISES : 0;
      default:
        return -1;
    }
  }

  /** And when nothing comes any more: of a load that follows another one without a barrier, order was expected. */
  lastLoadMark(thread: number): number {
    return this.#isLoose[thread] === 1 ? 0 : SYNCHRONISES;
  }

  #noteLooseness(thread: number, kind: number, address: number): void {
    const says = saysOfLoad(kind);
    if (says === BARRIER) {
      this.#looseAddress[thread] = -1;
      this.#isLoose[thread] = 0;
    } else if (says === NO_BARRIER) {
      const before = this.#looseAddress[thread] as number;
      if (before !== -1 && before !== address) this.#isLoose[thread] = 1;
      // An acquire holds back what comes after it.
      this.#looseAddress[thread] = kind === k.LOAD_ACQUIRE ? -1 : address;
    }
  }

  /** The same of the store that waits. */
  storeMarkBefore(thread: number, kind: number): number {
    if (this.storeSite[thread] === -1) return -1;
    if (isFullBarrier(kind)) return SYNCHRONISES;
    return isAccess(kind) ? 0 : -1;
  }
}

function isFullBarrier(kind: number): boolean {
  return kind === k.MB || (kind >= k.LOAD_ATOMIC && kind <= k.COMPARE_EXCHANGE && isAtomic(kind)) || kind === k.LOCK;
}

function isAtomic(kind: number): boolean {
  return kind === k.LOAD_ATOMIC || kind === k.STORE_ATOMIC || kind >= k.ADD;
}

function isAccess(kind: number): boolean {
  return (kind >= k.LOAD && kind <= k.POLL) || (kind >= k.MMIO_WRITE && kind <= k.UNLOCK);
}

function saysOfLoad(kind: number): number {
  if (isFullBarrier(kind)) return BARRIER;
  switch (kind) {
    case k.RMB:
    case k.DMA_RMB:
    case k.MMIO_READ:
    case k.MMIO_POLL:
    // It has looked in vain and waits, or it is at its end: nothing was taken from the load.
    case k.RELAX:
    case k.DELAY:
    case k.AWAIT:
    case k.WAIT_INTERRUPT:
    case k.FUTEX_WAIT:
    case k.SYNCHRONIZE_IRQ:
      return BARRIER;
    case k.LOAD:
    case k.LOAD_ACQUIRE:
    case k.POLL:
      return NO_BARRIER;
    default:
      return NOTHING;
  }
}
