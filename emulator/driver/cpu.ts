import type { Cpu } from "../pcie/driver-view.ts";
import type { InterruptController } from "../pcie/interrupt-controller.ts";
import type { CpuLink } from "./cpu-link.ts";
import type { DriverInterrupt } from "./interrupt.ts";

/** On x86 an atomic load is enough between two loads. Elsewhere it holds back only what follows. */
const LOADS_STAY_IN_ORDER = process.arch === "x64";

/** A handler that re-raises its own interrupt for ever is a livelock; after this many rounds it is said. */
const HANDLER_ROUND_LIMIT = 10_000;

/**
 * A CPU of the driver's side. JavaScript has no signals: a handler runs when its CPU next accesses the device, relaxes
 * or waits. Code without such accesses is not interrupted.
 */
export class DriverCpu implements Cpu {
  readonly index: number;
  readonly #link: CpuLink;
  readonly #controller: InterruptController;
  readonly #handled: DriverInterrupt[] = [];
  /** A word of its own, for barriers. */
  readonly #fence: Int32Array = new Int32Array(new SharedArrayBuffer(4));
  #seenSequence = 0;
  #held = false;
  #running = false;

  constructor(index: number, link: CpuLink, controller: InterruptController) {
    this.index = index;
    this.#link = link;
    this.#controller = controller;
    this.#seenSequence = controller.sequenceOf(index);
  }

  /** Runs the handlers whose interrupts arrived. Called before every access of this CPU. */
  attend(): void {
    if (this.#handled.length === 0 || this.#held || this.#running) return;
    if (this.#controller.sequenceOf(this.index) === this.#seenSequence) return;
    this.#runHandlers();
  }

  /** Adds or takes away an interrupt whose handler runs on this CPU. */
  setHandled(interrupt: DriverInterrupt, on: boolean): void {
    const at = this.#handled.indexOf(interrupt);
    if (on && at < 0) this.#handled.push(interrupt);
    if (!on && at >= 0) this.#handled.splice(at, 1);
    // What arrived before the handler was there is the handler's too.
    this.#seenSequence = this.#controller.sequenceOf(this.index) - 1;
  }

  /** As it was when it was made: no handlers, nothing held back, nothing missed. */
  forgetHandlers(): void {
    this.#handled.length = 0;
    this.#held = false;
    this.#running = false;
    this.#seenSequence = this.#controller.sequenceOf(this.index);
  }

  /** Whether any interrupt has its handler on this CPU. */
  get handlesInterrupts(): boolean {
    return this.#handled.length > 0;
  }

  /** True when a handler has something to take that has arrived. */
  get hasPending(): boolean {
    return this.#handled.some((interrupt) => interrupt.isPending);
  }

  /** Whether this CPU holds interrupts back. */
  get holdsInterrupts(): boolean {
    return this.#held;
  }

  /** Which interrupts were seen; {@link resume} goes back to it, with the handlers that there are. */
  get seenSequence(): number {
    return this.#seenSequence;
  }

  resume(seenSequence: number): void {
    this.#held = false;
    this.#running = false;
    this.#seenSequence = seenSequence;
  }

  /** An interrupt without a handler was taken, by a poll or a wait. */
  noteTaken(): void {
    // What comes next is executed behind it anyway.
  }

  relax(): void {
    this.attend();
    this.#link.relax();
    this.attend();
  }

  rmb(): void {
    if (LOADS_STAY_IN_ORDER) Atomics.load(this.#fence, 0);
    else this.mb();
  }

  wmb(): void {
    this.mb();
  }

  /** The store keeps what came before in front of it, the load what follows behind, and the two keep their order. */
  mb(): void {
    Atomics.store(this.#fence, 0, 0);
    Atomics.load(this.#fence, 0);
  }

  dmaRmb(): void {
    this.rmb();
  }

  dmaWmb(): void {
    this.mb();
  }

  beginRacy(_reason: string): void {
    // For whoever looks for races; nobody does here.
  }

  endRacy(_looksBack: boolean): void {
    // The same.
  }

  irqSave(): boolean {
    const before = this.#held;
    this.#held = true;
    return before;
  }

  irqRestore(wereHeld: boolean): void {
    this.#held = wereHeld;
    this.attend();
  }

  synchronizeIrq(): void {
    // Handlers of this CPU run to their end within the access that they interrupt, so none is half done here.
    this.attend();
  }

  nowNs(): number {
    return this.#link.nowNs();
  }

  delay(durationNs: number): void {
    this.attend();
    this.#link.delay(durationNs);
    this.attend();
  }

  #runHandlers(): void {
    this.#running = true;
    try {
      for (let round = 0; this.#controller.sequenceOf(this.index) !== this.#seenSequence; round++) {
        if (round === HANDLER_ROUND_LIMIT) {
          throw new Error(
            `interrupt storm on CPU ${this.index}: ${HANDLER_ROUND_LIMIT} handler runs without a pause. Does the handler clear the cause it was called for?`,
          );
        }
        this.#seenSequence = this.#controller.sequenceOf(this.index);
        for (const interrupt of this.#handled) interrupt.runHandler();
      }
    } finally {
      this.#running = false;
    }
  }
}
