import { futexNotify, futexWait } from "./futex-step.ts";
import * as k from "./kinds.ts";
import type { ExplorerState } from "./state.ts";

/** What the steps need of the run they belong to. */
export interface StepContext {
  readonly state: ExplorerState;
  /** Which of `count` versions of a location (0 is the newest) a thread's load returns. */
  chooseVersion(thread: number, count: number): number;
  /** A thread's operation has ended with this answer: it goes on and publishes its next one. */
  resume(thread: number, answer: number): void;
  /** The step that is under way brings a device this word of memory. */
  fetched(word: number): void;
  /** A CPU takes an interrupt. */
  startHandler(vector: number): void;
}

/** Carries out the pending operation of a thread that is enabled. */
export function stepThread(run: StepContext, thread: number): void {
  const { state } = run;
  const cpu = state.cpuOf[thread] as number;
  if (state.races !== undefined) state.races.operation(thread);
  switch (state.kind[thread]) {
    case k.LOAD:
    case k.LOAD_ACQUIRE:
      load(run, thread, cpu);
      return;
    case k.POLL:
      poll(run, thread, cpu);
      return;
    case k.STORE:
      store(run, thread, cpu, 0);
      return;
    case k.STORE_RELEASE:
      store(run, thread, cpu, k.FENCE);
      return;
    case k.UNLOCK:
      // Answers with what the CPU sees there: 0 is a lock that nobody holds.
      state.loadVisible(cpu, state.address[thread] as number, 4, 0);
      store(run, thread, cpu, k.FENCE_DRAM, state.timeline.low);
      return;
    case k.LOAD_ATOMIC:
    case k.STORE_ATOMIC:
    case k.ADD:
    case k.EXCHANGE:
    case k.COMPARE_EXCHANGE:
    case k.LOCK:
      atomic(run, thread, cpu);
      return;
    case k.MB:
      state.floors.raise(cpu, state.timeline.tick);
      run.resume(thread, 0);
      return;
    case k.RMB:
    case k.DMA_RMB:
      state.floors.raise(cpu, state.floors.newest[cpu] as number);
      run.resume(thread, 0);
      return;
    case k.WMB:
      fence(state, cpu, k.FENCE);
      run.resume(thread, 0);
      return;
    case k.DMA_WMB:
      // Memory only: dma_wmb says nothing about MMIO (memory-barriers.txt), so a relaxed doorbell may still pass it.
      fence(state, cpu, k.FENCE_DRAM);
      run.resume(thread, 0);
      return;
    case k.MMIO_WRITE:
      mmioWrite(run, thread, cpu, true);
      return;
    case k.MMIO_WRITE_RELAXED:
      mmioWrite(run, thread, cpu, false);
      return;
    case k.MMIO_READ:
    case k.MMIO_READ_RELAXED:
    case k.MMIO_POLL:
      mmioRead(run, thread);
      return;
    case k.WC_WRITE:
      mmioSent(state, thread, put(state, thread, k.COMBINED_WRITE, k.COMBINING + cpu));
      run.resume(thread, 0);
      return;
    case k.FUTEX_WAIT:
      futexWait(run, thread);
      return;
    case k.FUTEX_NOTIFY:
      run.resume(thread, futexNotify(run, thread));
      return;
    case k.WAIT_INTERRUPT:
      waitInterrupt(run, thread, cpu);
      return;
    case k.IRQ_SAVE:
    case k.IRQ_RESTORE: {
      const before = state.irqHeld[cpu] as number;
      state.irqHeld[cpu] = state.kind[thread] === k.IRQ_SAVE ? 1 : (state.operand[thread] as number);
      if (state.irqHeld[cpu] === 0) state.races?.irqRestored(cpu);
      run.resume(thread, before);
      return;
    }
    case k.RELAX:
      state.relaxed(thread);
      run.resume(thread, 0);
      return;
    case k.REGISTER_READ:
    case k.REGISTER_WRITE:
    case k.REGISTER_SET:
    case k.REGISTER_POLL:
      register(run, thread);
      return;
    case k.FETCH:
      fetch(state, thread);
      return;
    case k.DMA_WRITE: {
      const device = state.deviceOf[thread] as number;
      const at = put(state, thread, k.DMA_LANDING, k.UP + device);
      if (state.races !== undefined) state.races.sentUp(device, at);
      if (state.operand[thread] === 1) state.relaxOrder(device, at);
      run.resume(thread, 0);
      return;
    }
    case k.MESSAGE: {
      const device = state.deviceOf[thread] as number;
      const at = put(state, thread, k.MESSAGE_LANDING, k.UP + device);
      if (state.races !== undefined) state.races.sentUp(device, at);
      run.resume(thread, 0);
      return;
    }
    case k.LINE:
      state.changeLine(state.deviceOf[thread] as number, state.address[thread] as number, state.low[thread] !== 0);
      run.resume(thread, 0);
      return;
    default:
      // synchronizeIrq, delay: to be enabled was all.
      run.resume(thread, 0);
      return;
  }
}

