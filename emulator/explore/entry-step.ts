import * as k from "./kinds.ts";
import { type ExplorerState, HAS_PAYLOAD } from "./state.ts";
import type { StepContext } from "./thread-step.ts";

/** Carries out the step of something on its way: a drain, a delivery, a landing, an answer. */
export function stepEntry(run: StepContext, at: number): void {
  const { state } = run;
  const { flight } = state;
  const queue = flight.queue[at] as number;
  const address = flight.address[at] as number;
  const byteLength = flight.byteLength[at] as number;
  const low = flight.low[at] as number;
  const high = flight.high[at] as number;
  switch (flight.kind[at]) {
    case k.BUFFERED_STORE:
      flight.remove(at);
      flight.dropLeadingFences(queue);
      state.timeline.land(address, byteLength, low, high);
      if (state.races !== undefined) state.races.storeLanded(at, queue - k.STORE_BUFFER, address, byteLength);
      // Coherence: whoever wrote a version never reads an older one.
      if (state.model === k.RELAXED)
        state.floors.note(queue - k.STORE_BUFFER, address, byteLength, state.timeline.tick);
      return;
    case k.BUFFERED_IO:
      flight.remove(at);
      flight.dropLeadingFences(queue);
      passOn(state, at, address, byteLength, low, high);
      return;
    case k.COMBINED_WRITE:
      evictLine(state, at);
      return;
    case k.POSTED_WRITE:
      flight.remove(at);
      if (state.races !== undefined) state.races.order.writeArrived(at, queue - k.DOWN);
      deliverWrite(state, queue - k.DOWN, address, byteLength, low, high);
      return;
    case k.READ_REQUEST:
      deliverRead(state, at);
      return;
    case k.DMA_LANDING: {
      const hasPayload = flight.context[at] === HAS_PAYLOAD;
      flight.remove(at);
      if (state.hooks[queue - k.UP]?.mayLand?.(address, byteLength) === false) return;
      const { tick } = state.timeline;
      if (hasPayload) state.landPayload(address, low, byteLength);
      else state.timeline.land(address, byteLength, low, high);
      if (state.races !== undefined) state.races.dmaLanded(at, queue - k.UP, address, byteLength, tick);
      return;
    }
    case k.MESSAGE_LANDING: {
      const hook = state.hooks[queue - k.UP];
      flight.remove(at);
      if (state.races !== undefined) state.races.order.messageLanded(at, address);
      if (hook?.onMessage === undefined) state.arrive(address);
      else hook.onMessage(low);
      return;
    }
    case k.LINE_LANDING: {
      const hook = state.hooks[queue - k.UP];
      flight.remove(at);
      if (state.races !== undefined && low !== 0) state.races.order.messageLanded(at, address);
      if (hook?.onLine === undefined) state.setLine(address, low !== 0);
      else hook.onLine(low !== 0);
      return;
    }
    case k.COMPLETION:
      complete(run, at);
      return;
    case k.DMA_FETCH:
      answerFetch(run, at);
      return;
    case k.INTERRUPT:
      flight.remove(at);
      run.startHandler(queue - k.INTERRUPTS);
      return;
    default: {
      const { detail, context } = flight;
      const tag = detail[at] as number;
      const what = context[at] as number;
      // One that is prompt brings its time along.
      state.nowNs = Math.max(state.nowNs, flight.dueNs[at] as number);
      flight.remove(at);
      state.hooks[queue - k.EVENTS]?.onEvent?.(tag, what);
    }
  }
}

/** All writes to one 64-byte line leave the write-combining buffer together, oldest first. */
function evictLine(state: ExplorerState, at: number): void {
  const { flight } = state;
  const queue = flight.queue[at] as number;
  const line = (flight.address[at] as number) >> 6;
  for (let index = 0; index < flight.count; ) {
    const other = flight.order[index] as number;
    const address = flight.address[other] as number;
    if (flight.queue[other] !== queue || address >> 6 !== line) {
      index++;
      continue;
    }
    const byteLength = flight.byteLength[other] as number;
    const low = flight.low[other] as number;
    const high = flight.high[other] as number;
    flight.remove(other);
    passOn(state, other, address, byteLength, low, high);
  }
}

