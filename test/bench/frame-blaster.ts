/** Attachment that sends one frame again and again into a wire port: as fast as the card has room for it, or at a rate. */

import type { Clock } from "../../emulator/clock/clock.ts";
import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { EventSource } from "../../emulator/run/device-host.ts";
import type { AttachedPart } from "../../emulator/run/device-thread.ts";
import type { Machine } from "../../emulator/run/machine.ts";

export interface BlastOptions {
  readonly byteLength: number;
  /** Shared word: how many frames may have been sent in all; the driver raises it. */
  readonly quota: SharedArrayBuffer;
  /** Without it, as fast as it goes. What this thread had no time for is not caught up with. */
  readonly framesPerSecond?: number;
}

const FRAMES_PER_TURN = 32;

export function attach(machine: Machine, options: unknown): AttachedPart {
  const endpoint = machine.endpoints[0];
  if (endpoint === undefined) throw new Error("nothing is plugged in to blast at");
  machine.host.sources.push(new FrameBlaster(machine.host.clock, endpoint, options as BlastOptions));
  return {};
}

class FrameBlaster implements EventSource {
  readonly #endpoint: Endpoint;
  readonly #frame: MemoryView;
  readonly #byteLength: number;
  readonly #words: Int32Array;
  readonly #clock: Clock;
  /** Nanoseconds for a frame, 0 for as fast as it goes; when the next one is due. */
  readonly #intervalNs: number;
  readonly #dueNs = new Float64Array(1);
  #sent = 0;

  constructor(clock: Clock, endpoint: Endpoint, { byteLength, quota, framesPerSecond }: BlastOptions) {
    this.#clock = clock;
    this.#intervalNs = framesPerSecond === undefined ? 0 : 1e9 / framesPerSecond;
    this.#endpoint = endpoint;
    this.#byteLength = byteLength;
    this.#words = new Int32Array(quota);
    this.#frame = MemoryView.ofSize(byteLength);
    // To everybody, from nobody, EtherType for experiments.
    this.#frame.bytes.fill(0xff, 0, 6);
    this.#frame.bytes.set([0x88, 0xb5], 12);
  }

  poll(): boolean {
    const device = this.#endpoint.device;
    const quota = Atomics.load(this.#words, 0);
    const granted = this.#intervalNs === 0 ? FRAMES_PER_TURN : this.#dueCount();
    let budget = granted;
    while (budget > 0 && this.#sent !== quota && device.hasRoomForFrame?.(0, this.#byteLength) !== false) {
      this.#frame.words[4] = this.#sent;
      device.onFrame(0, this.#frame, 0, this.#byteLength, 0);
      this.#sent = (this.#sent + 1) | 0;
      budget--;
    }
    return budget < granted;
  }

  /** Frames that have come due since the last look, a turn's worth at most. */
  #dueCount(): number {
    this.#clock.refresh();
    const now = this.#clock.now[0] as number;
    const behindNs = now - (this.#dueNs[0] as number);
    const count = Math.floor(behindNs / this.#intervalNs);
    if (count >= FRAMES_PER_TURN) this.#dueNs[0] = now;
    else this.#dueNs[0] = (this.#dueNs[0] as number) + count * this.#intervalNs;
    return Math.min(count, FRAMES_PER_TURN);
  }

  isIdle(): boolean {
    return this.#sent === Atomics.load(this.#words, 0);
  }
}
