import type { DeviceModel, DevicePort, ResetKind } from "../../emulator/pcie/device-model.ts";
import { PassModel } from "../pass-through.ts";

interface Delayed {
  readonly dueNs: number;
  readonly action: () => void;
}

/** What faults put off, in order of time, by a timer of the function that its device does not know. */
export class DelayLine {
  readonly #port: DevicePort;
  readonly #timer: number;
  /** Sorted; of those due at the same time the older one is first. */
  readonly #waiting: Delayed[] = [];

  /** `timer`: a timer of the port that nobody else uses. */
  constructor(port: DevicePort, timer: number) {
    this.#port = port;
    this.#timer = timer;
  }

  /** Calls `action` when `delayNs` have passed; never for Infinity. */
  after(delayNs: number, action: () => void): void {
    if (delayNs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#port;
    clock.refresh();
    const dueNs = (clock.now[0] as number) + delayNs;
    const behind = this.#waiting.findIndex((other) => other.dueNs > dueNs);
    this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, { dueNs, action });
    this.#start();
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting.length = 0;
    this.#port.stopTimer(this.#timer);
  }

  /** Stands around the device and takes what is the timer's. */
  model(device: DeviceModel): DeviceModel {
    return new TimedModel(device, this.#timer, this);
  }

  /** The timer has run out, or was stopped with all others by a reset. */
  run(): void {
    const { clock } = this.#port;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (first.dueNs > (clock.now[0] as number)) break;
      this.#waiting.shift();
      first.action();
    }
    this.#start();
  }

  #start(): void {
    const first = this.#waiting[0];
    if (first === undefined) return;
    this.#port.startTimer(this.#timer, Math.max(0, first.dueNs - (this.#port.clock.now[0] as number)));
  }
}

class TimedModel extends PassModel {
  readonly #timer: number;
  readonly #delays: DelayLine;

  constructor(device: DeviceModel, timer: number, delays: DelayLine) {
    super(device);
    this.#timer = timer;
    this.#delays = delays;
  }

  override onTimer(timer: number): void {
    if (timer === this.#timer) this.#delays.run();
    else super.onTimer(timer);
  }

  override onReset(kind: ResetKind): void {
    super.onReset(kind);
    this.#delays.run();
  }
}
