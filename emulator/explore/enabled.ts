import {
  ADD,
  AWAIT,
  BUFFERED_IO,
  BUFFERED_STORE,
  COMBINED_WRITE,
  COMBINING,
  COMPARE_EXCHANGE,
  DELAY,
  DMA_FETCH,
  DMA_LANDING,
  DORMANT,
  EVENT,
  EXCHANGE,
  FENCE,
  FENCE_DRAM,
  FETCHES,
  FIRST_ENTRY_SLOT,
  FUTEX_NOTIFY,
  FUTEX_WAIT,
  INTERRUPT,
  INTERRUPTS,
  LOAD_ATOMIC,
  LOCK,
  MB,
  MMIO_POLL,
  MMIO_READ,
  MMIO_READ_RELAXED,
  MMIO_WRITE,
  MMIO_WRITE_RELAXED,
  POLL,
  READY,
  REGISTER_POLL,
  RELAX,
  SLEEPING,
  STORE,
  STORE_ATOMIC,
  STORE_BUFFER,
  STORE_RELEASE,
  SYNCHRONIZE_IRQ,
  TSO,
  UNLOCK,
  UP,
  WAIT_INTERRUPT,
  WAITING,
  WC_WRITE,
  WMB,
} from "./kinds.ts";
import type { ExplorerState } from "./state.ts";

/** Stores that a store buffer holds; a further one waits for a drain. */
const STORE_BUFFER_LIMIT = 24;

// What older entries of a queue mean for a younger one, gathered while walking the pool by age.
const HAS_STORE = 1;
const HAS_IO = 2;
const CLOSED = 4;
const CLOSED_FOR_STORES = 8;
const HAS_ANY = 16;

/**
 * Which steps are possible now. Computed from the published operations and the queues; nothing is ever tried and found to
 * block. Entries come first, oldest first; then threads by number.
 */
export class EnabledSteps {
  readonly slots: Uint8Array = new Uint8Array(256);
  count = 0;
  /** How many of them are entries. */
  entryCount = 0;
  /** Whether this machine knows early timeouts or spurious wakes at all. */
  mayBeEarly = false;
  /** From here on they are possible only because others are slow: the ordinary run never takes one. */
  #earlyFrom = 0;
  readonly #state: ExplorerState;
  readonly #seen = new Uint8Array(128);
  #threadCount = 0;

  constructor(state: ExplorerState) {
    this.#state = state;
  }

  /** Only threads below this number are ever looked at. */
  set threadCount(count: number) {
    this.#threadCount = count;
  }

