import * as k from "./kinds.ts";
import type { StepContext } from "./thread-step.ts";

/** Goes to sleep, unless the word is not what was expected; and what follows when the limit of a sleep is over. */
export function futexWait(run: StepContext, thread: number): void {
  const { state } = run;
  if (state.status[thread] === k.SLEEPING) {
    // Its limit is over.
    state.status[thread] = k.READY;
    run.resume(thread, 2);
    return;
  }
  state.timeline.load(state.address[thread] as number, 4, 0);
  state.floors.raise(state.cpuOf[thread] as number, state.timeline.tick);
  if (state.races !== undefined) state.races.atomic(thread, state.address[thread] as number, 4, false);
  if (state.timeline.low !== state.operand[thread]) {
    run.resume(thread, 1);
    return;
  }
  state.status[thread] = k.SLEEPING;
  state.sleepOrder[thread] = state.sleepCount++;
}

/** Wakes sleepers, first come first served, as Atomics.notify does. */
export function futexNotify(run: StepContext, thread: number): number {
  const { state } = run;
  let woken = 0;
  for (; woken < (state.operand[thread] as number); woken++) {
    let first = -1;
    for (let other = 0; other < k.THREAD_LIMIT; other++) {
      if (state.status[other] !== k.SLEEPING || state.address[other] !== state.address[thread]) continue;
      if (first < 0 || (state.sleepOrder[other] as number) < (state.sleepOrder[first] as number)) first = other;
    }
    if (first < 0) break;
    // It is woken, and takes its next step when it is chosen: the answer is given now, because nothing can change it.
    state.status[first] = k.READY;
    state.timedOut[first] = 0;
    state.races?.order.woken(state.cpuOf[first] as number);
    run.resume(first, 0);
  }
  return woken;
}
