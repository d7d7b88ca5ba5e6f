import { MemoryView } from "../../memory/memory-view.ts";
import { FRAME_BAD_FCS } from "../../pcie/device-model.ts";
import type { Endpoint } from "../../pcie/endpoint.ts";
import type { DeviceHost, EventSource } from "../../run/device-host.ts";
import type { Wire } from "../../wire/wire.ts";
import type { ExplorerState } from "../state.ts";
import { FRAME_EVENT } from "./explored-uplink.ts";

const MINIMUM_FRAME_BYTES = 60;

/** What the wires of a machine share. */
export interface WireSurroundings {
  readonly host: DeviceHost;
  readonly state: ExplorerState;
  readonly isExploring: () => boolean;
}

/**
 * The outside end of a device's wire port in an explored run. Frames of a port arrive in their order, each at any moment, and
 * those of two ports in any order: when is the explorer's choice. Were they planned at the line rate, all that is on its way
 * elsewhere would have to arrive before time moves on. While nothing is explored they arrive as the machine is settled.
 */
export class ExploredWire implements Wire, EventSource {
  readonly lostCount = 0;
  /** What the device has sent in this run, where no cable leads to another port. */
  readonly sent: Uint8Array[] = [];
  /** The port at the other end of a cable. */
  far: ExploredWire | undefined;
  /** By number of the frame: what it lay in. Frames of the next run most often have the lengths of this one's. */
  readonly #memories: MemoryView[] = [];
  readonly #waiting: { readonly memory: MemoryView; readonly byteLength: number; readonly flags: number }[] = [];
  readonly #around: WireSurroundings;
  readonly #endpoint: Endpoint;
  readonly #device: number;
  readonly #port: number;
  /** The next frame to arrive; one at most is on its way. */
  #next = 0;

  constructor(around: WireSurroundings, endpoint: Endpoint, device: number, port: number) {
    this.#around = around;
    this.#endpoint = endpoint;
    this.#device = device;
    this.#port = port;
  }

  reset(): void {
    this.sent.length = 0;
    this.#waiting.length = 0;
    this.#next = 0;
  }

  /** Puts a frame on the wire towards the device, padded to 60 bytes. */
  send(frame: Uint8Array, options: { readonly badFcs?: boolean } = {}): void {
    const byteLength = Math.max(frame.length, MINIMUM_FRAME_BYTES);
    this.#put(frame, byteLength, options.badFcs === true ? FRAME_BAD_FCS : 0);
    if (!this.#around.isExploring()) this.#around.host.settle();
  }

  /** The next frame's last bit is here. */
  arrive(): void {
    const frame = this.#waiting[this.#next++];
    if (frame === undefined) return;
    if (this.#next < this.#waiting.length && this.#around.isExploring()) this.#plan();
    this.#endpoint.device.onFrame(this.#port, frame.memory, 0, frame.byteLength, frame.flags);
  }

  // ---- while nothing is explored -----------------------------------------------------------------------------------

  poll(): boolean {
    if (this.isIdle()) return false;
    this.arrive();
    return true;
  }

  isIdle(): boolean {
    return this.#next === this.#waiting.length || this.#around.isExploring();
  }

  // ---- the device's end --------------------------------------------------------------------------------------------

  /** Never behind: how long a frame takes is not among what is explored. */
  backlogNs(): number {
    return 0;
  }

  deliver(memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    const frame = memory.bytes.slice(offset, offset + byteLength);
    if (this.far === undefined) this.sent.push(frame);
    else this.far.#put(frame, byteLength, flags);
  }

  /** One more frame waits: copied, and padded with zeros. */
  #put(frame: Uint8Array, byteLength: number, flags: number): void {
    const index = this.#waiting.length;
    const before = this.#memories[index];
    const memory = before?.byteLength === ((byteLength + 3) & ~3) ? before : MemoryView.ofSize(byteLength);
    this.#memories[index] = memory;
    memory.bytes.set(frame);
    memory.bytes.fill(0, frame.length);
    const count = this.#waiting.push({ memory, byteLength, flags });
    if (count === this.#next + 1 && this.#around.isExploring()) this.#plan();
  }

  #plan(): void {
    const event = FRAME_EVENT + this.#port;
    this.#around.state.schedule(this.#device, 0, event, event);
  }
}
