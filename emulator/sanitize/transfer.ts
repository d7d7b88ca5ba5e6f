import type { Hold, Holder, Holds } from "./holds.ts";
import type { DeviceUse, TransferView, WatchedTransfer } from "./ownership.ts";

/** A buffer that a device without rings works on: one at a time. */
export class Transfer implements Holder, WatchedTransfer {
  readonly #view: TransferView;
  readonly #holds: Holds;
  #hold: Hold | undefined;

  constructor(view: TransferView, holds: Holds) {
    this.#view = view;
    this.#holds = holds;
  }

  get place(): string {
    return this.#view.name;
  }

  get completion(): string {
    return this.#view.completion;
  }

  nameOf(): string {
    return this.#view.name;
  }

  isBusy(): boolean {
    return this.#view.isBusy();
  }

  isLive(): boolean {
    return this.#view.isLive();
  }

  handOver(iova: number, byteLength: number, use: DeviceUse): void {
    this.drop();
    if (byteLength <= 0) return;
    this.#hold = { holder: this, slot: 0, iova, byteLength, use };
    this.#holds.add(this.#hold);
  }

  seen(): void {
    if (!this.isBusy()) this.drop();
  }

  drop(): void {
    if (this.#hold !== undefined) this.#holds.remove(this.#hold);
    this.#hold = undefined;
  }

  save(): unknown {
    return this.#hold;
  }

  restore(state: unknown): void {
    this.drop();
    const hold = state as (Hold & { readonly use: DeviceUse }) | undefined;
    if (hold !== undefined) this.handOver(hold.iova, hold.byteLength, hold.use);
  }
}
