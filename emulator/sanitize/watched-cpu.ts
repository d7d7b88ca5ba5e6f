import type { Cpu } from "../pcie/driver-view.ts";
import type { DriverWatch } from "./driver-watch.ts";

/** A CPU whose pauses the sanitizers of its functions hear of. */
export class WatchedCpu implements Cpu {
  readonly index: number;
  /** The CPU as it is without a watch. */
  readonly inner: Cpu;
  readonly #watches: readonly DriverWatch[];

  constructor(inner: Cpu, watches: readonly DriverWatch[]) {
    this.index = inner.index;
    this.inner = inner;
    this.#watches = watches;
  }

  relax(): void {
    this.#paused();
    this.inner.relax();
  }

  delay(durationNs: number): void {
    this.#paused();
    this.inner.delay(durationNs);
  }

  rmb(): void {
    this.inner.rmb();
  }

  wmb(): void {
    this.inner.wmb();
  }

  mb(): void {
    this.inner.mb();
  }

  dmaRmb(): void {
    this.inner.dmaRmb();
  }

  dmaWmb(): void {
    this.inner.dmaWmb();
  }

  beginRacy(reason: string): void {
    this.inner.beginRacy(reason);
  }

  endRacy(looksBack: boolean): void {
    this.inner.endRacy(looksBack);
  }

  irqSave(): boolean {
    return this.inner.irqSave();
  }

  irqRestore(wereHeld: boolean): void {
    this.inner.irqRestore(wereHeld);
  }

  synchronizeIrq(): void {
    this.inner.synchronizeIrq();
  }

  nowNs(): number {
    return this.inner.nowNs();
  }

  #paused(): void {
    for (const watch of this.#watches) watch.paused();
  }
}
