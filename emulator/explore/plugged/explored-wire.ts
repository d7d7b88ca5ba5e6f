import { MemoryView } from "../../memory/memory-view.ts";
import { FRAME_BAD_FCS } from "../../pcie/device-model.ts";
import type { Endpoint } from "../../pcie/endpoint.ts";
import type { DeviceHost } from "../../run/device-host.ts";
import { wireTimePs } from "../../wire/line-rate.ts";
import type { WireSink } from "../../wire/wire.ts";
import type { ExplorerState } from "../state.ts";
import { FRAME_EVENT } from "./explored-uplink.ts";

const MINIMUM_FRAME_BYTES = 60;
const PS_PER_NS = 1000;

/** The outside end of a wire in an explored run. Frames arrive one after the other at the line rate of virtual time. */
export class ExploredWire implements WireSink {
  /** What the device has sent in this run. */
  readonly sent: Uint8Array[] = [];
  readonly #waiting: { readonly memory: MemoryView; readonly byteLength: number; readonly flags: number }[] = [];
  readonly #host: DeviceHost;
  readonly #state: ExplorerState;
  readonly #endpoint: Endpoint;
  readonly #device: number;
  readonly #isExploring: () => boolean;
  #freePs = 0;

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
    this.#freePs = 0;
  }

  /** Puts a frame on the wire towards the device, padded to 60 bytes. */
  send(frame: Uint8Array, options: { readonly badFcs?: boolean } = {}): void {
    const byteLength = Math.max(frame.length, MINIMUM_FRAME_BYTES);
    const memory = MemoryView.ofSize(byteLength);
    memory.bytes.set(frame);
    const index = this.#waiting.push({ memory, byteLength, flags: options.badFcs === true ? FRAME_BAD_FCS : 0 }) - 1;
    if (!this.#isExploring()) {
      this.arrive(index);
      this.#host.settle();
      return;
    }
    const rate = this.#endpoint.declaration.gigabitsPerSecond ?? 10;
    this.#freePs = Math.max(this.#state.nowNs * PS_PER_NS, this.#freePs) + wireTimePs(byteLength, rate);
    this.#state.schedule(this.#device, Math.ceil(this.#freePs / PS_PER_NS) - this.#state.nowNs, FRAME_EVENT, index);
  }

  /** A frame's last bit is here. */
  arrive(index: number): void {
    const frame = this.#waiting[index];
    if (frame !== undefined) this.#endpoint.device.onFrame(0, frame.memory, 0, frame.byteLength, frame.flags);
  }

  deliver(memory: MemoryView, offset: number, byteLength: number): void {
    this.sent.push(memory.bytes.slice(offset, offset + byteLength));
  }
}
