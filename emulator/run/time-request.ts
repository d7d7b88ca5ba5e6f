import type { Clock } from "../clock/clock.ts";
import { InterruptController } from "../pcie/interrupt-controller.ts";
import type { EventSource } from "./device-host.ts";
import type { ThreadStatus } from "./thread-status.ts";

/** How far one `relax()` of a CPU moves virtual time when nothing is planned sooner. */
export const RELAX_NS = 10_000;
/** Looks at the time before the thread sleeps for it: an idle device thread moves it within some microseconds. */
const SPIN_COUNT = 2000;
const NAP_MS = 1;

/**
 * A CPU in a thread of its own that waits for virtual time to pass: a delay, a limit, or a poll that relaxes. Virtual
 * time moves to planned events only, so what the CPU waits for has to be one. This is the device thread's side: a source
 * that plans what a {@link TimeWish} asks for. A wish that has been reached counts no more; nobody takes it back.
 */
export class TimeRequest implements EventSource {
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  readonly #clock: Clock;
  readonly #wantedNs: Float64Array;
  readonly #controller: InterruptController;
  readonly #waitIndex: number;

  constructor(clock: Clock, wantedNs: SharedArrayBuffer, controller: InterruptController, cpuIndex: number) {
    this.#clock = clock;
    this.#wantedNs = new Float64Array(wantedNs);
    this.#controller = controller;
    this.#waitIndex = InterruptController.sequenceIndex(cpuIndex);
  }

  poll(): boolean {
    const wanted = this.#wantedNs[0] as number;
    if (wanted > (this.#clock.now[0] as number)) {
      this.next[0] = wanted;
    } else if (this.next[0] !== Number.POSITIVE_INFINITY) {
      this.next[0] = Number.POSITIVE_INFINITY;
      Atomics.notify(this.#controller.words, this.#waitIndex);
    }
    return false;
  }

  isIdle(): boolean {
    return true;
  }
}

/** The CPU's side of a {@link TimeRequest}. */
export class TimeWish {
  readonly #clock: Clock;
  readonly #wantedNs: Float64Array;
  readonly #status: ThreadStatus;
  readonly #controller: InterruptController;
  readonly #cpuIndex: number;
  /** A word of its own, for the barrier. */
  readonly #fence = new Int32Array(new SharedArrayBuffer(4));

  /** `wantedNs`: one double, shared with the device thread. */
  constructor(
    clock: Clock,
    wantedNs: SharedArrayBuffer,
    status: ThreadStatus,
    controller: InterruptController,
    cpuIndex: number,
  ) {
    this.#clock = clock;
    this.#wantedNs = new Float64Array(wantedNs);
    this.#status = status;
    this.#controller = controller;
    this.#cpuIndex = cpuIndex;
  }

  /**
   * Asks for time up to `timeNs` and gives the device thread a moment to let it pass. Returns when time has moved or
   * something has arrived for the CPU, at the latest after about a millisecond: the caller looks and asks again.
   */
  await(timeNs: number, seenSequence: number): void {
    const now = this.#clock.now[0] as number;
    this.#wantedNs[0] = timeNs;
    // A processor may let a load overtake a store before it. Between the plain store of the wish and the load that asks
    // whether the device thread sleeps stands an atomic store: either this CPU sees the sleeper, or the sleeper, which
    // looks once more after saying that it falls asleep, sees the wish.
    Atomics.store(this.#fence, 0, 0);
    this.#status.wakeIfAsleep();
    for (let spins = 0; spins < SPIN_COUNT; spins++) {
      if (this.#clock.now[0] !== now || this.#controller.sequenceOf(this.#cpuIndex) !== seenSequence) return;
    }
    const index = InterruptController.sequenceIndex(this.#cpuIndex);
    Atomics.wait(this.#controller.words, index, seenSequence, NAP_MS);
  }
}