function put(state: ExplorerState, thread: number, kind: number, queue: number): number {
  return state.flight.put(
    kind,
    queue,
    state.address[thread] as number,
    state.byteLength[thread] as number,
    state.low[thread] as number,
    state.high[thread] as number,
  );
}

/** A plain load may return any version that was current since the CPU last had to look (load-load reordering). */
function load(run: StepContext, thread: number, cpu: number): void {
  const { state } = run;
  const { timeline } = state;
  const address = state.address[thread] as number;
  const byteLength = state.byteLength[thread] as number;
  if (state.flight.hasStoreTo(k.STORE_BUFFER + cpu, address, byteLength)) {
    state.loadVisible(cpu, address, byteLength, 0);
    // Forwarded: the CPU's own store is as new as it gets.
    state.watch(thread, address, byteLength, timeline.tick);
    noteBeside(state, thread, cpu, address, byteLength);
    if (state.races !== undefined) state.races.load(thread, address, byteLength, -1, false);
  } else {
    let version = 0;
    if (state.model === k.RELAXED) {
      const older = timeline.olderVersions(address, byteLength, state.floors.floorOf(cpu, address, byteLength));
      if (older > 0) version = run.chooseVersion(thread, older + 1);
    }
    const tick = noteVersion(state, thread, cpu, address, byteLength, version);
    if (state.races !== undefined) state.races.load(thread, address, byteLength, version === 0 ? -1 : tick, false);
    // What follows is as new as what this load has seen. Loads before it are not made to wait, as dmaRmb would.
    if (state.kind[thread] === k.LOAD_ACQUIRE) state.floors.raise(cpu, tick);
  }
  const { low, high } = timeline;
  state.answerHigh[thread] = high;
  run.resume(thread, low);
}

/** Of a load that own stores cover in part only: the other bytes are what is newest in memory, and have been seen. */
function noteBeside(state: ExplorerState, thread: number, cpu: number, address: number, byteLength: number): void {
  if (state.model !== k.RELAXED || state.flight.coversAll(k.STORE_BUFFER + cpu, address, byteLength)) return;
  const { floors, timeline } = state;
  const tick = timeline.newestTick(address, byteLength);
  floors.note(cpu, address, byteLength, tick);
  floors.noteLoad(cpu, tick);
  if (state.kind[thread] === k.LOAD_ACQUIRE) floors.raise(cpu, tick);
}

/** Loads a version and remembers what the CPU has now seen; returns when it had landed. */
function noteVersion(
  state: ExplorerState,
  thread: number,
  cpu: number,
  address: number,
  byteLength: number,
  version: number,
): number {
  const { timeline, floors } = state;
  timeline.load(address, byteLength, version);
  const tick = version === 0 ? timeline.newestTick(address, byteLength) : timeline.loadedTick;
  if (state.model === k.RELAXED) {
    floors.note(cpu, address, byteLength, tick);
    floors.noteLoad(cpu, tick);
  }
  state.watch(thread, address, byteLength, tick);
  return tick;
}

