import type { Clock } from "../clock/clock.ts";
import type { Endpoint } from "../pcie/endpoint.ts";
import type { FrameQueue } from "../wire/frame-queue.ts";
import { wireTimeNs } from "../wire/line-rate.ts";
import type { EventSource } from "./device-host.ts";
import { lineRateOf } from "./machine.ts";

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
  /** `[0]`: when the wire is free. */
  readonly #wire = new Float64Array(1);

  constructor(clock: Clock, queue: FrameQueue, endpoint: Endpoint, port: number) {
    this.#clock = clock;
    this.#queue = queue;
    this.#endpoint = endpoint;
    this.#port = port;
    this.#gigabitsPerSecond = lineRateOf(endpoint.declaration);
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

  isIdle(): boolean {
    return this.#queue.isEmpty;
  }

  /** The frame's last bit is here. Sets the time of its arrival when it is first seen. */
  #hasArrived(byteLength: number): boolean {
    const now = this.#clock.now[0] as number;
    if (this.next[0] === Number.POSITIVE_INFINITY) {
      this.next[0] = Math.max(now, this.#wire[0] as number) + wireTimeNs(byteLength, this.#gigabitsPerSecond);
    }
    if ((this.next[0] as number) > now) return false;
    this.#wire[0] = this.next[0] as number;
    this.next[0] = Number.POSITIVE_INFINITY;
    return true;
  }
}
