import type { Clock } from "../clock/clock.ts";
import { VirtualClock } from "../clock/clock.ts";
import type { Endpoint } from "../pcie/endpoint.ts";

/** Something that produces events for the devices: a request ring, a mirror, a wire, a source of traffic. */
export interface EventSource {
  /** Takes what has arrived, a bounded amount. True when there was something. */
  poll(): boolean;
  /** True when it will do nothing more without somebody else's doing. */
  isIdle(): boolean;
  /** `[0]`: clock time of its next event, Infinity when none is planned. */
  readonly next?: Float64Array;
}

/** Completions in one turn: enough for a burst of frames, few enough that doorbells are looked at in between. */
const READS_PER_TURN = 256;
/** Turns between two looks at the wall clock: it costs as much as a frame. */
const TURNS_PER_REFRESH = 32;

/**
 * All devices of a testbed and what drives them, in one thread. One {@link turn} takes requests, answers DMA, moves
 * wires and timers; whoever owns the thread calls it: the device worker's loop, or every access of a folded driver.
 */
export class DeviceHost {
  readonly clock: Clock;
  readonly endpoints: Endpoint[] = [];
  readonly sources: EventSource[] = [];
  #untilRefresh = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** One pass over everything. False when there was nothing to do. */
  turn(): boolean {
    if (--this.#untilRefresh <= 0) {
      this.#untilRefresh = TURNS_PER_REFRESH;
      this.clock.refresh();
    }
    let busy = false;
    const sources = this.sources;
    for (let index = 0; index < sources.length; index++) {
      if ((sources[index] as EventSource).poll()) busy = true;
    }
    const endpoints = this.endpoints;
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[index] as Endpoint;
      let budget = READS_PER_TURN;
      while (budget > 0) {
        const count = endpoint.step();
        if (count === 0) break;
        budget = (budget - count) | 0;
      }
      if (budget !== READS_PER_TURN) busy = true;
      if (endpoint.runTimers()) busy = true;
      endpoint.landWrites();
    }
    return busy;
  }

  /** Turns until nothing is left to do now. Throws RangeError when `turnLimit` turns did not get there. */
  settle(turnLimit = 1_000_000): void {
    while (this.turn()) {
      if (turnLimit-- <= 0) throw new RangeError("the devices did not come to rest: two of them keep each other busy");
    }
  }

  /** Clock time of the next timer, frame or planned event; Infinity when nothing is planned. */
  nextEventNs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const endpoint of this.endpoints) next = Math.min(next, endpoint.timers.next[0] as number);
    for (const source of this.sources) {
      if (source.next !== undefined) next = Math.min(next, source.next[0] as number);
    }
    return next;
  }

  /**
   * Virtual time only: moves to the next planned event, but not beyond `limitNs`, and settles. False when nothing is
   * planned up to there; time then stands at the limit, or where it was for an infinite one.
   */
  leap(limitNs: number = Number.POSITIVE_INFINITY): boolean {
    if (!(this.clock instanceof VirtualClock)) return false;
    const next = this.nextEventNs();
    if (next > limitNs || next === Number.POSITIVE_INFINITY) {
      if (limitNs !== Number.POSITIVE_INFINITY) this.clock.advanceTo(limitNs);
      return false;
    }
    this.clock.advanceTo(next);
    this.settle();
    return true;
  }

  /** True when no device and no source would do anything before time passes. */
  isIdle(): boolean {
    return this.endpoints.every((endpoint) => endpoint.isIdle()) && this.sources.every((source) => source.isIdle());
  }

  /** Makes the next turn look at the wall clock: after a sleep. */
  wake(): void {
    this.#untilRefresh = 0;
  }
}
