import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import type { Await } from "../../emulator/explore/plugged/awaits.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { Replay } from "../../emulator/explore/strategies/replay.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";
import { DEADLOCK, isFailure, PASSED } from "../../emulator/explore/verdict.ts";
import type { Interrupt } from "../../emulator/pcie/driver-view.ts";
import type { LoadedDevice, MachineOptions } from "../../emulator/run/machine.ts";
import { macrotaskHop } from "../../emulator/run/macrotask.ts";
import { deriveSeed } from "../../emulator/run/rng.ts";
import { type ExploredBed, PluggedSession } from "./plugged-session.ts";
import type { SearchResult } from "./search-session.ts";
import { installVirtualTimers } from "./virtual-timers.ts";

/** Promises of the testbed and timers that a driver waits for at the same time. */
const AWAIT_LIMIT = 12;
const NS_PER_MS = 1e6;
const QUIESCE_NS = 1_000_000_000;
const isNever = (): boolean => false;

/** What an async body holds in its hands: the bed, and waits that let its other tasks go on meanwhile. */
export interface AsyncBed extends ExploredBed {
  /** Resolves with true when the interrupt has arrived and is taken, with false after `limitMs` (default 1,000). */
  until(interrupt: Interrupt, limitMs?: number): Promise<boolean>;
  sleep(durationNs: number): Promise<void>;
  /** Lets the devices come to rest. */
  quiesceAsync(): Promise<void>;
}

export interface AsyncExploration<Context> {
  readonly setup: (bed: AsyncBed) => Context | Promise<Context>;
  readonly body: (bed: AsyncBed, context: Context) => void | Promise<void>;
}

/**
 * A driver whose functions are async: its tasks share one CPU, and interleave with the device at every access and with
 * each other at every `await`. JavaScript's own order of continuations stays as it is; the explorer chooses which of the
 * testbed's promises settles next. That all tasks wait is known when a turn of the event loop has brought nothing new, so
 * a run costs some microseconds for each wait. What the driver waits for outside of the testbed is not seen.
 */
export class AsyncSession<Context = unknown> {
  /** What the run that ended as a deadlock was waiting for. */
  stuck = "";
  readonly bed: AsyncBed;
  readonly #inner: PluggedSession;
  readonly #exploration: AsyncExploration<Context>;
  readonly #replay = new Replay();
  /** What a task threw that nobody awaits. */
  #rejections: unknown[] = [];

  constructor(devices: readonly LoadedDevice[], exploration: AsyncExploration<Context>, options: MachineOptions = {}) {
    const unused = { setup: (): unknown => undefined, body: () => undefined };
    this.#inner = new PluggedSession(devices, unused, options, AWAIT_LIMIT);
    this.#exploration = exploration;
    this.bed = this.#makeBed();
  }

  get machine(): PluggedSession["machine"] {
    return this.#inner.machine;
  }

  get execution(): PluggedSession["execution"] {
    return this.#inner.execution;
  }