/** A write leaves a buffer of its CPU for its device. */
function passOn(
  state: ExplorerState,
  from: number,
  address: number,
  byteLength: number,
  low: number,
  high: number,
): void {
  const to = state.postWrite(state.deviceAt(address), k.POSTED_WRITE, address, byteLength, low, high);
  if (state.races !== undefined) state.races.order.moved(from, to);
}

function deliverWrite(
  state: ExplorerState,
  device: number,
  address: number,
  byteLength: number,
  low: number,
  high: number,
): void {
  const hook = state.hooks[device];
  if (hook?.onWrite === undefined) state.timeline.land(address, byteLength, low, high);
  else hook.onWrite(address - state.windowOf(device), byteLength, low, high);
}

/** The device answers at once; the completion queues up behind what it has written before. */
function deliverRead(state: ExplorerState, at: number): void {
  const { flight, timeline } = state;
  const device = (flight.queue[at] as number) - k.DOWN;
  const address = flight.address[at] as number;
  const byteLength = flight.byteLength[at] as number;
  const thread = flight.thread[at] as number;
  flight.remove(at);
  const hook = state.hooks[device];
  let low: number;
  let high: number;
  if (hook?.onRead === undefined) {
    timeline.load(address, byteLength, 0);
    ({ low, high } = timeline);
  } else {
    low = hook.onRead(address - state.windowOf(device), byteLength, state.low[thread] as number);
    high = hook.readHigh ?? 0;
  }
  state.watch(thread, address, byteLength, timeline.tick);
  const completion = state.postUp(device, k.COMPLETION, address, byteLength, low, high);
  flight.thread[completion] = thread;
}

function complete(run: StepContext, at: number): void {
  const { state } = run;
  const { flight } = state;
  const thread = flight.thread[at] as number;
  const low = flight.low[at] as number;
  state.answerHigh[thread] = flight.high[at] as number;
  flight.remove(at);
  state.status[thread] = k.READY;
  const kind = state.kind[thread];
  if (state.races !== undefined) state.races.completed(at, thread);
  if (kind !== k.MMIO_READ_RELAXED) state.floors.raise(state.cpuOf[thread] as number, state.timeline.tick);
  // A poll that was answered too early reads again when the register changes.
  if (kind === k.MMIO_POLL && state.predicates[thread]?.(low) !== true && state.timedOut[thread] === 0) return;
  run.resume(thread, low);
}

/** One word of a fetch is read from coherent memory; the last one lets the device go on. */
function answerFetch(run: StepContext, at: number): void {
  const { state } = run;
  const { flight, timeline } = state;
  const thread = flight.thread[at] as number;
  const address = flight.address[at] as number;
  const context = flight.context[at] as number;
  const device = (flight.queue[at] as number) - k.FETCHES;
  if (thread < 0) {
    const byteLength = flight.byteLength[at] as number;
    const tag = flight.low[at] as number;
    flight.remove(at);
    if (state.races !== undefined) state.races.fetched(at, device, address, byteLength);
    state.hooks[device]?.onDmaRead?.(tag, context, address, byteLength);
    return;
  }
  if (state.races !== undefined) state.races.fetched(at, device, address, 4);
  timeline.load(address, 4, 0);
  state.fetched[thread * 4 + context] = timeline.low;
  run.fetched(timeline.low);
  flight.remove(at);
  const left = (state.fetchesLeft[thread] as number) - 1;
  state.fetchesLeft[thread] = left;
  if (left > 0) return;
  state.status[thread] = k.READY;
  run.resume(thread, state.fetched[thread * 4] as number);
}
