import { MemoryView } from "../../memory/memory-view.ts";
import { FRAME_BAD_FCS } from "../../pcie/device-model.ts";
import type { Endpoint } from "../../pcie/endpoint.ts";
import type { DeviceHost } from "../../run/device-host.ts";
import type { Wire } from "../../wire/wire.ts";
import type { ExplorerState } from "../state.ts";
import { FRAME_EVENT } from "./explored-uplink.ts";

const MINIMUM_FRAME_BYTES = 60;

/**
 * The outside end of a wire in an explored run. Frames arrive in their order, each at any moment: when is the explorer's
 * choice. Were they planned at the line rate, all that is on its way elsewhere would have to arrive before time moves on.
 */
export class ExploredWire implements Wire {
  readonly lostCount = 0;
  /** What the device has sent in this run. */
  readonly sent: Uint8Array[] = [];
  readonly #waiting: { readonly memory: MemoryView; readonly byteLength: number; readonly flags: number }[] = [];
  readonly #host: DeviceHost;
  readonly #state: ExplorerState;
  readonly #endpoint: Endpoint;
  readonly #device: number;
  readonly #isExploring: () => boolean;
  /** The next frame to arrive; one at most is on its way. */
  #next = 0;

  constructor(host: DeviceHost, state: ExplorerState, endpoint: Endpoint, device: number, isExploring: () => boolean) {
    this.#host = host;
    this.#state = state;
    this.#endpoint = endpoint;
    this.#device = device;
    this.#isExploring = isExploring;
  }

  reset(): void {
    this.sent.length = 0;
    this.#waiting.length = 0;
    this.#next = 0;
  }

  /** Puts a frame on the wire towards the device, padded to 60 bytes. */
  send(frame: Uint8Array, options: { readonly badFcs?: boolean } = {}): void {
    const byteLength = Math.max(frame.length, MINIMUM_FRAME_BYTES);
    const memory = MemoryView.ofSize(byteLength);
    memory.bytes.set(frame);
    const count = this.#waiting.push({ memory, byteLength, flags: options.badFcs === true ? FRAME_BAD_FCS : 0 });
    if (!this.#isExploring()) {
      this.arrive();
      this.#host.settle();
    } else if (count === this.#next + 1) this.#plan();
  }

  /** The next frame's last bit is here. */
  arrive(): void {
    const frame = this.#waiting[this.#next++];
    if (frame === undefined) return;
    if (this.#next < this.#waiting.length) this.#plan();
    this.#endpoint.device.onFrame(0, frame.memory, 0, frame.byteLength, frame.flags);
  }

  #plan(): void {
    this.#state.schedule(this.#device, 0, FRAME_EVENT, FRAME_EVENT);
  }

  /** Never behind: how long a frame takes is not among what is explored. */
  backlogNs(): number {
    return 0;
  }

  deliver(memory: MemoryView, offset: number, byteLength: number): void {
    this.sent.push(memory.bytes.slice(offset, offset + byteLength));
  }
}
