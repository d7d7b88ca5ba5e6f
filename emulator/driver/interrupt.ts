import { COMMAND, COMMAND_INTX_DISABLE } from "../pcie/config-header.ts";
import type { Interrupt, InterruptKind } from "../pcie/driver-view.ts";
import type { InterruptController } from "../pcie/interrupt-controller.ts";
import type { DriverCpu } from "./cpu.ts";
import type { CpuLink } from "./cpu-link.ts";

/** An interrupt takes a spin of this many looks before the thread sleeps: a sleep costs a hundred times as much. */
const SPIN_COUNT = 2000;

/** Where the mask bit of a vector is: a word of the MSI-X table. */
export interface VectorPlace {
  readonly bar: number;
  readonly controlOffset: number;
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

  wait(limitMs = 1000): boolean {
    this.#cpu.attend();
    for (let spins = 0; spins < SPIN_COUNT; spins++) if (this.#take()) return true;
    this.#link.waitForInterrupt(this.irq, this.#taken, limitMs);
    this.#cpu.attend();
    return this.#take();
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

  /** Runs the handler when the interrupt arrived, or when its line is still asserted. Called by the CPU. */
  runHandler(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    if (this.#take()) handler();
    // A level stays until the cause is gone: the line interrupts again as soon as the handler returns.
    for (let round = 0; this.kind === "intx" && this.#controller.isAsserted(this.irq); round++) {
      if (round === 1000) {
        throw new Error(
          "INTx stays asserted after 1,000 runs of the handler: it does not clear the cause (read or write-1-clear the cause register)",
        );
      }
      handler();
    }
  }

  #take(): boolean {
    const count = this.#controller.countOf(this.irq);
    if (count === this.#taken) return false;
    this.#taken = count;
    return true;
  }

  #setIntxDisable(disabled: boolean): void {
    if (this.kind === "msi") throw new RangeError("this function's MSI has no mask bit: mask the cause in the device");
    const command = this.#link.configRead(COMMAND, 2);
    const bit = COMMAND_INTX_DISABLE;
    this.#link.configWrite(COMMAND, 2, disabled ? command | bit : command & ~bit);
  }
}
