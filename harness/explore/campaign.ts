import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import type { Schedule } from "../../emulator/explore/schedule.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";
import { isFailure, PASSED, UNKNOWN } from "../../emulator/explore/verdict.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { deriveSeed } from "../../emulator/run/rng.ts";
import { findCure } from "./cure.ts";
import { CureNotSought } from "./cure-trials.ts";
import { isOfDriver } from "./driver-session.ts";
import { ForeignWaitError } from "./foreign-watch.ts";
import { findPluggedCure } from "./plugged-cure.ts";
import { type CoverageReport, RaceCoverage } from "./race-coverage.ts";
import { explainFailure, type RaceReport } from "./report.ts";
import type { AnySession, SearchSession } from "./search-session.ts";
import { SelfCheck } from "./self-check.ts";
import { type StrategyName, strategyNamed } from "./strategy-named.ts";
import { writeToken } from "./token.ts";
import { atOnce, type Work } from "./work.ts";

/** Schedules of one model after which the next model has its turn: small, so that each is searched from the beginning. */
const ROUND = 64;
const DEFAULT_RUNS = 5_000;
const DEFAULT_CHECK_EVERY = 250;
const PROGRESS_INTERVAL_MS = 100;
/** As many deviations are too many for a token of a run that was not made small. */
const TOLD_DEVIATIONS = 64;

export interface CampaignOptions {
  /** Default all three, in turns. */
  readonly models?: readonly MemoryModel[];
  /** Schedules in each model. Default 5,000; with a time limit, as many as fit. */
  readonly runs?: number;
  /** Default 1. */
  readonly seed?: number;
  readonly strategy?: StrategyName;
  readonly timeLimitMs?: number;
  /** Every so many schedules one is run twice and compared. 0: never. Default 250. */
  readonly checkEvery?: number;
  /** Whether racing pairs are counted; it costs 5 to 15 % of the speed. Default true. */
  readonly coverage?: boolean;
  /** Whether the missing barrier is looked for. Default true. */
  readonly cure?: boolean;
  /** Whether a run that takes too many steps is given fair turns, and then fails as starving. Default false. */
  readonly mustEnd?: boolean;
  /** Name of what is searched, and hash of its source: both go into the token. */
  readonly program: string;
  readonly sourceHash: string;
  /** Called now and then. */
  readonly onProgress?: (progress: CampaignProgress) => void;
  /** Asked before each schedule. */
  readonly isStopped?: () => boolean;
  /** Called when something has failed and is about to be made small. */
  readonly onExplain?: () => void;
}

export interface CampaignProgress {
  /** Schedules so far. */
  readonly runs: number;
  /** Schedules there will be at most; Infinity when only time ends the search. */
  readonly runsMax: number;
  readonly elapsedMs: number;
  readonly coverage: CoverageReport | undefined;
}

/** Why a campaign has ended. */
export type CampaignEnd = "failed" | "nondeterministic" | "runs" | "time" | "interrupted";

export interface CampaignResult {
  readonly end: CampaignEnd;
  /** Schedules run, of all models, without those of shrinking. */
  readonly runs: number;
  /** Of which nothing is known, because they took too many steps. */
  readonly unknown: number;
  /** Replays one of them; undefined where there is none, and where none of a few deviations was found. */
  readonly unknownToken: string | undefined;
  readonly models: readonly ModelCount[];
  readonly elapsedMs: number;
  /** Schedules that were run twice and compared. */
  readonly checked: number;
  readonly coverage: CoverageReport | undefined;
  readonly failure: RaceReport | undefined;
  /** Of a driver: what is worth a look in all schedules, each once, and what fails nothing. */
  readonly notes: readonly Finding[];
  /** What differed when the same schedule was run again, in a sentence. */
  readonly nondeterminism: string | undefined;
}

export interface ModelCount {
  readonly model: MemoryModel;
  readonly runs: number;
}

/**
 * Searches until something fails, the runs or the time are over, or it is told to stop. The models take turns, so that
 * a bug that needs a weak one is not behind a long search of a strong one. Throws what the set-up of a driver throws.
 */
export function runCampaign(session: SearchSession, options: CampaignOptions): CampaignResult {
  return atOnce(campaign(session, options));
}

/** The same with any session. */
export function* campaign(session: AnySession, options: CampaignOptions): Work<CampaignResult> {
  return yield* new Campaign(session, options).run();
}

interface Lane {
  readonly model: MemoryModel;
  readonly modelIndex: number;
  readonly strategy: Strategy;
  runs: number;
}

class Campaign {
  readonly #session: AnySession;
  readonly #options: CampaignOptions;
  readonly #lanes: readonly Lane[];
  readonly #runsPerLane: number;
  readonly #seed: number;
  readonly #checkEvery: number;
  readonly #coverage: RaceCoverage | undefined;
  readonly #check: SelfCheck;
  readonly #startMs = performance.now();
  #runs = 0;
  #unknown = 0;
  #tooLong: string | undefined;
  #tooLongCount = TOLD_DEVIATIONS;
  #nextProgressMs = PROGRESS_INTERVAL_MS;

