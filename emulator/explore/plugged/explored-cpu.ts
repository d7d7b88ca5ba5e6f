import { DriverCpu } from "../../driver/cpu.ts";
import type { CpuLink } from "../../driver/cpu-link.ts";
import type { DriverInterrupt } from "../../driver/interrupt.ts";
import type { InterruptController } from "../../pcie/interrupt-controller.ts";
import type { AccessPort } from "../access-port.ts";
import * as k from "../kinds.ts";
import { IS_RACY, LOOKS_BACK } from "../tokens/token-page.ts";

/** Who makes the accesses of a CPU, and on which interrupt vector of the explorer it is interrupted. */
export interface CpuSeat {
  readonly cpu: number;
  readonly thread: number;
  readonly handlerThread: number;
  readonly vector: number;
}

/**
 * The CPU that a plain driver runs on. While a run is explored, each of its accesses is a scheduling point; before, in the
 * set-up, they happen at once, in the ordinary order.
 */
export class ExploredCpu extends DriverCpu {
  /** False during the set-up. */
  isExploring = false;
  /** Who is accessing: the driver's function, or a handler on top of it. */
  thread: number;
  readonly port: AccessPort;
  readonly vector: number;
  /** Called before each access is published: by whoever wants to know from which line of the driver it comes. */
  onAccess: ((kind: number, address: number) => void) | undefined;
  /** Called first of all: throws for a caller that is no part of the run under way. */
  admit: (() => void) | undefined;
  /** Where the engine is in another thread, it asks what the driver says about races: IS_RACY or LOOKS_BACK of token-page.ts. */
  racy = 0;
  /** How often handlers have run in explored runs: an async driver may go on after each, as promises are resolved in them. */
  handlerRuns = 0;
  readonly #seat: CpuSeat;
  readonly #controller: InterruptController;
  #isBehind = false;
  #tookOne = false;

  /** `link`: the way of its accesses while nothing is explored. */
  constructor(seat: CpuSeat, link: CpuLink, controller: InterruptController, port: AccessPort) {
    super(seat.cpu, link, controller);
    this.thread = seat.thread;
    this.vector = seat.vector;
    this.port = port;
    this.#seat = seat;
    this.#controller = controller;
  }

  /** Back to the beginning of a run. */
  reset(): void {
    this.isExploring = false;
    this.thread = this.#seat.thread;
    this.forgetHandlers();
    this.port.state.handlerOf[this.vector] = -1;
  }

  /** Back to where the set-up had ended, with the handlers that it has made. */
  override resume(seenSequence: number): void {
    super.resume(seenSequence);
    this.isExploring = false;
    this.thread = this.#seat.thread;
  }

  override setHandled(interrupt: DriverInterrupt, on: boolean): void {
    super.setHandled(interrupt, on);
    const { state } = this.port;
    if (!this.handlesInterrupts) {
      state.cancelInterrupt(this.vector);
      state.handlerOf[this.vector] = -1;
      return;
    }
    state.handlerOf[this.vector] = this.#seat.handlerThread;
    if (this.isExploring) this.#notePending();
  }

  /** From here on every access is a scheduling point, and the explorer says when what has arrived before is taken. */
  explore(): void {
    this.isExploring = true;
    this.port.state.irqHeld[this.index] = this.holdsInterrupts ? 1 : 0;
    this.#notePending();
  }

