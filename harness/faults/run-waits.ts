import { limitUnderDebugger } from "../../emulator/run/debugger.ts";
import { macrotaskHop } from "../../emulator/run/macrotask.ts";
import type { AsyncRun } from "../explore/async-run.ts";
import { realTimers } from "../explore/real-timers.ts";
import { HangError } from "./fault-limits.ts";
import type { LateWatch } from "./late-watch.ts";

/** How long a turn in which nothing is to be done takes. */
const IDLE_MS = 1;
/** Looks, a millisecond each, for which virtual time stands still while files and sockets come. */
const OUTSIDE_LOOKS = 1000;

/** What goes on in a testbed while its driver waits for a promise. */
export interface Meanwhile {
  /** Runs handlers whose interrupts have arrived. */
  attend(): void;
  /** Lets what is next in virtual time happen. False when nothing is planned, or when time passes by itself. */
  goOn(): boolean;
  /** What can be done about promises that are waited for in vain, where the driver's timers are real; empty when nothing can. */
  readonly advice: string;
}

/** Waits for the promises of one run: what they wait for comes meanwhile, and none is waited for without a limit. */
export class RunWaits {
  readonly #limitMs: number;
  readonly #meanwhile: Meanwhile;
  readonly #watch: LateWatch | undefined;
  readonly #run: AsyncRun | undefined;

  /** `run`: of a driver whose timers are virtual. */
  constructor(limitMs: number, meanwhile: Meanwhile, watch: LateWatch | undefined, run?: AsyncRun) {
    this.#limitMs = limitUnderDebugger(limitMs);
    this.#meanwhile = meanwhile;
    this.#watch = watch;
    this.#run = run;
  }

  /** What was thrown meanwhile where nobody awaits it. */
  takeThrown(): unknown[] {
    return this.#run?.thrown.splice(0) ?? [];
  }

  /** Nothing is awaited any more: what was rejected in the last moment is told in one turn of the event loop. */
  async end(): Promise<void> {
    await this.#run?.turn();
  }

  /**
   * Resolves when `pending` has settled, which must not reject, and when something was thrown that nobody awaits. Rejects with
   * {@link HangError} when nothing will settle it or the limit is over, with RunLimitError for a loop, and with what a handler throws.
   */
  async until(pending: Promise<unknown>): Promise<void> {
    let isOver = false;
    let isLate = false;
    void pending.then(() => {
      isOver = true;
    });
    const timer =
      this.#limitMs === Number.POSITIVE_INFINITY
        ? undefined
        : realTimers.setTimeout(() => {
            isLate = true;
          }, this.#limitMs);
    const watch = this.#watch?.start();
    const isToEnd = (): boolean => isOver || this.#hasThrown;
    const isEnough = (): boolean => isToEnd() || isLate;
    const wait = async (): Promise<void> => {
      for (;;) {
        await this.#turn();
        watch?.turned();
        if (isToEnd()) return;
        if (isLate)
          throw new HangError(`a promise was waited for in vain for ${this.#limitMs / 1000} s${this.#advice}`);
        this.#meanwhile.attend();
        // What a handler has resolved goes on before time does.
        await this.#turn();
        // The driver's time-outs are over in virtual time, in which nothing from outside ever comes in time.
        while (!isEnough() && (await this.#run?.outside(OUTSIDE_LOOKS, isEnough)) === true) await this.#turn();
        if (isEnough()) continue;
        if (!this.#meanwhile.goOn()) await this.#untilWoken(isEnough);
      }
    };
    try {
      await (watch === undefined ? wait() : watch.guard(wait));
    } finally {
      realTimers.clearTimeout(timer);
    }
  }

  get #advice(): string {
    return this.#run === undefined ? this.#meanwhile.advice : "";
  }

  get #hasThrown(): boolean {
    return this.#run !== undefined && this.#run.thrown.length > 0;
  }

  #turn(): Promise<void> {
    return this.#run?.turn() ?? macrotaskHop();
  }

  /** Nothing in the testbed goes on by itself: whatever comes does so in real time, from files, sockets and timers. */
  async #untilWoken(isEnough: () => boolean): Promise<void> {
    if (this.#run === undefined) {
      await realTimers.sleepMs(IDLE_MS);
      return;
    }
    // Whoever asks for more of it has been woken, by a timer that is none of the testbed's, say.
    const asked = this.#run.foreignWatch();
    const uninstall = asked.install();
    try {
      if (await this.#run.isWoken(() => isEnough() || asked.text !== "" || this.#meanwhile.goOn())) return;
    } finally {
      uninstall();
    }
    throw new HangError(
      "it awaits what nothing will settle: no event of a card is planned, no timer, and for a second nothing has come from outside",
    );
  }
}
