import fc from "fast-check";
import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import { Schedule } from "../../emulator/explore/schedule.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { isFailure, PASSED } from "../../emulator/explore/verdict.ts";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { deriveSeed } from "../../emulator/run/rng.ts";
import type { DriverSession } from "./driver-session.ts";
import type { ExploreOptions, ExploreResult } from "./explore.ts";
import { type InterleavingError, NondeterminismError } from "./explore-errors.ts";
import { cureText, type FailureParts, failureOf, hangOf } from "./failure-text.ts";
import { ForeignWaitError } from "./foreign-watch.ts";
import { PromiseReturnedError } from "./plain-functions.ts";
import { findPluggedCure } from "./plugged-cure.ts";
import { divergenceOf } from "./rerun-token.ts";
import { RunLimitError } from "./run-limit.ts";
import { SelfCheck } from "./self-check.ts";
import { shrink } from "./shrink.ts";
import { checkDevices, testProgram, workloadOf } from "./test-token.ts";
import { readToken, TokenError, writeToken } from "./token.ts";
import { atOnce, inTime, settled, type Work } from "./work.ts";
import { writeExploredTrace } from "./write-explored-trace.ts";

const DEFAULT_RUNS = 1000;
/** After so many schedules the last one is run twice: what is not repeatable could not be replayed. */
const RUNS_PER_CHECK = 100;
/** Schedules that one workload is searched with before the next one is drawn. */
const RUNS_PER_WORKLOAD = 25;
const CHANGED = "set-up, body or options are not those that the token was made with";

/** A test's search of its driver, with any session. */
export class TestSearch<Context, Workload> {
  /** What the driver is put through in the run under way. */
  workload: Workload = undefined as Workload;
  readonly #session: DriverSession;
  readonly #devices: readonly DeviceSpec[];
  readonly #options: ExploreOptions<Context, Workload>;
  readonly #sourceHash: string;
  readonly #isAsync: boolean;
  readonly #check: SelfCheck;
  readonly #runs: number;
  readonly #seed: number;
  readonly #total = { runs: 0, unknown: 0 };
  /** Of fast-check: which workload was drawn, and how it was shrunk. */
  #path = "";
  #model: MemoryModel = "sc";

  constructor(
    session: DriverSession,
    devices: readonly DeviceSpec[],
    options: ExploreOptions<Context, Workload>,
    sourceHash: string,
    isAsync: boolean,
  ) {
    this.#session = session;
    this.#devices = devices;
    this.#options = options;
    this.#sourceHash = sourceHash;
    this.#isAsync = isAsync;
    this.#check = new SelfCheck(session);
    this.#runs = options.runs ?? DEFAULT_RUNS;
    this.#seed = options.seed ?? 1;
  }

  /** The whole of it, or the run of the token alone. Throws what `explore` rejects with. */
  *run(): Work<ExploreResult> {
    const { replay } = this.#options;
    try {
      return yield* replay === undefined ? this.#searchAll() : this.#replay(replay);
    } catch (error) {
      if (error instanceof ForeignWaitError) throw new NondeterminismError(error.message);
      if (!(error instanceof RunLimitError)) throw error;
      const { schedule } = this.#session.execution.recorder;
      const token = this.#tokenOf(this.#model, schedule);
      throw hangOf(this.#session, this.#model, error, { token, workload: this.workload });
    }
  }

  *#searchAll(): Work<ExploreResult> {
    const { models = MEMORY_MODELS, workload } = this.#options;
    for (const model of models) {
      this.#model = model;
      const found = yield* workload === undefined ? this.#searchOnce() : this.#searchWorkloads(workload);
      if (found >= 0) throw yield* this.#explain(found);
    }
    return this.#checked(this.#total);
  }

