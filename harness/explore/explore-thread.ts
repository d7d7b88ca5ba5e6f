import { Worker } from "node:worker_threads";
import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import { limitUnderDebugger } from "../../emulator/run/debugger.ts";
import type { TraceRecord } from "../trace/trace-event.ts";
import type { TraceOptions } from "../trace/trace-options.ts";
import { BEAT_WORDS, BODY, EXPLAINING, LOADING, PHASE, RUNS, STEPS, STOP, WHERE } from "./beats.ts";
import type { CampaignOptions, CampaignProgress, CampaignResult } from "./campaign.ts";
import type { RerunReport } from "./rerun-token.ts";
import { SLICE_MS } from "./run-limit.ts";
import type { ScenarioPlace } from "./scenario.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const EXPLORE_WORKER = new URL(`./explore.worker${EXTENSION}`, import.meta.url);

const WATCH_INTERVAL_MS = 50;
/** Loading a module may take longer than a run: the machine is busy, the file system cold. */
const LOAD_LIMIT_MS = 10_000;
/** A slice that a limit of `vm` is longer, and as much again. */
const TRACE_GRACE_MS = 2 * SLICE_MS;
/** How long a search that is told to stop may take to say what it has. */
const STOP_LIMIT_MS = 2_000;
/** Heap of a scenario; what it keeps in buffers is outside of it and counts for the process. */
const HEAP_MB = 512;
const PROCESS_GROWTH_MB = 1024;
const BYTES_PER_MB = 2 ** 20;

/** What a thread is started with. */
export interface ExploreThreadData {
  readonly place: ScenarioPlace;
  readonly work: ExploreWork;
  readonly beats: Int32Array;
  readonly hangLimitMs: number;
}

export type ExploreWork =
  | { readonly kind: "rerun"; readonly token: string }
  /** The run of a token with its trace; without a token the ordinary run in a memory model. */
  | {
      readonly kind: "trace";
      readonly token: string | undefined;
      readonly model: MemoryModel;
      /** How much of the bytes is kept; see TraceOptions. */
      readonly detail?: Pick<TraceOptions, "frameBytes" | "dmaBytes">;
    }
  | {
      readonly kind: "search";
      readonly options: Pick<CampaignOptions, "models" | "runs" | "seed" | "strategy" | "timeLimitMs" | "mustEnd">;
      /** Failures of earlier searches: replayed first. */
      readonly saved: readonly { readonly file: string; readonly token: string }[];
    };

/** What became of a failure of an earlier search. */
export interface SavedOutcome {
  readonly file: string;
  readonly outcome: RerunReport["outcome"];
  readonly verdict: string;
  readonly violation: string;
  readonly model: string;
}

export type ExploreAnswer = { readonly kind: "progress"; readonly progress: CampaignProgress } | ExploreOutcome;

/** How it has ended. */
export type ExploreOutcome =
  | { readonly kind: "searched"; readonly result: CampaignResult; readonly saved: readonly SavedOutcome[] }
  | { readonly kind: "rerun"; readonly report: RerunReport }
  | { readonly kind: "traced"; readonly report: RerunReport; readonly records: readonly TraceRecord[] }
  /** It is no scenario. */
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "setup"; readonly message: string; readonly stack: string }
  | { readonly kind: "bug"; readonly message: string }
  /** The scenario does not come to its end, or has ended its thread. */
  | { readonly kind: "hang" | "memory" | "gone"; readonly message: string; readonly runs: number }
  | { readonly kind: "interrupted"; readonly runs: number };

