import type { CpuLink } from "../../driver/cpu-link.ts";
import type { InterruptController } from "../../pcie/interrupt-controller.ts";
import * as k from "../kinds.ts";
import { ExploredCpu } from "../plugged/explored-cpu.ts";
import type { RaceDetector } from "../races/race-detector.ts";
import type { FoldedRacePort } from "./folded-race-port.ts";

/** The CPU's program and its handlers, as the detector tells them apart; they are interrupted on one vector. */
export const TASK = 0;
export const HANDLER = 1;
export const VECTOR = 0;

/** The CPU of a folded run that is watched: its accesses happen at once, and its handlers run where they do in any folded run. */
export class FoldedRaceCpu extends ExploredCpu {
  readonly #link: CpuLink;
  readonly #races: RaceDetector;

  constructor(link: CpuLink, controller: InterruptController, port: FoldedRacePort, races: RaceDetector) {
    super({ cpu: 0, thread: TASK, handlerThread: HANDLER, vector: VECTOR }, link, controller, port);
    this.#link = link;
    this.#races = races;
    this.isExploring = true;
  }

  override attend(): void {
    if (this.thread === HANDLER || !this.handlesInterrupts || this.holdsInterrupts) return;
    if (!this.hasArrived(this.seenSequence)) return;
    this.#races.handlerStarted(HANDLER, VECTOR);
    this.takeInterrupts();
    this.#races.handlerEnded(HANDLER);
  }

  override relax(): void {
    this.attend();
    this.access(k.RELAX, 0, 0, 0, 0);
    this.#link.relax();
    this.attend();
  }

  override delay(durationNs: number): void {
    this.attend();
    this.access(k.DELAY, 0, 0, 0, 0);
    this.#link.delay(durationNs);
    this.attend();
  }

  override synchronizeIrq(): void {
    this.attend();
    super.synchronizeIrq();
  }

  /** A handler hears of its interrupt when it starts. */
  override noteTaken(): void {
    super.noteTaken();
    if (this.thread === TASK) this.#races.interrupted(this.index, VECTOR);
  }

  override beginRacy(): void {
    super.beginRacy();
    this.#races.beginRacy(this.index);
  }

  override endRacy(looksBack: boolean): void {
    super.endRacy(looksBack);
    this.#races.endRacy(this.index, looksBack);
  }

  override nowNs(): number {
    return this.#link.nowNs();
  }
}
