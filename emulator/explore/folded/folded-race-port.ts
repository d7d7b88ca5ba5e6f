import type { AccessPort } from "../access-port.ts";
import * as k from "../kinds.ts";
import type { RaceDetector } from "../races/race-detector.ts";
import type { ExplorerState } from "../state.ts";

/** The operations of the CPU of a folded run: nothing is chosen, each happens when it is published. */
export class FoldedRacePort implements AccessPort {
  readonly state: ExplorerState;
  readonly #races: RaceDetector;

  constructor(state: ExplorerState, races: RaceDetector) {
    this.state = state;
    this.#races = races;
  }

  schedulingPoint(thread: number): number {
    return this.atOnce(thread);
  }

  atOnce(thread: number): number {
    const { state } = this;
    const races = this.#races;
    state.steps[thread] = (state.steps[thread] as number) + 1;
    races.operation(thread);
    const address = state.address[thread] as number;
    const byteLength = state.byteLength[thread] as number;
    switch (state.kind[thread]) {
      case k.LOAD:
      case k.LOAD_ACQUIRE:
        races.load(thread, address, byteLength, -1, false);
        return this.#read(thread, address, byteLength);
      case k.STORE:
      case k.STORE_RELEASE:
      case k.UNLOCK: {
        const before = this.#read(thread, address, byteLength);
        state.timeline.land(address, byteLength, state.low[thread] as number, state.high[thread] as number);
        races.storeNow(thread, address, byteLength);
        return before;
      }
      case k.COMPARE_EXCHANGE:
      case k.LOCK:
        return this.#exchange(thread, address, byteLength);
      default:
        return 0;
    }
  }

  #read(thread: number, address: number, byteLength: number): number {
    const { timeline, answerHigh } = this.state;
    timeline.load(address, byteLength, 0);
    answerHigh[thread] = timeline.high;
    return timeline.low;
  }

  #exchange(thread: number, address: number, byteLength: number): number {
    const { state } = this;
    const isLock = state.kind[thread] === k.LOCK;
    const before = this.#read(thread, address, byteLength);
    if (isLock && before !== 0) throw new Error("a lock that nobody gives back: a folded run has one CPU");
    const isWritten = isLock || before === state.operand[thread];
    if (isWritten) state.timeline.land(address, byteLength, isLock ? 1 : (state.low[thread] as number), 0);
    this.#races.atomic(thread, address, byteLength, isWritten);
    return before;
  }
}