  /** What has arrived while nobody was there to take it, or past the explorer, waits to be taken. */
  #notePending(): void {
    if (!this.hasPending) return;
    this.#isBehind = true;
    this.port.state.interrupt(this.vector);
  }

  /** Whether there was such a thing since the last call: where the engine is in another thread, it asks. */
  isBehind(): boolean {
    const isBehind = this.#isBehind;
    this.#isBehind = false;
    return isBehind;
  }

  /** Publishes one operation, lets everybody else go on until its turn has come, and returns its answer. */
  access(kind: number, address: number, byteLength: number, low: number, high: number): number {
    const { port, thread } = this;
    if (this.admit !== undefined) this.admit();
    if (this.onAccess !== undefined) this.onAccess(kind, address);
    port.state.publish(thread, kind, address, byteLength, low, high);
    return port.schedulingPoint(thread);
  }

  /** An operation that follows the one before it without a chance for anybody else: the next word of a copy. */
  accessAtOnce(kind: number, address: number, byteLength: number, low: number, high: number): number {
    const { port, thread } = this;
    port.state.publish(thread, kind, address, byteLength, low, high);
    return port.atOnce(thread);
  }

  /** The explorer says when an interrupt is taken; until then it waits at the controller. */
  override attend(): void {
    if (!this.isExploring) super.attend();
  }

  /** Takes what has arrived: runs the handlers on top of whatever the CPU was doing. */
  takeInterrupts(): void {
    const interrupted = this.thread;
    this.thread = this.#seat.handlerThread;
    this.handlerRuns++;
    try {
      super.attend();
    } finally {
      this.thread = interrupted;
    }
  }

  /** True when something has arrived at the controller that this CPU has not seen in a given sequence. */
  hasArrived(seenSequence: number): boolean {
    return this.#controller.sequenceOf(this.index) !== seenSequence;
  }

  /** What follows an interrupt is not executed before it: no load from here on returns what was there before. */
  override noteTaken(): void {
    if (!this.isExploring) return;
    this.#tookOne = true;
    const { floors, timeline } = this.port.state;
    floors.raise(this.index, timeline.tick);
    this.port.state.races?.interrupted(this.index, this.vector);
  }

  /** Whether {@link noteTaken} was called since the last call: where the engine is in another thread, it asks. */
  tookOne(): boolean {
    const tookOne = this.#tookOne;
    this.#tookOne = false;
    return tookOne;
  }

  override relax(): void {
    if (!this.isExploring) super.relax();
    else this.access(k.RELAX, 0, 0, 0, 0);
  }

  override delay(durationNs: number): void {
    if (!this.isExploring) {
      super.delay(durationNs);
      return;
    }
    const { state } = this.port;
    state.limitNs[this.thread] = state.nowNs + durationNs;
    this.access(k.DELAY, 0, 0, 0, 0);
  }

  override nowNs(): number {
    return this.isExploring ? this.port.state.nowNs : super.nowNs();
  }

  override rmb(): void {
    if (this.isExploring) this.access(k.RMB, 0, 0, 0, 0);
  }

  override wmb(): void {
    if (this.isExploring) this.access(k.WMB, 0, 0, 0, 0);
  }

  override mb(): void {
    if (this.isExploring) this.access(k.MB, 0, 0, 0, 0);
  }

  override dmaRmb(): void {
    if (this.isExploring) this.access(k.DMA_RMB, 0, 0, 0, 0);
  }

  override dmaWmb(): void {
    if (this.isExploring) this.access(k.DMA_WMB, 0, 0, 0, 0);
  }

  override irqSave(): boolean {
    if (this.isExploring) this.port.state.irqHeld[this.index] = 1;
    return super.irqSave();
  }

  override irqRestore(wereHeld: boolean): void {
    super.irqRestore(wereHeld);
    if (!this.isExploring) return;
    this.port.state.irqHeld[this.index] = wereHeld ? 1 : 0;
    if (!wereHeld) this.port.state.races?.irqRestored(this.index);
  }

  override beginRacy(): void {
    this.racy = IS_RACY;
    if (this.isExploring) this.port.state.races?.beginRacy(this.index);
  }

  override endRacy(looksBack: boolean): void {
    this.racy = looksBack ? LOOKS_BACK : 0;
    if (this.isExploring) this.port.state.races?.endRacy(this.index, looksBack);
  }

  override synchronizeIrq(): void {
    if (!this.isExploring) {
      super.synchronizeIrq();
      return;
    }
    const { state } = this.port;
    if ((state.handlerOf[this.vector] as number) < 0) return;
    state.operand[this.thread] = this.vector;
    this.access(k.SYNCHRONIZE_IRQ, 0, 0, 0, 0);
  }
}