  constructor(session: AnySession, options: CampaignOptions) {
    const { models = MEMORY_MODELS, strategy = "portfolio", timeLimitMs } = options;
    this.#session = session;
    session.execution.mustEnd = options.mustEnd === true;
    this.#options = options;
    this.#lanes = models.map((model) => ({
      model,
      modelIndex: MEMORY_MODELS.indexOf(model),
      // One for each model: what a strategy has learned in one is of no use in another.
      strategy: strategyNamed(strategy),
      runs: 0,
    }));
    this.#runsPerLane = options.runs ?? (timeLimitMs === undefined ? DEFAULT_RUNS : Number.POSITIVE_INFINITY);
    this.#seed = options.seed ?? 1;
    this.#checkEvery = options.checkEvery ?? DEFAULT_CHECK_EVERY;
    const first = this.#lanes[0];
    if (first === undefined) throw new RangeError("a campaign needs a memory model");
    this.#coverage = options.coverage === false ? undefined : new RaceCoverage(first.strategy);
    this.#check = new SelfCheck(session);
  }

  *run(): Work<CampaignResult> {
    try {
      while (this.#lanes.some((lane) => lane.runs < this.#runsPerLane)) {
        for (const lane of this.#lanes) {
          const result = yield* this.#round(lane);
          if (result !== undefined) return result;
        }
      }
    } catch (error) {
      if (!(error instanceof ForeignWaitError)) throw error;
      return this.#result("nondeterministic", { nondeterminism: error.message });
    }
    return this.#result("runs");
  }

  /** A few schedules in one model. */
  *#round(lane: Lane): Work<CampaignResult | undefined> {
    const { timeLimitMs = Number.POSITIVE_INFINITY, isStopped } = this.#options;
    const end = Math.min(lane.runs + ROUND, this.#runsPerLane);
    while (lane.runs < end) {
      if (isStopped?.() === true) return this.#result("interrupted");
      const elapsedMs = this.#elapsedMs();
      if (elapsedMs >= timeLimitMs) return this.#result("time");
      if (elapsedMs >= this.#nextProgressMs) this.#progress(elapsedMs);
      const isChecked = this.#checkEvery > 0 && (this.#runs + 1) % this.#checkEvery === 0;
      if (isChecked) this.#check.prepare();
      // No generator for one run: a small program's takes no longer than making it.
      const ran = this.#start(lane);
      const verdict = typeof ran === "number" ? ran : ((yield ran) as number);
      lane.runs++;
      this.#runs++;
      if (isFailure(verdict)) return yield* this.#failed(lane);
      if (verdict !== PASSED) this.#unknown++;
      if (verdict === UNKNOWN) this.#keep(lane);
      if (!isChecked) continue;
      const difference = yield* this.#check.compare(lane.model);
      if (difference !== undefined) return this.#result("nondeterministic", { nondeterminism: difference });
    }
    return undefined;
  }

  #start({ strategy, modelIndex, runs }: Lane): number | Promise<number> {
    const coverage = this.#coverage;
    if (coverage !== undefined) coverage.inner = strategy;
    return this.#session.run(coverage ?? strategy, modelIndex, deriveSeed(this.#seed, runs));
  }

  *#failed({ model }: Lane): Work<CampaignResult> {
    const { program, sourceHash, strategy = "portfolio", cure, onExplain } = this.#options;
    onExplain?.();
    const difference = yield* this.#check.confirm(model);
    if (difference !== undefined) return this.#result("nondeterministic", { nondeterminism: difference });
    const failure = yield* explainFailure(this.#session, model, {
      program,
      sourceHash,
      strategy,
      seed: this.#seed,
      foundAtRun: this.#runs,
      cure: cure === false ? undefined : (...found) => this.#cure(...found),
    });
    return this.#result("failed", { failure });
  }

  /** A driver's accesses have lines, by which a barrier's place is named; a small program's have names. */
  *#cure(session: AnySession, model: MemoryModel, schedule: Schedule): Work<string | undefined> {
    const { onRun } = session;
    session.onRun = () => {
      onRun?.();
      if (this.#options.isStopped?.() === true) throw new CureNotSought("the search was stopped");
    };
    try {
      if (isOfDriver(session)) return yield* findPluggedCure(session, model, schedule, this.#runs);
      return yield* findCure(session, model, schedule, this.#runs);
    } finally {
      session.onRun = onRun;
    }
  }

  #progress(elapsedMs: number): void {
    this.#nextProgressMs = elapsedMs + PROGRESS_INTERVAL_MS;
    const runsMax = this.#runsPerLane * this.#lanes.length;
    this.#options.onProgress?.({ runs: this.#runs, runsMax, elapsedMs, coverage: this.#coverage?.report });
  }

  /** Of the runs that were too long the one with the fewest deviations; none has been made small. */
  #keep({ model }: Lane): void {
    const { program, sourceHash, strategy = "portfolio" } = this.#options;
    const { schedule } = this.#session.execution.recorder;
    if (schedule.count >= this.#tooLongCount) return;
    this.#tooLongCount = schedule.count;
    this.#tooLong = writeToken({ program, sourceHash, model, strategy, seed: this.#seed, schedule });
  }

  #elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  #result(end: CampaignEnd, found: Partial<CampaignResult> = {}): CampaignResult {
    return {
      end,
      runs: this.#runs,
      unknown: this.#unknown,
      models: this.#lanes.map(({ model, runs }) => ({ model, runs })),
      elapsedMs: this.#elapsedMs(),
      checked: this.#check.count,
      coverage: this.#coverage?.report,
      unknownToken: this.#tooLong,
      failure: undefined,
      notes: isOfDriver(this.#session) ? this.#session.notes : [],
      nondeterminism: undefined,
      ...found,
    };
  }
}
