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
  /** See {@link DriverWatch.interruptSeen}. */
  readonly #cause: number;
  /** As the driver was told it last. */
  #count = 0;

  constructor(inner: DriverInterrupt, watch: DriverWatch) {
    this.kind = inner.kind;
    this.vector = inner.vector;
    this.inner = inner;
    this.#watch = watch;
    this.#name = inner.kind === "msix" ? `MSI-X vector ${inner.vector}` : inner.kind === "msi" ? "MSI" : "INTx";
    this.#cause = inner.kind === "msix" ? inner.vector : -1;
    watch.interrupts.handedOut(inner.irq, this.#name);
  }

  /** Whoever asks looks for the interrupt, and sees it when the number has changed. */
  get count(): number {
    const { count, irq } = this.inner;
    if (count === this.#count) this.#watch.interrupts.lookedFor(irq);
    else this.#watch.interruptTaken(irq, this.#cause);
    this.#count = count;
    return count;
  }

  poll(): boolean {
    const hasArrived = this.inner.poll();
    this.#watch.interrupts.taken(this.inner.irq);
    if (hasArrived) this.#watch.interruptSeen(this.#cause);
    return hasArrived;
  }

  wait(limitMs?: number): boolean {
    this.#watch.interrupts.waits();
    this.#watch.paused();
    const hasArrived = this.inner.wait(limitMs);
    if (hasArrived) this.#watch.interruptTaken(this.inner.irq, this.#cause);
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
      watch.interruptSeen(this.#cause);
      handler();
      watch.interrupts.handlerEnds();
    });
  }
}