  compute(): void {
    this.count = 0;
    if (this.#state.flight.count > 0) this.#computeEntries();
    this.entryCount = this.count;
    for (let thread = 0; thread < this.#threadCount; thread++) {
      if (this.#state.status[thread] !== DORMANT && isThreadEnabled(this.#state, thread))
        this.slots[this.count++] = thread;
    }
    this.#earlyFrom = this.count;
    if (this.mayBeEarly && this.count > 0) this.#addEarly();
  }

  isEarly(slot: number): boolean {
    for (let index = this.#earlyFrom; index < this.count; index++) if (this.slots[index] === slot) return true;
    return false;
  }

  /** The thread that the canonical policy runs: the current one, or else the next by number. -1 when none can. */
  threadAfter(current: number): number {
    let first = -1;
    for (let index = this.entryCount; index < this.#earlyFrom; index++) {
      const thread = this.slots[index] as number;
      if (thread >= current) return thread;
      if (first < 0) first = thread;
    }
    return first;
  }

  /** Somebody can go on, and is slow: the limits of those who wait may be over first, and sleepers may wake. */
  #addEarly(): void {
    const state = this.#state;
    const { earlyTimeoutsLeft, spuriousWakesLeft } = state.latitude;
    for (let thread = 0; thread < this.#threadCount; thread++) {
      const status = state.status[thread];
      if ((status !== READY && status !== SLEEPING) || isThreadEnabled(state, thread)) continue;
      const handler = state.handlerOn[state.cpuOf[thread] as number] ?? -1;
      if (handler >= 0 && handler !== thread) continue;
      const isLimited =
        (state.limitNs[thread] as number) < Number.POSITIVE_INFINITY && hasLimit(state.kind[thread] as number);
      if ((isLimited && earlyTimeoutsLeft > 0) || (status === SLEEPING && spuriousWakesLeft > 0))
        this.slots[this.count++] = thread;
    }
  }

  #computeEntries(): void {
    const { flight } = this.#state;
    const seen = this.#seen;
    const { order, queue } = flight;
    const count = flight.count;
    for (let index = 0; index < count; index++) seen[queue[order[index] as number] as number] = 0;
    for (let index = 0; index < count; index++) {
      const at = order[index] as number;
      if (this.#isEntryEnabled(at, index)) this.slots[this.count++] = FIRST_ENTRY_SLOT + at;
    }
  }

  #isEntryEnabled(at: number, orderIndex: number): boolean {
    const state = this.#state;
    const { flight } = state;
    const seen = this.#seen;
    const queue = flight.queue[at] as number;
    const bits = seen[queue] as number;
    switch (flight.kind[at]) {
      case FENCE:
        if ((bits & (HAS_STORE | HAS_IO)) !== 0) seen[queue] = bits | CLOSED;
        return false;
      case FENCE_DRAM:
        if ((bits & HAS_STORE) !== 0) seen[queue] = bits | CLOSED_FOR_STORES;
        return false;
      case BUFFERED_STORE:
        seen[queue] = bits | HAS_STORE;
        if (state.model === TSO) return bits === 0;
        if ((bits & (CLOSED | CLOSED_FOR_STORES)) !== 0) return false;
        return !flight.hasOlderStore(at);
      case BUFFERED_IO:
        seen[queue] = bits | HAS_IO;
        if (state.model === TSO) return bits === 0;
        if ((bits & CLOSED) !== 0) return false;
        return (bits & HAS_IO) === 0 || !this.#hasOlderIoTo(orderIndex);
      case COMBINED_WRITE:
        return !hasOlderInLine(state, orderIndex);
      case DMA_LANDING: {
        seen[queue] = bits | HAS_ANY;
        if ((bits & HAS_ANY) === 0) return true;
        return flight.detail[at] === 1 && !flight.overlapsOlder(orderIndex);
      }
      case DMA_FETCH: {
        // Strict: a read pushes the device's own writes before it. Reads among themselves have no order, unless asked for.
        seen[queue] = bits | HAS_ANY;
        const isOrdered = flight.detail[at] === -1;
        return ((seen[UP + queue - FETCHES] as number) & HAS_ANY) === 0 || flight.queued[UP + queue - FETCHES] === 0
          ? !isOrdered || (bits & HAS_ANY) === 0
          : false;
      }
      case INTERRUPT:
        return canInterrupt(state, queue - INTERRUPTS);
      case EVENT:
        return (flight.dueNs[at] as number) <= state.nowNs || flight.isPrompt[at] === 1;
      default:
        // Posted writes, read requests, messages, completions: in order.
        seen[queue] = bits | HAS_ANY;
        return (bits & HAS_ANY) === 0;
    }
  }

  #hasOlderIoTo(orderIndex: number): boolean {
    const { flight } = this.#state;
    const at = flight.order[orderIndex] as number;
    const device = this.#state.deviceAt(flight.address[at] as number);
    for (let index = 0; index < orderIndex; index++) {
      const older = flight.order[index] as number;
      if (flight.queue[older] !== flight.queue[at] || flight.kind[older] !== BUFFERED_IO) continue;
      if (this.#state.deviceAt(flight.address[older] as number) === device) return true;
    }
    return false;
  }
}

/** A line leaves a write-combining buffer as one: its oldest write stands for all. */
function hasOlderInLine(state: ExplorerState, orderIndex: number): boolean {
  const { flight } = state;
  const at = flight.order[orderIndex] as number;
  for (let index = 0; index < orderIndex; index++) {
    const older = flight.order[index] as number;
    if (flight.queue[older] !== flight.queue[at]) continue;
    if ((flight.address[older] as number) >> 6 === (flight.address[at] as number) >> 6) return true;
  }
  return false;
}

/** A CPU takes an interrupt between two operations, not within a handler, and not while a read of a device stalls it. */
function canInterrupt(state: ExplorerState, vector: number): boolean {
  const cpu = state.cpuOf[state.handlerOf[vector] as number] as number;
  if ((state.handlerOn[cpu] as number) >= 0 || state.irqHeld[cpu] !== 0) return false;
  const main = state.mainOf[cpu] as number;
  return main < 0 || state.status[main] !== WAITING;
}

function isThreadEnabled(state: ExplorerState, thread: number): boolean {
  const status = state.status[thread];
  const cpu = state.cpuOf[thread] as number;
  if (cpu >= 0) {
    const handler = state.handlerOn[cpu] as number;
    if (handler >= 0 && handler !== thread) return false;
  }
  if (status === SLEEPING) return (state.limitNs[thread] as number) <= state.nowNs;
  if (status !== READY) return false;
  const { flight } = state;
  switch (state.kind[thread]) {
    case MMIO_WRITE:
    case MMIO_WRITE_RELAXED:
      if (isCombining(state, cpu)) return false;
      return (flight.queued[STORE_BUFFER + cpu] as number) < STORE_BUFFER_LIMIT;
    case STORE:
    case STORE_RELEASE:
    case UNLOCK:
      return (flight.queued[STORE_BUFFER + cpu] as number) < STORE_BUFFER_LIMIT;
    case WC_WRITE:
      return (flight.queued[COMBINING + cpu] as number) < STORE_BUFFER_LIMIT;
    case LOAD_ATOMIC:
    case STORE_ATOMIC:
    case ADD:
    case EXCHANGE:
    case COMPARE_EXCHANGE:
    case MB:
    case FUTEX_WAIT:
    case FUTEX_NOTIFY:
      return isDrained(state, cpu);
    case WMB:
      return flight.queued[COMBINING + cpu] === 0;
    case LOCK:
      if (!isDrained(state, cpu)) return false;
      state.timeline.load(state.address[thread] as number, 4, 0);
      return state.timeline.low === 0;
    case POLL:
      state.loadVisible(cpu, state.address[thread] as number, state.byteLength[thread] as number, 0);
      return state.predicates[thread]?.(state.timeline.low) === true || isTimeOver(state, thread);
    case MMIO_POLL:
      if (flight.hasIo(STORE_BUFFER + cpu) || isCombining(state, cpu)) return false;
      state.timeline.load(state.address[thread] as number, state.byteLength[thread] as number, 0);
      return state.predicates[thread]?.(state.timeline.low) === true || isTimeOver(state, thread);
    case REGISTER_POLL:
      state.timeline.load(state.address[thread] as number, state.byteLength[thread] as number, 0);
      return state.predicates[thread]?.(state.timeline.low) === true || isTimeOver(state, thread);
    case MMIO_READ:
    case MMIO_READ_RELAXED:
      return !flight.hasIo(STORE_BUFFER + cpu) && !isCombining(state, cpu);
    case WAIT_INTERRUPT: {
      const vector = state.operand[thread] as number;
      return state.arrived[vector] !== state.taken[vector] || isTimeOver(state, thread);
    }
    case SYNCHRONIZE_IRQ: {
      const vector = state.operand[thread] as number;
      const handler = state.handlerOf[vector] as number;
      return flight.queued[INTERRUPTS + vector] === 0 && (handler < 0 || state.status[handler] === DORMANT);
    }
    case DELAY:
      return isTimeOver(state, thread);
    case AWAIT:
      return state.predicates[thread]?.(0) === true || isTimeOver(state, thread);
    case RELAX:
      return state.hasWatchedChange(thread);
    default:
      return true;
  }
}

function isDrained(state: ExplorerState, cpu: number): boolean {
  return state.flight.queued[STORE_BUFFER + cpu] === 0 && state.flight.queued[COMBINING + cpu] === 0;
}

/** An uncached access waits until the write-combining buffer is empty, where the processor is of that kind. */
function isCombining(state: ExplorerState, cpu: number): boolean {
  return state.latitude.uncachedFlushesCombining && state.flight.queued[COMBINING + cpu] !== 0;
}

function isTimeOver(state: ExplorerState, thread: number): boolean {
  return (state.limitNs[thread] as number) <= state.nowNs;
}

/** The next moment at which a limit or an event comes due; Infinity when there is none. */
export function nextDueNs(state: ExplorerState, threadCount: number): number {
  let due = Number.POSITIVE_INFINITY;
  for (let thread = 0; thread < threadCount; thread++) {
    const status = state.status[thread];
    if (status !== READY && status !== SLEEPING) continue;
    const limit = state.limitNs[thread] as number;
    if (limit > state.nowNs && limit < due && hasLimit(state.kind[thread] as number)) due = limit;
  }
  const { flight } = state;
  for (let index = 0; index < flight.count; index++) {
    const at = flight.order[index] as number;
    if (flight.kind[at] !== EVENT) continue;
    const dueNs = flight.dueNs[at] as number;
    if (dueNs > state.nowNs && dueNs < due) due = dueNs;
  }
  return due;
}

function hasLimit(kind: number): boolean {
  return (
    kind === POLL ||
    kind === MMIO_POLL ||
    kind === REGISTER_POLL ||
    kind === FUTEX_WAIT ||
    kind === WAIT_INTERRUPT ||
    kind === AWAIT ||
    kind === DELAY
  );
}