  /** The run at which it failed, or -1. */
  *#searchOnce(): Work<number> {
    const strategy = new Portfolio();
    for (let done = 0; done < this.#runs; ) {
      const runs = Math.min(RUNS_PER_CHECK, this.#runs - done);
      const seed = done === 0 ? this.#seed : deriveSeed(this.#seed, done);
      const result = yield* settled(this.#session.search(this.#model, runs, seed, strategy));
      this.#count(result);
      done += result.runs;
      // The last run is made once more, whether it failed or not.
      const difference = yield* this.#check.confirm(this.#model);
      if (difference !== undefined) throw new NondeterminismError(difference);
      if (result.hasFailed) return done;
    }
    return -1;
  }

  *#searchWorkloads(arbitrary: fc.Arbitrary<Workload>): Work<number> {
    const found = new WorkloadSearch();
    const fails = (candidate: Workload): Work<boolean> => this.#fails(candidate, found);
    const parameters = { seed: this.#seed, numRuns: Math.max(1, Math.ceil(this.#runs / RUNS_PER_WORKLOAD)) };
    const details = this.#isAsync
      ? yield* settled(
          fc.check(
            fc.asyncProperty(arbitrary, async (candidate) => !(await inTime(fails(candidate)))),
            parameters,
          ),
        )
      : fc.check(
          fc.property(arbitrary, (candidate) => !atOnce(fails(candidate))),
          parameters,
        );
    if (found.difference !== undefined) throw new NondeterminismError(found.difference);
    if (!details.failed || details.counterexample === null) return -1;
    this.#path = details.counterexamplePath ?? "";
    if (found.stopped !== undefined) throw found.stopped;
    if (found.atRun < 0) throw details.errorInstance;
    // The last candidate that was tried passed: the smallest that fails is run once more.
    [this.workload] = details.counterexample;
    yield* settled(this.#session.replay(this.#model, found.schedule));
    return found.atRun;
  }

  *#fails(candidate: Workload, found: WorkloadSearch): Work<boolean> {
    // None of the others that are tried from here on is run: the first is the one that is reported.
    if (found.difference !== undefined || found.stopped !== undefined) return false;
    this.workload = candidate;
    const seed = deriveSeed(this.#seed, found.drawn++);
    try {
      const result = yield* settled(this.#session.search(this.#model, RUNS_PER_WORKLOAD, seed, found.strategy));
      this.#count(result);
      if (found.atRun < 0) found.searched += result.runs;
      if (!result.hasFailed) return false;
      found.difference = yield* this.#check.confirm(this.#model);
    } catch (error) {
      if (
        !(error instanceof RunLimitError || error instanceof ForeignWaitError || error instanceof PromiseReturnedError)
      )
        throw error;
      found.stopped = error;
      return true;
    }
    if (found.atRun < 0) found.atRun = found.searched;
    found.schedule.copyFrom(this.#session.execution.recorder.schedule);
    return true;
  }

  #count({ runs, unknown }: { readonly runs: number; readonly unknown: number }): void {
    this.#total.runs += runs;
    this.#total.unknown += unknown;
  }

  *#replay(text: string): Work<ExploreResult> {
    const session = this.#session;
    const token = readToken(text);
    const { model, schedule } = token;
    this.#model = model;
    checkDevices(token, this.#devices);
    this.workload = workloadOf(token, this.#options.workload);
    const verdict = yield* settled(session.replay(model, schedule));
    const isChanged = token.sourceHash !== this.#sourceHash;
    if (isFailure(verdict)) {
      const where = `the run of the token${isChanged ? `  (${CHANGED})` : ""}`;
      const onFailure = this.#traceWriter(text);
      throw yield* failureOf(session, model, schedule, {
        where,
        foundWith: schedule.count,
        cure: "",
        token: text,
        workload: this.workload,
        onFailure,
      });
    }
    // Anything passes under the schedule of something else.
    if (isChanged) throw new TokenError(`The run of the token does not fail, but ${CHANGED}: search again.`);
    const divergence = divergenceOf(session, schedule);
    const result = { runs: 1, unknown: verdict === PASSED ? 0 : 1 };
    return this.#checked(divergence === undefined ? result : { ...result, divergence });
  }

  *#explain(foundAtRun: number): Work<InterleavingError> {
    const session = this.#session;
    const { workload } = this;
    const failing = new Schedule();
    failing.copyFrom(session.execution.recorder.schedule);
    const foundWith = failing.count;
    const { model, schedule } = yield* shrink(session, this.#model, failing);
    const isCureWanted = this.#options.cure !== false;
    const cure = isCureWanted ? yield* cureText(findPluggedCure(session, model, schedule, foundAtRun)) : "";
    const where =
      `seed ${this.#seed}   run ${foundAtRun} of ${this.#runs} in ${this.#model}` +
      (this.#options.workload === undefined ? "" : `\nworkload ${fc.stringify(workload)}`);
    const token = this.#tokenOf(model, schedule);
    const onFailure = this.#traceWriter(token);
    return yield* failureOf(session, model, schedule, { where, foundWith, cure, token, workload, onFailure });
  }

  /** Writes the trace of a failing run to where it was asked for. */
  #traceWriter(token: string): FailureParts["onFailure"] {
    const { trace: path } = this.#options;
    if (path === undefined) return undefined;
    return ({ verdict, reason, model }) =>
      writeExploredTrace(path, this.#session, {
        program: this.#devices.map(({ name }) => name).join("+"),
        model,
        strategy: "portfolio",
        seed: this.#seed,
        token,
        verdict,
        violation: verdict === "violation" ? reason : "",
        failure: reason,
      });
  }

  #tokenOf(model: MemoryModel, schedule: Schedule): string {
    const drawn =
      this.#options.workload === undefined ? undefined : { path: this.#path, value: this.workload as unknown };
    const program = testProgram(this.#devices, drawn);
    const sourceHash = this.#sourceHash;
    return writeToken({ program, sourceHash, model, strategy: "portfolio", seed: this.#seed, schedule });
  }

  /** Throws when most runs have said nothing: it would look as if the driver had passed. */
  #checked(result: ExploreResult): ExploreResult {
    const { runs, unknown } = result;
    const { notes } = this.#session;
    if (unknown <= runs / 2) return notes.length === 0 ? result : { ...result, notes };
    const limit = this.#session.execution.stepLimit.toLocaleString("en");
    throw new Error(
      `explore: of ${unknown} of ${runs} runs nothing is known, because they took more than ${limit} steps: ` +
        "put the driver through less in the body, or say mustEnd: true if that is a failure.",
    );
  }
}

/** What a search through workloads has come to. */
class WorkloadSearch {
  /** Run at which the first failed, counted over all workloads; -1 while none has. */
  atRun = -1;
  searched = 0;
  drawn = 0;
  difference: string | undefined;
  stopped: Error | undefined;
  readonly schedule: Schedule = new Schedule();
  /** One for all workloads: a member of it has its turn only once in a few runs. */
  readonly strategy: Portfolio = new Portfolio();
}
