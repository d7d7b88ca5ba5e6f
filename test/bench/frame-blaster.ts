/** Attachment that sends one frame again and again into a wire port, as fast as the card has room for it. */
import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { EventSource } from "../../emulator/run/device-host.ts";
import type { AttachedPart } from "../../emulator/run/device-thread.ts";
import type { Machine } from "../../emulator/run/machine.ts";

export interface BlastOptions {
  readonly byteLength: number;
  /** Shared word 0: how many frames may have been sent in all; the driver raises it. Word 1: how many were. */
  readonly quota: SharedArrayBuffer;
}

const FRAMES_PER_TURN = 32;

export function attach(machine: Machine, options: unknown): AttachedPart {
  const endpoint = machine.endpoints[0];
  if (endpoint === undefined) throw new Error("nothing is plugged in to blast at");
  machine.host.sources.push(new FrameBlaster(endpoint, options as BlastOptions));
  return {};
}

class FrameBlaster implements EventSource {
  readonly #endpoint: Endpoint;
  readonly #frame: MemoryView;
  readonly #byteLength: number;
  readonly #words: Int32Array;
  #sent = 0;

  constructor(endpoint: Endpoint, { byteLength, quota }: BlastOptions) {
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
    let budget = FRAMES_PER_TURN;
    while (budget > 0 && this.#sent !== quota && device.hasRoomForFrame?.(0, this.#byteLength) !== false) {
      this.#frame.words[4] = this.#sent;
      device.onFrame(0, this.#frame, 0, this.#byteLength, 0);
      this.#sent = (this.#sent + 1) | 0;
      budget--;
    }
    return budget < FRAMES_PER_TURN;
  }

  isIdle(): boolean {
    return this.#sent === Atomics.load(this.#words, 0);
  }
}