  /** One run from the plugging in to its verdict. Rejects with what the set-up throws. */
  async run(strategy: Strategy, model: number, seed: number): Promise<number> {
    const { plugged } = this.#inner;
    plugged.reset();
    plugged.awaits.reset();
    this.stuck = "";
    this.#rejections = [];
    const takeBack = [this.#catchRejections(), this.#installTimers()];
    try {
      const context = await this.#settled(this.#exploration.setup(this.bed));
      plugged.awaits.reset();
      this.execution.begin(strategy, model, seed);
      plugged.explore();
      await this.#explore(context);
      // Whoever could still go on does so now, and is stopped at its next access.
      await macrotaskHop();
    } finally {
      for (const restore of takeBack) restore();
    }
    return this.execution.verdict;
  }

  async search(
    model: MemoryModel,
    runs: number,
    seed: number,
    strategy: Strategy = new Portfolio(),
  ): Promise<SearchResult> {
    let unknown = 0;
    for (let run = 0; run < runs; run++) {
      const verdict = await this.run(strategy, MEMORY_MODELS.indexOf(model), deriveSeed(seed, run));
      if (isFailure(verdict)) return { runs: run + 1, hasFailed: true, unknown };
      if (verdict !== PASSED) unknown++;
    }
    return { runs, hasFailed: false, unknown };
  }

  /** Runs one schedule; resolves with the verdict. */
  async replay(model: MemoryModel, schedule: Schedule): Promise<number> {
    this.#replay.schedule.copyFrom(schedule);
    return await this.run(this.#replay, MEMORY_MODELS.indexOf(model), 0);
  }

  // ---- a run --------------------------------------------------------------------------------------------------------

  async #explore(context: Context): Promise<void> {
    const { execution } = this;
    const { plugged } = this.#inner;
    const { awaits } = plugged;
    let isRunning = true;
    // Called in a promise, so that a body that throws at once is one that rejects.
    const body = new Promise<void>((resolve) => resolve(this.#exploration.body(this.bed, context))).then(
      () => execution.finishPlain(plugged.thread),
      (error: unknown) => execution.failPlain(error),
    );
    void body.finally(() => {
      isRunning = false;
    });
    for (;;) {
      await macrotaskHop();
      for (const error of this.#rejections) execution.failPlain(error);
      if (execution.verdict >= 0) return;
      awaits.open();
      // Nothing will ever settle what the body waits for.
      if (isRunning && awaits.count === 0) execution.waitForNothing(plugged.thread);
      while (!awaits.hasChosen && execution.turn()) {
        // The devices go on, and interrupts are handled, until one of the waits is chosen.
      }
      const names = isRunning && awaits.count === 0 ? ["what the body awaits"] : awaits.names;
      const chosen = awaits.close();
      if (chosen === undefined) {
        if (execution.verdict === DEADLOCK)
          this.stuck = `${names.length} ${names.length === 1 ? "promise" : "promises"} left pending: ${names.join(", ")}`;
        const broken = execution.verdict === PASSED ? this.#inner.violations[0] : undefined;
        if (broken !== undefined) execution.failPlain(new Error(broken.message));
        return;
      }
      chosen.settle(chosen.isOver());
    }
  }

  /** The set-up, in the ordinary order: time moves to the next timer when nobody can go on. */
  async #settled(result: Context | Promise<Context>): Promise<Context> {
    if (!(result instanceof Promise)) return result;
    const { awaits, cpu } = this.#inner.plugged;
    let isRunning = true;
    void result.then(
      () => {
        isRunning = false;
      },
      () => {
        isRunning = false;
      },
    );
    for (;;) {
      await macrotaskHop();
      if (!isRunning) return await result;
      const { earliestNs } = awaits;
      if (earliestNs === Number.POSITIVE_INFINITY)
        throw new Error("the set-up awaits something that nothing in the testbed will ever settle");
      cpu.delay(Math.max(0, earliestNs - cpu.nowNs()));
      awaits.takeDue(earliestNs)?.settle(false);
    }
  }

  #catchRejections(): () => void {
    const others = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", (error) => this.#rejections.push(error));
    return () => {
      process.removeAllListeners("unhandledRejection");
      for (const listener of others) process.on("unhandledRejection", listener);
    };
  }

  #installTimers(): () => void {
    const { awaits, cpu } = this.#inner.plugged;
    return installVirtualTimers({
      nowNs: () => cpu.nowNs(),
      arm: (dueNs, fire, name) => {
        const pending: Await = { name, limitNs: dueNs, isOver: isNever, settle: fire };
        awaits.add(pending);
        return () => awaits.remove(pending);
      },
    });
  }

  // ---- the bed ------------------------------------------------------------------------------------------------------

  #makeBed(): AsyncBed {
    const inner = this.#inner;
    const { awaits, cpu } = inner.plugged;
    const wait = (name: string, limitNs: number, isOver: () => boolean): Promise<boolean> =>
      new Promise((settle) => awaits.add({ name, limitNs, isOver, settle }));
    const sleep = async (durationNs: number): Promise<void> => {
      await wait("sleep", cpu.nowNs() + durationNs, isNever);
    };
    const until = async (interrupt: Interrupt, limitMs: number = 1000): Promise<boolean> => {
      if (!cpu.isExploring) return interrupt.wait(limitMs);
      const limitNs = cpu.nowNs() + limitMs * NS_PER_MS;
      // Another task may take what this one was woken by: then it waits for the next.
      while (!interrupt.poll()) {
        const { count } = interrupt;
        const hasArrived = await wait(
          `${interrupt.kind} ${interrupt.vector}`,
          limitNs,
          () => interrupt.count !== count,
        );
        if (!hasArrived) return false;
      }
      return true;
    };
    return {
      get functions() {
        return inner.functions;
      },
      get pci() {
        return inner.pci;
      },
      get wire() {
        return inner.wire;
      },
      get violations() {
        return inner.violations;
      },
      wireOf: (device) => inner.wireOf(device),
      direct: (interrupt, cpu) => inner.direct(interrupt, cpu),
      quiesce: () => inner.quiesce(),
      quiesceAsync: () => sleep(QUIESCE_NS),
      sleep,
      until,
    };
  }
}
