import type { Clock } from "../clock/clock.ts";
import type { Endpoint } from "../pcie/endpoint.ts";
import type { FrameQueue } from "../wire/frame-queue.ts";
import { wireTimePs } from "../wire/line-rate.ts";
import type { EventSource } from "./device-host.ts";

/** Frames in one turn: a burst, after which doorbells are looked at again. */
const FRAMES_PER_TURN = 64;

/** Brings the frames that a test sends into a wire port of a device, back to back at the line rate in virtual time. */
export class WireInjector implements EventSource {
  /** `[0]`: when the next waiting frame arrives. */
  readonly next: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  readonly #clock: Clock;
  readonly #queue: FrameQueue;
  readonly #endpoint: Endpoint;
  readonly #port: number;
  readonly #gigabitsPerSecond: number;
  /** `[0]`: when the wire is free, in picoseconds: whole ones at every Ethernet rate, so that sums do not drift. */
  readonly #freePs = new Float64Array(1);

  constructor(clock: Clock, queue: FrameQueue, endpoint: Endpoint, port: number, gigabitsPerSecond: number) {
    this.#clock = clock;
    this.#queue = queue;
    this.#endpoint = endpoint;
    this.#port = port;
    this.#gigabitsPerSecond = gigabitsPerSecond;
  }

  poll(): boolean {
    const queue = this.#queue;
    let taken = false;
    for (let budget = FRAMES_PER_TURN; budget > 0 && queue.peek(); budget--) {
      if (this.#clock.kind === "virtual" && !this.#hasArrived(queue.byteLength)) break;
      this.#endpoint.device.onFrame(this.#port, queue.memory, queue.offset, queue.byteLength, queue.flags);
      queue.release();
      taken = true;
    }
    if (taken) queue.acknowledge();
    return taken;
  }

  /** A frame whose arrival is planned waits for time, not for this source. */
  isIdle(): boolean {
    const arrival = this.next[0] as number;
    return this.#queue.isEmpty || (arrival !== Number.POSITIVE_INFINITY && arrival > (this.#clock.now[0] as number));
  }

  /** The frame's last bit is here. Plans its arrival when it is first seen. */
  #hasArrived(byteLength: number): boolean {
    const now = this.#clock.now[0] as number;
    if (this.next[0] === Number.POSITIVE_INFINITY) {
      const startPs = Math.max(now * 1000, this.#freePs[0] as number);
      this.#freePs[0] = startPs + wireTimePs(byteLength, this.#gigabitsPerSecond);
      this.next[0] = (this.#freePs[0] as number) / 1000;
    }
    if ((this.next[0] as number) > now) return false;
    this.next[0] = Number.POSITIVE_INFINITY;
    return true;
  }
}
