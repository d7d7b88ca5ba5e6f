import { DORMANT, MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { Replay } from "../../emulator/explore/strategies/replay.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";
import { DEADLOCK, isFailure, PASSED } from "../../emulator/explore/verdict.ts";
import type { LoadedDevice, MachineOptions } from "../../emulator/run/machine.ts";
import { deriveSeed } from "../../emulator/run/rng.ts";
import type { ExploredTracing } from "../trace/explored-tracing.ts";
import { AsyncBed } from "./async-bed.ts";
import { AsyncRun } from "./async-run.ts";
import type { DriverSession } from "./driver-session.ts";
import { ForeignWaitError } from "./foreign-watch.ts";
import type { LoopWatch } from "./loop-watch.ts";
import { type Exploration, type FurtherCpu, PluggedSession } from "./plugged-session.ts";
import type { SearchResult } from "./search-session.ts";

/** Promises of the testbed and timers that a driver waits for at the same time; each further CPU takes the place of two. */
const AWAIT_LIMIT = 12;
const ACTORS_PER_CPU = 2;
/** How far time moves at first where a set-up waits for an interrupt; twice as far each time. */
const SET_UP_STEP_NS = 1000;
/** Virtual time in which something has to come that a set-up waits for. */
const SET_UP_LIMIT_NS = 10e9;

/**
 * A driver whose functions are async: its tasks share one CPU, and interleave with the device at every access and with
 * each other at every `await`. JavaScript's own order of continuations stays as it is; the explorer chooses which of the
 * testbed's promises settles next. That all tasks wait is known when a turn of the event loop has brought nothing new, so
 * a run costs some microseconds for each wait.
 */
export class AsyncSession<Context = unknown> implements DriverSession {
  onRun: (() => void) | undefined;
  onStep: (() => void) | undefined;
  /** What the run that ended as a deadlock was waiting for. */
  stuck = "";
  /** Stops a run that takes too long; without one, whoever calls has to see to that. */
  watch: LoopWatch | undefined;
  readonly #inner: PluggedSession<Context>;
  readonly #exploration: Exploration<Context>;
  readonly #replay = new Replay();
  /**
   * Whether the body of the last run got stuck. The next one is watched then, once: it tells a promise that nobody settles
   * from one that the operating system does.
   */
  #isStuckOutside = false;
  #hasWatched = false;

  constructor(
    devices: readonly LoadedDevice[],
    exploration: Exploration<Context>,
    options: MachineOptions = {},
    cpus: readonly FurtherCpu<Context>[] = [],
    tracing?: ExploredTracing,
  ) {
    const awaitCount = AWAIT_LIMIT - ACTORS_PER_CPU * cpus.length;
    this.#inner = new PluggedSession(devices, exploration, options, awaitCount, cpus, tracing);
    this.#exploration = exploration;
  }

  get plugged(): PluggedSession["plugged"] {
    return this.#inner.plugged;
  }

  get notes(): PluggedSession["notes"] {
    return this.#inner.notes;
  }

  get tracing(): ExploredTracing | undefined {
    return this.#inner.tracing;
  }

  get machine(): PluggedSession["machine"] {
    return this.#inner.machine;
  }

  get execution(): PluggedSession["execution"] {
    return this.#inner.execution;
  }

  /**
   * One run from the plugging in to its verdict. Rejects with what the set-up throws, with {@link RunLimitError}, and with
   * {@link ForeignWaitError} where the run before got stuck with what comes from outside.
   */
  async run(strategy: Strategy, model: number, seed: number): Promise<number> {
    this.onRun?.();
    const { awaits, cpu } = this.plugged;
    const isWatched = this.#isStuckOutside && !this.#hasWatched;
    const run = new AsyncRun(awaits, cpu, isWatched);
    this.#hasWatched ||= isWatched;
    this.#isStuckOutside = false;
    this.stuck = "";
    await run.during(
      async () => {
        const bed = new AsyncBed(this.#inner as PluggedSession, run);
        const context = await this.#setUp(run, bed);
        if (run.isOver) return;
        this.execution.begin(strategy, model, seed, () => this.plugged.explore());
        await this.#explore(run, () => this.#exploration.body(bed, context));
        // Whoever could still go on does so now, and is stopped at its next access or wait.
        run.isOver = true;
        await run.turn();
      },
      (work) => (this.watch === undefined ? work() : this.watch.guard(work)),
    );
    if (run.foreign !== "" && !this.#isStuckOutside)
      throw new ForeignWaitError(
        `the driver waits for ${run.foreign}, which comes when the operating system likes, and not when the explorer says so`,
      );
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

  async replay(model: MemoryModel, schedule: Schedule): Promise<number> {
    this.#replay.schedule.copyFrom(schedule);
    return await this.run(this.#replay, MEMORY_MODELS.indexOf(model), 0);
  }

  get brokenRule(): string {
    return this.#inner.brokenRule;
  }

  /** Ends the threads of the further CPUs, and the one that watches. */
  async close(): Promise<void> {
    await this.#inner.close();
    await this.watch?.close();
  }

  // ---- a run --------------------------------------------------------------------------------------------------------

  /** Up to the verdict, or until nobody waits for it any more. */
  async #explore(run: AsyncRun, start: () => unknown): Promise<void> {
    const { execution } = this;
    const { awaits, cpu, thread } = this.plugged;
    const { status } = execution.state;
    let isRunning = true;
    // Called in a promise, so that a body that throws at once is one that rejects.
    void new Promise<unknown>((resolve) => resolve(start()))
      .then(
        () => execution.finishPlain(thread),
        (error: unknown) => execution.failPlain(error),
      )
      .finally(() => {
        isRunning = false;
      });
    for (;;) {
      await run.turn();
      this.watch?.turned();
      if (run.isOver) return;
      for (const error of run.thrown.splice(0)) execution.failPlain(error);
      if (execution.verdict >= 0) break;
      if (!isRunning && awaits.hasOnlyDaemons) awaits.reset();
      const isForeign = isRunning && awaits.count === 0;
      if (isForeign) awaits.openOther(thread);
      else awaits.open();
      // The devices go on until one of the waits is chosen, or a handler has run, which may have resolved a promise.
      const { handlerRuns } = cpu;
      while (!awaits.hasChosen && cpu.handlerRuns === handlerRuns && execution.turn());
      const isRunOver = execution.verdict >= 0;
      const chosen = awaits.close(isRunOver);
      if (!isRunOver && isForeign) status[thread] = DORMANT;
      chosen?.settle(chosen.isOver());
      if (!isRunOver) continue;
      if (execution.verdict !== DEADLOCK) break;
      this.#noteStuck(isForeign);
      const { count } = awaits;
      this.#isStuckOutside = isRunning;
      if (isRunning && run.foreign !== "")
        this.#isStuckOutside = !(await run.isWoken(() => !isRunning || awaits.count !== count));
      break;
    }
    this.#inner.failForBrokenRules();
    const beside = this.#inner.stuck;
    if (beside !== "") this.stuck = this.stuck === "" ? beside : `${this.stuck}; ${beside}`;
  }

  #noteStuck(isForeign: boolean): void {
    const names = isForeign ? ["what the body awaits"] : this.plugged.awaits.names;
    if (names.length === 0) return;
    this.stuck = `${names.length} ${names.length === 1 ? "promise" : "promises"} left pending: ${names.join(", ")}`;
  }

  /** The set-up, in the ordinary order: time moves when nobody can go on, up to the next timer. */
  async #setUp(run: AsyncRun, bed: AsyncBed): Promise<Context> {
    const { awaits, cpu } = this.plugged;
    awaits.reset();
    const kept = this.#inner.setBack();
    if (kept !== undefined) return kept.context;
    const result = this.#exploration.setup(bed);
    if (!(result instanceof Promise)) return this.#inner.finishSetUp(result);
    let isRunning = true;
    const over = (): void => {
      isRunning = false;
    };
    void result.then(over, over);
    const startNs = cpu.nowNs();
    for (let stepNs = SET_UP_STEP_NS; ; stepNs *= 2) {
      await run.turn();
      this.watch?.turned();
      const [thrown] = run.thrown;
      if (thrown !== undefined) throw thrown;
      if (isRunning) await run.outside();
      if (!isRunning || run.isOver) break;
      const leftNs = awaits.earliestNs - cpu.nowNs();
      if (leftNs === Number.POSITIVE_INFINITY && cpu.nowNs() - startNs > SET_UP_LIMIT_NS)
        throw new Error(
          "the set-up awaits something that nothing in the testbed will ever settle; files and timers that are kept " +
            "from before are awaited before explore() is called",
        );
      cpu.delay(Math.max(0, Math.min(stepNs, leftNs)));
      const due = awaits.takeDue(cpu.nowNs());
      due?.settle(false);
      if (due !== undefined) stepNs = SET_UP_STEP_NS / 2;
    }
    return this.#inner.finishSetUp(await result);
  }
}