export interface ExploreThreadOptions {
  /** A run that takes longer is hanging. */
  readonly hangLimitMs: number;
  readonly onProgress?: (progress: CampaignProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Searches or replays in a thread of its own, with limits on time and memory. Resolves when that thread is no more: a
 * driver that never returns, eats memory or swallows the end of its run ends in an outcome too.
 */
export function exploreInThread(
  place: ScenarioPlace,
  work: ExploreWork,
  options: ExploreThreadOptions,
): Promise<ExploreOutcome> {
  return new ExploreThread(place, work, options).outcome;
}

class ExploreThread {
  readonly outcome: Promise<ExploreOutcome>;
  readonly #beats = new Int32Array(new SharedArrayBuffer(4 * BEAT_WORDS));
  readonly #worker: Worker;
  readonly #options: ExploreThreadOptions;
  readonly #rssAtStart = process.memoryUsage.rss();
  #settle: (outcome: ExploreOutcome) => void = () => {};
  #lastRuns = -1;
  #lastPhase = -1;
  #lastSteps = -1;
  /** How much later than told a run that is being recorded is taken for one that hangs: it stops itself, and has a trace. */
  readonly #graceMs: number;
  #silentMs = 0;
  #stoppingMs = 0;

  constructor(place: ScenarioPlace, work: ExploreWork, options: ExploreThreadOptions) {
    this.#options = options;
    this.#graceMs = work.kind === "trace" ? TRACE_GRACE_MS : 0;
    const data: ExploreThreadData = { place, work, beats: this.#beats, hangLimitMs: options.hangLimitMs };
    this.#worker = new Worker(EXPLORE_WORKER, {
      workerData: data,
      name: "softbar explore",
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      stdout: true,
      stderr: true,
    });
    // Standard output is the report's. What a driver prints may be looked at beside it.
    this.#worker.stdout.pipe(process.stderr, { end: false });
    this.#worker.stderr.pipe(process.stderr, { end: false });
    this.outcome = this.#watch();
  }

  async #watch(): Promise<ExploreOutcome> {
    const worker = this.#worker;
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const timer = setInterval(() => this.#look(), WATCH_INTERVAL_MS);
    const outcome = await new Promise<ExploreOutcome>((resolve) => {
      this.#settle = resolve;
      worker.on("message", (answer: ExploreAnswer) => {
        if (answer.kind === "progress") this.#options.onProgress?.(answer.progress);
        else resolve(answer);
      });
      worker.on("error", (error) => resolve(this.#died(error)));
      worker.on("exit", (code) =>
        resolve({ kind: "gone", message: `the scenario ended its thread (code ${code})`, runs: this.#runs }),
      );
    });
    clearInterval(timer);
    await worker.terminate();
    await ended;
    return outcome;
  }

  get #runs(): number {
    return Atomics.load(this.#beats, RUNS);
  }

  #died(error: unknown): ExploreOutcome {
    const runs = this.#runs;
    if ((error as { code?: unknown } | null)?.code === "ERR_WORKER_OUT_OF_MEMORY")
      return { kind: "memory", message: `${this.#where()} took more than ${HEAP_MB} MB of heap`, runs };
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { kind: "gone", message: `${what} (thrown outside of the body, by a callback or a promise)`, runs };
  }

  #look(): void {
    const phase = Atomics.load(this.#beats, PHASE);
    const runs = this.#runs;
    // Counted in looks, not read from a clock: a machine that was asleep has not hung.
    const steps = Atomics.load(this.#beats, STEPS);
    const isAlive = runs !== this.#lastRuns || phase !== this.#lastPhase || steps !== this.#lastSteps;
    this.#silentMs = isAlive ? 0 : this.#silentMs + WATCH_INTERVAL_MS;
    this.#lastRuns = runs;
    this.#lastPhase = phase;
    this.#lastSteps = steps;
    if (this.#options.signal?.aborted === true) {
      Atomics.store(this.#beats, STOP, 1);
      this.#stoppingMs += WATCH_INTERVAL_MS;
      if (this.#stoppingMs > STOP_LIMIT_MS) this.#settle({ kind: "interrupted", runs });
    }
    const { hangLimitMs } = this.#options;
    const limitMs = limitUnderDebugger(phase === LOADING ? Math.max(LOAD_LIMIT_MS, hangLimitMs) : hangLimitMs);
    if (this.#silentMs >= limitMs + this.#graceMs) {
      const message = `${this.#where()} has not come to its end for ${limitMs / 1000} s`;
      this.#settle({ kind: "hang", message, runs });
    }
    if (process.memoryUsage.rss() - this.#rssAtStart > PROCESS_GROWTH_MB * BYTES_PER_MB) {
      const message = `${this.#where()} took more than ${PROCESS_GROWTH_MB} MB of memory`;
      this.#settle({ kind: "memory", message, runs });
    }
  }

  /** What it was doing. */
  #where(): string {
    const phase = Atomics.load(this.#beats, PHASE);
    if (phase === LOADING) return "the scenario's module, while it was loaded,";
    const part = Atomics.load(this.#beats, WHERE) === BODY ? "the body" : "the set-up";
    const when = phase === EXPLAINING ? "a replay of the failure" : `schedule ${this.#runs}`;
    return `${part} of ${when}`;
  }
}
