import type { Hold, Holder, Holds } from "./holds.ts";
import type { RegionView, WatchedRegion } from "./ownership.ts";

/** Memory that a device streams into: a driver may read it at any time, and write it at none. */
export class Region implements Holder, WatchedRegion {
  readonly view: RegionView;
  readonly #holds: Holds;
  #hold: Hold | undefined;

  constructor(view: RegionView, holds: Holds) {
    this.view = view;
    this.#holds = holds;
  }

  get place(): string {
    return this.view.name;
  }

  get completion(): string {
    return this.view.release;
  }

  get release(): string {
    return this.view.release;
  }

  nameOf(): string {
    return this.view.name;
  }

  /** As long as it is switched on something may come at any moment. */
  isBusy(): boolean {
    const hold = this.#hold;
    return hold !== undefined && this.isLive() && this.hasAt(hold.iova, hold.byteLength);
  }

  isLive(): boolean {
    return this.view.isLive();
  }

  moved(iova: number, byteLength: number): void {
    const hold = this.#hold;
    if (hold !== undefined && hold.iova === iova && hold.byteLength === byteLength) return;
    this.drop();
    if (byteLength <= 0) return;
    this.#hold = { holder: this, slot: 0, iova, byteLength, use: "streams" };
    this.#holds.add(this.#hold);
  }

  /** Whether these bytes, which lie in it, are the device's. */
  hasAt(iova: number, byteLength: number): boolean {
    const { view } = this;
    if (view.isDevices === undefined) return true;
    return view.isDevices(iova - (this.#hold?.iova ?? iova), byteLength);
  }

  /** The driver has loaded these bytes, up to 8 of them, and got this. */
  loaded(iova: number, byteLength: number, low: number, high: number): void {
    const hold = this.#hold;
    if (hold === undefined || this.view.loaded === undefined) return;
    if (iova < hold.iova || iova + byteLength > hold.iova + hold.byteLength) return;
    this.view.loaded(iova - hold.iova, byteLength, low, high);
  }

  covers(iova: number, byteLength: number): boolean {
    const hold = this.#hold;
    return hold !== undefined && iova < hold.iova + hold.byteLength && hold.iova < iova + byteLength;
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
    const hold = state as Hold | undefined;
    if (hold !== undefined) this.moved(hold.iova, hold.byteLength);
  }
}
