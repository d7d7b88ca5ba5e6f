import type { DeviceModel } from "../../emulator/pcie/device-model.ts";
import type { ReplayChannel } from "./replay-channel.ts";

/** Publishes how many frames the card has dropped since the replay began, so that nobody waits for those. */
export class CardDrops {
  readonly #device: DeviceModel;
  readonly #counters: readonly string[];
  readonly #channel: ReplayChannel;
  /** `[0]`: when they were last published. */
  readonly #shownAt = new Float64Array(1);
  #before = 0;

  /** `counters` are the names in the device's statistics whose sum is its drops. */
  constructor(device: DeviceModel, counters: readonly string[], channel: ReplayChannel) {
    this.#device = device;
    this.#counters = counters;
    this.#channel = channel;
  }

  /** The first frame is about to come. */
  begin(): void {
    this.#before = this.#count();
  }

  /** Publishes, unless it has done so within `intervalNs` before `now[0]`. */
  show(now: Float64Array, intervalNs: number): void {
    if ((now[0] as number) - (this.#shownAt[0] as number) < intervalNs) return;
    this.#shownAt[0] = now[0] as number;
    this.#channel.droppedCount = this.#count() - this.#before;
  }

  #count(): number {
    const statistics = this.#device.statistics();
    return this.#counters.reduce((sum, name) => sum + (statistics[name] ?? 0), 0);
  }
}