/** Enabled only when the newest value satisfies; in the relaxed model an older one that does may be what it stops at. */
function poll(run: StepContext, thread: number, cpu: number): void {
  const { state } = run;
  const { timeline } = state;
  const address = state.address[thread] as number;
  const byteLength = state.byteLength[thread] as number;
  const predicate = state.predicates[thread] as (value: number) => boolean;
  state.loadVisible(cpu, address, byteLength, 0);
  state.timedOut[thread] = predicate(timeline.low) ? 0 : 1;
  if (!state.flight.hasStoreTo(k.STORE_BUFFER + cpu, address, byteLength)) {
    let version = 0;
    if (state.model === k.RELAXED && state.timedOut[thread] === 0) {
      const older = timeline.olderVersions(address, byteLength, state.floors.floorOf(cpu, address, byteLength));
      let satisfying = 0;
      for (let candidate = 1; candidate <= older; candidate++) {
        timeline.load(address, byteLength, candidate);
        if (!predicate(timeline.low)) break;
        satisfying = candidate;
      }
      if (satisfying > 0) version = run.chooseVersion(thread, satisfying + 1);
    }
    const tick = noteVersion(state, thread, cpu, address, byteLength, version);
    if (state.races !== undefined) state.races.load(thread, address, byteLength, version === 0 ? -1 : tick, true);
  } else {
    noteBeside(state, thread, cpu, address, byteLength);
    if (state.races !== undefined) state.races.load(thread, address, byteLength, -1, true);
  }
  const { low, high } = timeline;
  state.answerHigh[thread] = high;
  run.resume(thread, low);
}

function fence(state: ExplorerState, cpu: number, kind: number): void {
  const queue = k.STORE_BUFFER + cpu;
  if (state.model === k.RELAXED && state.flight.queued[queue] !== 0) state.flight.put(kind, queue, 0, 0, 0, 0);
}

function store(run: StepContext, thread: number, cpu: number, before: number, answer: number = 0): void {
  const { state } = run;
  if (state.model === k.SC) {
    state.timeline.land(
      state.address[thread] as number,
      state.byteLength[thread] as number,
      state.low[thread] as number,
      state.high[thread] as number,
    );
    if (state.races !== undefined)
      state.races.storeNow(thread, state.address[thread] as number, state.byteLength[thread] as number);
  } else {
    if (before !== 0) fence(state, cpu, before);
    const at = put(state, thread, k.BUFFERED_STORE, k.STORE_BUFFER + cpu);
    if (state.races !== undefined) state.races.storeBuffered(thread, at);
  }
  run.resume(thread, answer);
}

/** Sequentially consistent: the store buffer is empty, and what is read is the newest. */
function atomic(run: StepContext, thread: number, cpu: number): void {
  const { state } = run;
  const { timeline } = state;
  const address = state.address[thread] as number;
  const byteLength = state.byteLength[thread] as number;
  timeline.load(address, byteLength, 0);
  const { low: oldLow, high: oldHigh } = timeline;
  const low = state.low[thread] as number;
  switch (state.kind[thread]) {
    case k.ADD:
      timeline.land(address, byteLength, (oldLow + low) | 0, oldHigh);
      break;
    case k.COMPARE_EXCHANGE:
      if (oldLow === state.operand[thread]) timeline.land(address, byteLength, low, state.high[thread] as number);
      break;
    case k.LOCK:
      timeline.land(address, 4, 1, 0);
      break;
    case k.LOAD_ATOMIC:
      break;
    default:
      timeline.land(address, byteLength, low, state.high[thread] as number);
  }
  state.floors.raise(cpu, timeline.tick);
  state.watch(thread, address, byteLength, timeline.tick);
  if (state.races !== undefined) {
    const { kind, operand } = state;
    const isRefused = kind[thread] === k.COMPARE_EXCHANGE && oldLow !== operand[thread];
    state.races.atomic(thread, address, byteLength, kind[thread] !== k.LOAD_ATOMIC && !isRefused);
  }
  state.answerHigh[thread] = oldHigh;
  run.resume(thread, oldLow);
}

