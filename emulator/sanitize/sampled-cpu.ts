import type { Cpu } from "../pcie/driver-view.ts";
import type { RaceSampler } from "./race-sampler.ts";

/** A CPU of a threaded run, whose barriers are heard of while data races are looked for. */
export class SampledCpu implements Cpu {
  readonly index: number;
  readonly #inner: Cpu;
  readonly #sampler: RaceSampler;

  constructor(inner: Cpu, sampler: RaceSampler) {
    this.index = inner.index;
    this.#inner = inner;
    this.#sampler = sampler;
  }

  relax(): void {
    if (this.#sampler.isOpen) this.#sampler.paused();
    this.#inner.relax();
  }

  delay(durationNs: number): void {
    if (this.#sampler.isOpen) this.#sampler.paused();
    this.#inner.delay(durationNs);
  }

  rmb(): void {
    this.#inner.rmb();
    if (this.#sampler.isOpen) this.#sampler.readBarrier();
  }

  wmb(): void {
    this.#inner.wmb();
    if (this.#sampler.isOpen) this.#sampler.writeBarrier();
  }

  mb(): void {
    this.#inner.mb();
    if (this.#sampler.isOpen) this.#sampler.fullBarrier();
  }

  dmaRmb(): void {
    this.#inner.dmaRmb();
    if (this.#sampler.isOpen) this.#sampler.readBarrier();
  }

  dmaWmb(): void {
    this.#inner.dmaWmb();
    if (this.#sampler.isOpen) this.#sampler.writeBarrier();
  }

  beginRacy(reason: string): void {
    this.#sampler.isRacy = true;
    this.#inner.beginRacy(reason);
  }

  endRacy(looksBack: boolean): void {
    this.#sampler.isRacy = false;
    this.#inner.endRacy(looksBack);
  }

  irqSave(): boolean {
    return this.#inner.irqSave();
  }

  irqRestore(wereHeld: boolean): void {
    this.#inner.irqRestore(wereHeld);
  }

  synchronizeIrq(): void {
    if (this.#sampler.isOpen) this.#sampler.paused();
    this.#inner.synchronizeIrq();
  }

  nowNs(): number {
    return this.#inner.nowNs();
  }
}
