import { CPU_LIMIT } from "../kinds.ts";
import type { ExplorerState } from "../state.ts";
import { siteOf, whoseSite } from "./access-marks.ts";
import type { Clocks } from "./clocks.ts";
import type { RaceList } from "./race-list.ts";
import type { Shadow } from "./shadow.ts";

// What is noted of a cell. Sites plus one: 0 is none.
const READ_SITE = 0;
const READ_RUNS = 1;
const READ_SECTION = 2;
const STORE_SITE = 3;
const STORE_EPOCH = 4;
const HANDLER_SITE = 5;
const HANDLER_RUN = 6;

/** Outside of any section without interrupts. */
const NO_SECTION = 0;

/**
 * A task and the handlers of its own CPU. Memory orders nothing between them, and needs not: a CPU sees its own stores.
 * But a task that reads a word and writes it afterwards may be interrupted in between, and then what the handler
 * has written is lost. That is a race unless the two are one section under `irqSave`, or the handler cannot have come:
 * it was waited for, or its interrupt was set off by what the task has done after it.
 */
export class TaskRaces {
  readonly #state: ExplorerState;
  readonly #shadow: Shadow;
  readonly #clocks: Clocks;
  readonly #races: RaceList;
  /** By CPU: runs of its handlers so far, and those that the task has waited for. */
  readonly #runs = new Int32Array(CPU_LIMIT);
  readonly #awaited = new Int32Array(CPU_LIMIT);
  /** By CPU: which section under irqSave it is in. */
  readonly #section = new Int32Array(CPU_LIMIT);
  /** By CPU: the epoch of the task up to which the device knew of it when it sent the interrupt that is handled. */
  readonly #cause = new Int32Array(CPU_LIMIT);

  constructor(state: ExplorerState, shadow: Shadow, clocks: Clocks, races: RaceList) {
    this.#state = state;
    this.#shadow = shadow;
    this.#clocks = clocks;
    this.#races = races;
  }

  reset(): void {
    this.#runs.fill(0);
    this.#awaited.fill(0);
    this.#section.fill(1);
    this.#cause.fill(0);
  }

  handlerStarted(cpu: number, causeEpoch: number): void {
    this.#runs[cpu] = (this.#runs[cpu] as number) + 1;
    this.#cause[cpu] = causeEpoch;
  }

  /** The task has waited for the handlers so far, or heard of their interrupt. */
  synchronised(cpu: number): void {
    this.#awaited[cpu] = this.#runs[cpu] as number;
  }

  irqRestored(cpu: number): void {
    this.#section[cpu] = (this.#section[cpu] as number) + 1;
  }

  /** The task has read the first `count` cells found. */
  read(thread: number, count: number): void {
    const shadow = this.#shadow;
    const { cpuOf } = this.#state;
    const cpu = cpuOf[thread] as number;
    const section = this.#sectionOf(cpu);
    const runs = this.#awaitedOf(cpu);
    const site = this.#siteOf(thread) + 1;
    for (let at = 0; at < count; at++) {
      const cell = shadow.found[at] as number;
      shadow.setNote(cell, READ_SITE, site);
      shadow.setNote(cell, READ_RUNS, runs);
      shadow.setNote(cell, READ_SECTION, section);
    }
  }

  /** A thread has stored to the first `count` cells found. */
  stored(thread: number, count: number): void {
    const { cpuOf, mainOf } = this.#state;
    const cpu = cpuOf[thread] as number;
    if (mainOf[cpu] === thread) this.#storedByTask(thread, cpu, count);
    else this.#storedByHandler(thread, cpu, count);
  }

  #storedByTask(thread: number, cpu: number, count: number): void {
    const shadow = this.#shadow;
    const site = this.#siteOf(thread);
    const section = this.#sectionOf(cpu);
    for (let at = 0; at < count; at++) {
      const cell = shadow.found[at] as number;
      const isOwnRead = this.#isOf(shadow.note(cell, READ_SITE), cpu);
      const isProtected = section !== NO_SECTION && shadow.note(cell, READ_SECTION) === section;
      const readRuns = shadow.note(cell, READ_RUNS);
      shadow.setNote(cell, READ_SITE, 0);
      shadow.setNote(cell, STORE_SITE, 0);
      if (!isOwnRead || isProtected) continue;
      shadow.setNote(cell, STORE_SITE, site + 1);
      shadow.setNote(cell, STORE_EPOCH, this.#clocks.epochs[cpu] as number);
      const handler = shadow.note(cell, HANDLER_SITE);
      if (this.#isOf(handler, cpu) && shadow.note(cell, HANDLER_RUN) > readRuns)
        this.#races.add(handler - 1, true, site, true, shadow.addressOf(cell));
    }
  }

  #storedByHandler(thread: number, cpu: number, count: number): void {
    const shadow = this.#shadow;
    const site = this.#siteOf(thread);
    for (let at = 0; at < count; at++) {
      const cell = shadow.found[at] as number;
      shadow.setNote(cell, HANDLER_SITE, site + 1);
      shadow.setNote(cell, HANDLER_RUN, this.#runs[cpu] as number);
      const task = shadow.note(cell, STORE_SITE);
      if (this.#isOf(task, cpu) && shadow.note(cell, STORE_EPOCH) > (this.#cause[cpu] as number))
        this.#races.add(task - 1, true, site, true, shadow.addressOf(cell));
    }
  }

  #isOf(sitePlusOne: number, cpu: number): boolean {
    return sitePlusOne !== 0 && this.#state.cpuOf[whoseSite(sitePlusOne - 1)] === cpu;
  }

  #sectionOf(cpu: number): number {
    return this.#state.irqHeld[cpu] === 0 ? NO_SECTION : (this.#section[cpu] as number);
  }

  #awaitedOf(cpu: number): number {
    // While interrupts are held back, all handlers so far have come to their end.
    return (this.#state.irqHeld[cpu] === 0 ? this.#awaited[cpu] : this.#runs[cpu]) as number;
  }

  #siteOf(thread: number): number {
    return siteOf(thread, (this.#state.steps[thread] as number) - 1);
  }
}
