import { AsyncLocalStorage } from "node:async_hooks";
import { ABORT } from "../../emulator/explore/machine.ts";
import type { Await, Awaits } from "../../emulator/explore/plugged/awaits.ts";
import type { ExploredCpu } from "../../emulator/explore/plugged/explored-cpu.ts";
import { macrotaskHop } from "../../emulator/run/macrotask.ts";
import { ForeignWatch } from "./foreign-watch.ts";
import { realTimers } from "./real-timers.ts";
import { stopOfLeftOver, takeUnawaited } from "./unawaited-errors.ts";
import { installVirtualTimers } from "./virtual-timers.ts";

/** The run that whatever is executed belongs to, through all that it awaits. */
const current = new AsyncLocalStorage<AsyncRun>();
/** The last that has asked for the process, and settles when it has given it back: timers and listeners are there once. */
let lastInProcess: Promise<void> | undefined;

/** How often, and how long, it is looked whether files and sockets have come. */
const OUTSIDE_LOOKS = 10_000;
const WAKE_LOOKS = 1000;
const OUTSIDE_LOOK_MS = 1;

/** What keeps the event loop alive, by type; without timers, of which others in the process have their own. */
function outside(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo())
    if (type !== "Timeout" && type !== "Immediate") counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

const isNever = (): boolean => false;

/** One run of an async driver, with what it takes over from its process: timers, clocks, and errors that nobody awaits. */
export class AsyncRun {
  /** True when its verdict is there, or nobody waits for it any more. */
  isOver = false;
  /** What a task or a callback threw that nobody awaits. */
  readonly thrown: unknown[] = [];
  readonly #awaits: Pick<Awaits, "add" | "remove">;
  readonly #cpu: Pick<ExploredCpu, "nowNs" | "admit">;
  readonly #foreign: ForeignWatch | undefined;
  #outsideBefore = outside();

  constructor(awaits: Pick<Awaits, "add" | "remove">, cpu: Pick<ExploredCpu, "nowNs" | "admit">, isWatched: boolean) {
    this.#awaits = awaits;
    this.#cpu = cpu;
    this.#foreign = isWatched ? this.foreignWatch() : undefined;
  }

  /** Does what a run consists of, alone in its process. `guard` sees to it that it comes to its end. */
  async during<Answer>(
    work: () => Promise<Answer>,
    guard: (work: () => Promise<Answer>) => Promise<Answer>,
  ): Promise<Answer> {
    const before = lastInProcess;
    let giveBack = (): void => {};
    const own = new Promise<void>((resolve) => {
      giveBack = resolve;
    });
    lastInProcess = own;
    await before;
    const takeBack = [
      takeUnawaited((error) => this.thrown.push(error)),
      this.#installTimers(),
      this.#foreign?.install(),
    ];
    this.#cpu.admit = () => {
      // A task of an earlier run, which something outside of the testbed has woken.
      if (current.getStore() !== this) throw ABORT;
    };
    try {
      return await guard(() => current.run(this, work));
    } finally {
      this.isOver = true;
      this.#cpu.admit = () => {
        if (current.getStore() !== undefined) throw stopOfLeftOver();
      };
      for (const restore of takeBack) restore?.();
      if (lastInProcess === own) lastInProcess = undefined;
      giveBack();
    }
  }

  /** Lets all of the driver's code go on until it waits again. */
  async turn(): Promise<void> {
    const hop = current.exit(macrotaskHop);
    await hop;
  }

  /**
   * Lets files and sockets that the driver has asked for since the run began come, without a moment of virtual time. What is
   * still open after so many looks is a server, say, and not waited for any more. Resolves with whether there was anything.
   */
  async outside(looksMax: number = OUTSIDE_LOOKS, isEnough: () => boolean = isNever): Promise<boolean> {
    const isBusy = (): boolean => {
      for (const [type, count] of outside()) if (count > (this.#outsideBefore.get(type) ?? 0)) return true;
      return false;
    };
    let looks = 0;
    for (; isBusy() && looks < looksMax && !this.isOver && !isEnough(); looks++)
      await current.exit(() => realTimers.sleepMs(OUTSIDE_LOOK_MS));
    if (looks === looksMax) this.#outsideBefore = outside();
    return looks > 0;
  }

  /** Waits until something from outside of the testbed has woken the driver. False when nothing does for a second. */
  async isWoken(hasGoneOn: () => boolean): Promise<boolean> {
    for (let looks = 0; looks < WAKE_LOOKS && !this.isOver; looks++) {
      await current.exit(() => realTimers.sleepMs(OUTSIDE_LOOK_MS));
      if (hasGoneOn()) return true;
    }
    return false;
  }

  /** Notes what it asks of what is outside of the testbed while it is installed. */
  foreignWatch(): ForeignWatch {
    return new ForeignWatch(() => current.getStore() === this);
  }

  /** What it has asked of what is outside of the testbed, in words; empty when nobody has watched. */
  get foreign(): string {
    return this.#foreign?.text ?? "";
  }

  /** A promise of the testbed. In a run that is over it never settles: there a task has to stop that catches whatever ends it. */
  wait(name: string, limitNs: number, isOver: () => boolean = isNever): Promise<boolean> {
    return new Promise((settle) => {
      if (!this.isOver) this.#awaits.add({ name, limitNs, isOver, settle });
    });
  }

  #installTimers(): () => void {
    return installVirtualTimers({
      isInside: () => current.getStore() === this,
      nowNs: () => this.#cpu.nowNs(),
      arm: (dueNs, fire, name) => {
        const settle = (): void => {
          try {
            fire();
          } catch (error) {
            this.thrown.push(error);
          }
        };
        const pending: Await = { name, limitNs: dueNs, isOver: isNever, settle };
        if (!this.isOver) this.#awaits.add(pending);
        return {
          keep: (isKept) => {
            pending.isDaemon = !isKept;
          },
          disarm: () => this.#awaits.remove(pending),
        };
      },
    });
  }
}
