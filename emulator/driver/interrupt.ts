import { COMMAND, COMMAND_INTX_DISABLE } from "../pcie/config-header.ts";
import type { Interrupt, InterruptKind } from "../pcie/driver-view.ts";
import type { InterruptController } from "../pcie/interrupt-controller.ts";
import type { DriverCpu } from "./cpu.ts";
import type { CpuLink } from "./cpu-link.ts";

/** Runs of an INTx handler in a row before the CPU waits for what it posted: the write that takes the line back. */
const UNFLUSHED_ROUNDS = 1000;
/** Runs after which a line that stays up is the handler's mistake. */
const ROUND_LIMIT = UNFLUSHED_ROUNDS + 100;

/** Where the mask bit of a vector is: a word of the MSI-X table. */
export interface VectorPlace {
  readonly bar: number;
  readonly controlOffset: number;
}

/** See {@link DriverInterrupt.save}. */
export interface InterruptState {
  readonly taken: number;
  readonly runCount: number;
}

/** One interrupt as the driver holds it. */
export class DriverInterrupt implements Interrupt {
  readonly kind: InterruptKind;
  readonly vector: number;
  /** Its number at the interrupt controller. */
  readonly irq: number;
  readonly #cpu: DriverCpu;
  readonly #link: CpuLink;
  readonly #controller: InterruptController;
  readonly #place: VectorPlace | undefined;
  readonly #startCount: number;
  #taken: number;
  #runCount = 0;
  #handler: (() => void) | undefined;

  constructor(
    kind: InterruptKind,
    vector: number,
    irq: number,
    cpu: DriverCpu,
    link: CpuLink,
    controller: InterruptController,
    place: VectorPlace | undefined,
  ) {
    this.kind = kind;
    this.vector = vector;
    this.irq = irq;
    this.#cpu = cpu;
    this.#link = link;
    this.#controller = controller;
    this.#place = place;
    this.#startCount = controller.countOf(irq);
    this.#taken = this.#startCount;
  }

  get count(): number {
    return (this.#controller.countOf(this.irq) - this.#startCount) >>> 0;
  }

  poll(): boolean {
    this.#cpu.attend();
    return this.#take();
  }

  /** With a handler: true when it ran meanwhile. */
  wait(limitMs = 1000): boolean {
    const runsBefore = this.#runCount;
    for (let leftMs = limitMs; ; ) {
      // Read first: what arrives after the looks below is not slept through.
      const sequence = this.#controller.sequenceOf(this.#cpu.index);
      this.#cpu.attend();
      if (this.#runCount !== runsBefore || (this.#handler === undefined && this.#take())) return true;
      if (!(leftMs > 0)) return false;
      leftMs = this.#link.waitForInterrupt(this.#cpu.index, sequence, leftMs);
    }
  }

  /** True when something has arrived that was not taken yet. */
  get isPending(): boolean {
    return (
      this.#controller.countOf(this.irq) !== this.#taken ||
      (this.kind === "intx" && this.#controller.isAsserted(this.irq))
    );
  }

  /** How much was taken so far; {@link restore} goes back to it. */
  save(): InterruptState {
    return { taken: this.#taken, runCount: this.#runCount };
  }

  restore({ taken, runCount }: InterruptState): void {
    this.#taken = taken;
    this.#runCount = runCount;
  }

  mask(): void {
    if (this.#place !== undefined) this.#link.write(this.#place.bar, this.#place.controlOffset, 4, 1, 0);
    else this.#setIntxDisable(true);
  }

  unmask(): void {
    if (this.#place !== undefined) this.#link.write(this.#place.bar, this.#place.controlOffset, 4, 0, 0);
    else this.#setIntxDisable(false);
    this.#cpu.attend();
  }

  handle(handler: (() => void) | undefined): void {
    this.#handler = handler;
    this.#cpu.setHandled(this, handler !== undefined);
  }

  /** Runs the handler when the interrupt arrived, and again while its line is asserted. Called by the CPU. */
  runHandler(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    for (let round = 0; this.#take(); round++) {
      // A level interrupts again as soon as the handler returns, and the write that takes it back may still be on its way.
      if (round > UNFLUSHED_ROUNDS) this.#link.configRead(COMMAND, 2);
      if (round === ROUND_LIMIT) {
        throw new Error(
          `${this.kind} ${this.vector} interrupted ${ROUND_LIMIT} times without a pause: the handler does not clear the cause (read or write-1-clear the cause register)`,
        );
      }
      this.#runCount++;
      handler();
      if (this.kind !== "intx") return;
    }
  }

  /** True when a message arrived that was not taken yet; for INTx also while the line is up, as it is a level. */
  #take(): boolean {
    const count = this.#controller.countOf(this.irq);
    if (count === this.#taken && !(this.kind === "intx" && this.#controller.isAsserted(this.irq))) return false;
    this.#taken = count;
    this.#cpu.noteTaken();
    return true;
  }

  #setIntxDisable(disabled: boolean): void {
    if (this.kind === "msi") throw new RangeError("this function's MSI has no mask bit: mask the cause in the device");
    const command = this.#link.configRead(COMMAND, 2);
    const bit = COMMAND_INTX_DISABLE;
    this.#link.configWrite(COMMAND, 2, disabled ? command | bit : command & ~bit);
  }
}