/** writel waits for the stores before it; writel_relaxed may leave the store buffer before them. */
function mmioWrite(run: StepContext, thread: number, cpu: number, isOrdered: boolean): void {
  const { state } = run;
  if (state.model === k.SC) {
    const device = state.deviceAt(state.address[thread] as number);
    mmioSent(state, thread, put(state, thread, k.POSTED_WRITE, k.DOWN + device));
  } else {
    if (isOrdered) fence(state, cpu, k.FENCE);
    mmioSent(state, thread, put(state, thread, k.BUFFERED_IO, k.STORE_BUFFER + cpu));
  }
  run.resume(thread, 0);
}

function mmioSent(state: ExplorerState, thread: number, at: number): void {
  if (state.races !== undefined) state.races.mmioSent(thread, at);
}

/** The request goes down behind the posted writes; its completion comes up behind the DMA writes. Meanwhile the CPU stalls. */
function mmioRead(run: StepContext, thread: number): void {
  const { state } = run;
  const device = state.deviceAt(state.address[thread] as number);
  const isTimeOver = state.kind[thread] === k.MMIO_POLL && (state.limitNs[thread] as number) <= state.nowNs;
  state.timedOut[thread] = isTimeOver ? 1 : 0;
  state.status[thread] = k.WAITING;
  const at = put(state, thread, k.READ_REQUEST, k.DOWN + device);
  state.flight.thread[at] = thread;
}

function waitInterrupt(run: StepContext, thread: number, cpu: number): void {
  const { state } = run;
  const vector = state.operand[thread] as number;
  const hasArrived = state.arrived[vector] !== state.taken[vector];
  state.taken[vector] = state.arrived[vector] as number;
  state.timedOut[thread] = hasArrived ? 0 : 1;
  // What follows an interrupt is not executed before it.
  state.floors.raise(cpu, state.timeline.tick);
  state.races?.interrupted(cpu, hasArrived ? vector : -1);
  run.resume(thread, hasArrived ? 1 : 0);
}

/** A device looks at or changes its own register: nothing on the bus. */
function register(run: StepContext, thread: number): void {
  const { state } = run;
  const address = state.address[thread] as number;
  const byteLength = state.byteLength[thread] as number;
  if (state.kind[thread] === k.REGISTER_WRITE) {
    state.timeline.land(address, byteLength, state.low[thread] as number, state.high[thread] as number);
    run.resume(thread, 0);
    return;
  }
  state.timeline.load(address, byteLength, 0);
  const { low, high } = state.timeline;
  if (state.kind[thread] === k.REGISTER_SET)
    state.timeline.land(address, byteLength, low | (state.low[thread] as number), 0);
  state.watch(thread, address, byteLength, state.timeline.tick);
  if (state.kind[thread] === k.REGISTER_POLL) state.timedOut[thread] = state.predicates[thread]?.(low) === true ? 0 : 1;
  state.answerHigh[thread] = high;
  run.resume(thread, low);
}

/** Up to four words are asked for at once; the answers may come in any order, unless the device asks for order. */
function fetch(state: ExplorerState, thread: number): void {
  const count = state.byteLength[thread] as number;
  const queue = k.FETCHES + (state.deviceOf[thread] as number);
  state.status[thread] = k.WAITING;
  state.fetchesLeft[thread] = count;
  for (let index = 0; index < count; index++) {
    const at = state.flight.put(k.DMA_FETCH, queue, state.fetchAddresses[thread * 4 + index] as number, 4, 0, 0);
    state.flight.thread[at] = thread;
    state.flight.detail[at] = state.operand[thread] === 1 ? -1 : index;
    state.flight.context[at] = index;
    if (state.races !== undefined) state.races.asked(state.deviceOf[thread] as number, at);
  }
}
