import type { DriverInterrupt } from "../driver/interrupt.ts";
import type { Interrupt, InterruptKind } from "../pcie/driver-view.ts";
import type { DriverWatch } from "./driver-watch.ts";

/** An interrupt whose use the sanitizers hear of. */
export class WatchedInterrupt implements Interrupt {
  readonly kind: InterruptKind;
  readonly vector: number;
  /** The interrupt as it is without a watch. */
  readonly inner: DriverInterrupt;
  readonly #watch: DriverWatch;
  readonly #name: string;

  constructor(inner: DriverInterrupt, watch: DriverWatch) {
    this.kind = inner.kind;
    this.vector = inner.vector;
    this.inner = inner;
    this.#watch = watch;
    this.#name = inner.kind === "msix" ? `MSI-X vector ${inner.vector}` : inner.kind === "msi" ? "MSI" : "INTx";
    watch.interrupts.handedOut(inner.irq, this.#name);
  }

  get count(): number {
    return this.inner.count;
  }

  poll(): boolean {
    const hasArrived = this.inner.poll();
    this.#watch.interruptTaken(this.inner.irq);
    return hasArrived;
  }

  wait(limitMs?: number): boolean {
    this.#watch.interrupts.waits();
    this.#watch.paused();
    const hasArrived = this.inner.wait(limitMs);
    if (hasArrived) this.#watch.interruptTaken(this.inner.irq);
    return hasArrived;
  }

  mask(): void {
    this.inner.mask();
  }

  unmask(): void {
    this.#watch.interrupts.unmasked(this.#name);
    this.inner.unmask();
  }

  handle(handler: (() => void) | undefined): void {
    const watch = this.#watch;
    const { irq } = this.inner;
    watch.handlerSet(this.#name, handler !== undefined);
    if (handler === undefined) {
      this.inner.handle(undefined);
      return;
    }
    this.inner.handle(() => {
      watch.interrupts.handlerBegins(irq, this.#name);
      watch.memory.allSeen();
      handler();
      watch.interrupts.handlerEnds();
    });
  }
}
