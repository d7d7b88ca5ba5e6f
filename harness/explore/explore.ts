import { basename } from "node:path";
import fc from "fast-check";
import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import type { LinkLatitude, MachineLatitude } from "../../emulator/explore/latitude.ts";
import { Schedule } from "../../emulator/explore/schedule.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { isFailure, PASSED, VERDICT_NAMES, VIOLATION } from "../../emulator/explore/verdict.ts";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { loadDevice, type MachineOptions } from "../../emulator/run/machine.ts";
import { deriveSeed } from "../../emulator/run/rng.ts";
import { driverLine } from "./code-line.ts";
import { CureNotSought } from "./cure-trials.ts";
import { picture } from "./picture.ts";
import { PlainFunctions } from "./plain-functions.ts";
import { findPluggedCure } from "./plugged-cure.ts";
import { type ExploredBed, type FurtherCpu, PluggedSession } from "./plugged-session.ts";
import { divergenceOf } from "./rerun-token.ts";
import { RunLimit, RunLimitError } from "./run-limit.ts";
import type { SearchResult } from "./search-session.ts";
import { SelfCheck } from "./self-check.ts";
import { shrink } from "./shrink.ts";
import { hashOfModule } from "./source-hash.ts";
import { checkDevices, testProgram, workloadOf } from "./test-token.ts";
import { hashOfText, type RaceToken, readToken, TokenError, writeToken } from "./token.ts";

const DEFAULT_RUNS = 1000;
const RUN_LIMIT_MS = 10_000;
/** Schedules that one workload is searched with before the next one is drawn. */
const RUNS_PER_WORKLOAD = 25;
/** Steps of the failing run that are shown. What went before seldom matters, and nobody reads it. */
const PICTURE_STEPS = 60;
const CHANGED = "set-up or body are not those that the token was made with";

export interface ExploreOptions<Context, Workload> {
  /** Brings the driver up, before each schedule and unexplored; what it returns goes to the body. */
  readonly setup?: (bed: ExploredBed) => Context;
  /**
   * What runs at the same time as the body on CPU 1 and so on. Driver modules run as `bed.cpu(1).run` lets them run: in
   * threads with which the engine passes a token, so that each can stand still half way; that takes some ten microseconds
   * an access, and a CPU has handlers for as long as its module has not returned. Generator functions yield each access, and
   * are as fast as the body.
   */
  readonly cpus?: readonly FurtherCpu<Context>[];
  /** What the driver is put through, drawn anew again and again and shrunk together with the schedule. */
  readonly workload?: fc.Arbitrary<Workload>;
  /** Schedules in each memory model. Default 1,000. */
  readonly runs?: number;
  /** Default 1: a test is the same every time. Printed when it fails. */
  readonly seed?: number;
  /** Default all three. */
  readonly models?: readonly MemoryModel[];
  /** A token from a failure: only that run is made, with its workload drawn from `workload` once more. */
  readonly replay?: string;
  /** Looks for the barrier that is missing. Default true. */
  readonly cure?: boolean;
  /**
   * Whether a run that takes too many steps fails as starving, after as many more in which everybody gets turns fairly.
   * Default false: nothing is known of it.
   */
  readonly mustEnd?: boolean;
  /**
   * How long one run may take: one that has not come to its end by then loops without an access, and fails as a hang. Its
   * schedule is not shrunk, as each try would take as long. Default 10,000. Nothing is stopped under a debugger.
   */
  readonly runLimitMs?: number;
  readonly machine?: MachineOptions;
  /** Where specifications leave a choice, or the world is ruder than they are: limits that are over early, what a link keeps in order. */
  readonly latitude?: MachineLatitude & LinkLatitude;
}

/** What was searched without finding anything. */
export interface ExploreResult {
  /** Schedules run, in all models together. */
  readonly runs: number;
  /** Of which nothing is known, because they took too many steps. */
  readonly unknown: number;
  /** Where the run of a token left its schedule, because the driver is not what it was; undefined when it did not. */
  readonly divergence?: string;
}

/** An interleaving in which the driver fails. The message has everything: verdict, picture, missing barrier, token. */
export class InterleavingError extends Error {
  override readonly name = "InterleavingError";
  readonly verdict: string;
  readonly model: MemoryModel;
  readonly token: string;
  readonly deviationCount: number;
  /** What the driver was put through, when it was drawn. */
  readonly workload: unknown;

  constructor(
    message: string,
    parts: {
      readonly verdict: string;
      readonly model: MemoryModel;
      readonly token: string;
      readonly deviationCount: number;
      readonly workload: unknown;
    },
  ) {
    super(message);
    this.verdict = parts.verdict;
    this.model = parts.model;
    this.token = parts.token;
    this.deviationCount = parts.deviationCount;
    this.workload = parts.workload;
  }
}

/** The same schedule went two ways: nothing that a search finds could be replayed. */
export class NondeterminismError extends Error {
  override readonly name = "NondeterminismError";

  constructor(difference: string) {
    super(
      `explore: the same schedule was run twice and went two ways: ${difference}. Something in set-up or body depends on ` +
        "chance, on a clock, or on what an earlier run has left behind.",
    );
  }
}

/**
 * Runs a driver against its devices in one order of events after the other: every access of the body, every drain of a
 * store buffer, DMA transfer and interrupt is a step whose turn is chosen. Rejects with {@link InterleavingError} for the
 * first order in which the body throws, a rule is broken, or nobody can go on; it is shrunk first. Rejects also when of most
 * runs nothing is known.
 *
 * ```ts
 * await explore(ixgbe(), { setup: (bed) => MyDriver.probe(bed.pci, { ringSize: 8 }) }, (bed, driver) => {
 *   for (const frame of frames(3)) driver.transmit(frame);
 *   bed.quiesce();
 *   expect(bed.wire.sent).toHaveLength(3);
 * });
 * ```
 */
export async function explore<Context = undefined, Workload = undefined>(
  devices: DeviceSpec | readonly DeviceSpec[],
  options: ExploreOptions<Context, Workload>,
  body: (bed: ExploredBed, context: Context, workload: Workload) => void,
): Promise<ExploreResult> {
  const specs = Array.isArray(devices) ? (devices as readonly DeviceSpec[]) : [devices as DeviceSpec];
  const loaded = await Promise.all(specs.map(loadDevice));
  const setup = options.setup ?? ((): Context => undefined as Context);
  const plain = new PlainFunctions(setup, body);
  let workload = undefined as Workload;
  const session = new PluggedSession<Context>(
    loaded,
    {
      setup: (bed) => plain.check("setup", setup(bed)),
      body: (bed, context) => void plain.check("body", body(bed, context, workload)),
    },
    options.machine,
    0,
    options.cpus,
  ) as PluggedSession;
  session.execution.mustEnd = options.mustEnd === true;
  if (options.latitude !== undefined) session.plugged.allow(options.latitude);
  session.limit = new RunLimit(options.runLimitMs ?? RUN_LIMIT_MS);
  const modules = (options.cpus ?? []).map((cpu) =>
    "module" in cpu ? hashOfModule(String(cpu.module)) : `${cpu.program}${cpu.handler}`,
  );
  const source = hashOfText([`${setup}${body}`, ...modules].join("\n"));
  const { runs = DEFAULT_RUNS, seed = 1, models = MEMORY_MODELS } = options;
  const check = new SelfCheck(session);
  let path = "";
  const total = { runs: 0, unknown: 0 };
  let modelNow: MemoryModel = "sc";
  try {
    return options.replay === undefined ? searchAll() : replayed(options.replay);
  } catch (error) {
    if (!(error instanceof RunLimitError)) throw error;
    const program = testProgram(specs, options.workload === undefined ? undefined : { path, value: workload });
    throw hang(session, modelNow, error, { program, source, seed, workload });
  } finally {
    await session.close();
  }

  function replayed(text: string): ExploreResult {
    const token = readToken(text);
    modelNow = token.model;
    checkDevices(token, specs);
    workload = workloadOf(token, options.workload);
    try {
      return checked(session, rerun(session, token, text, source, workload));
    } finally {
      plain.throwRefusal();
    }
  }

  function searchAll(): ExploreResult {
    for (const model of models) {
      modelNow = model;
      const found = options.workload === undefined ? searchOnce(model) : searchWorkloads(model, options.workload);
      plain.throwRefusal();
      const program = testProgram(specs, options.workload === undefined ? undefined : { path, value: workload });
      if (found >= 0) throw explain(session, model, found, options, { program, source, workload });
    }
    return checked(session, total);
  }

  /** The run at which it failed, or -1. */
  function searchOnce(model: MemoryModel): number {
    const result = session.search(model, runs, seed);
    total.runs += result.runs;
    total.unknown += result.unknown;
    if (!result.hasFailed) return -1;
    plain.throwRefusal();
    const difference = check.confirm(model);
    if (difference !== undefined) throw new NondeterminismError(difference);
    return result.runs;
  }

  function searchWorkloads(model: MemoryModel, arbitrary: fc.Arbitrary<Workload>): number {
    let foundAt = -1;
    let difference: string | undefined;
    let stopped: RunLimitError | undefined;
    let drawn = 0;
    let searched = 0;
    const failing = new Schedule();
    // One for all workloads: a member of it has its turn only once in a few runs.
    const strategy = new Portfolio();
    const fails = (candidate: Workload): boolean => {
      // None of the others that are tried from here on is run: the first is the one that is reported.
      if (difference !== undefined || stopped !== undefined) return false;
      workload = candidate;
      let result: SearchResult;
      try {
        result = session.search(model, RUNS_PER_WORKLOAD, deriveSeed(seed, drawn++), strategy);
      } catch (error) {
        if (!(error instanceof RunLimitError)) throw error;
        stopped = error;
        return true;
      }
      total.runs += result.runs;
      total.unknown += result.unknown;
      if (foundAt < 0) searched += result.runs;
      if (!result.hasFailed) return false;
      plain.throwRefusal();
      difference = check.confirm(model);
      if (foundAt < 0) foundAt = searched;
      failing.copyFrom(session.execution.recorder.schedule);
      return true;
    };
    const details = fc.check(
      fc.property(arbitrary, (candidate) => !fails(candidate)),
      { seed, numRuns: Math.max(1, Math.ceil(runs / RUNS_PER_WORKLOAD)) },
    );
    plain.throwRefusal();
    if (difference !== undefined) throw new NondeterminismError(difference);
    if (!details.failed || details.counterexample === null) return -1;
    path = details.counterexamplePath ?? "";
    if (stopped !== undefined) throw stopped;
    if (foundAt < 0) throw details.errorInstance;
    // The last candidate that was tried passed: the smallest that fails is run once more.
    workload = details.counterexample[0];
    session.replay(model, failing);
    return foundAt;
  }
}

/** Throws when most runs have said nothing: it would look as if the driver had passed. */
function checked(session: PluggedSession, result: ExploreResult): ExploreResult {
  const { runs, unknown } = result;
  if (unknown <= runs / 2) return result;
  const limit = session.execution.stepLimit.toLocaleString("en");
  throw new Error(
    `explore: of ${unknown} of ${runs} runs nothing is known, because they took more than ${limit} steps: ` +
      "put the driver through less in the body, or say mustEnd: true if that is a failure.",
  );
}

function rerun(
  session: PluggedSession,
  token: RaceToken,
  text: string,
  source: string,
  workload: unknown,
): ExploreResult {
  const verdict = session.replay(token.model, token.schedule);
  const isChanged = token.sourceHash !== source;
  if (isFailure(verdict)) {
    const where = `the run of the token${isChanged ? `  (${CHANGED})` : ""}`;
    throw failure(session, token.model, token.schedule, { where, cure: "", token: text, workload });
  }
  // Anything passes under the schedule of something else.
  if (isChanged) throw new TokenError(`The run of the token does not fail, but ${CHANGED}: search again.`);
  const divergence = divergenceOf(session, token.schedule);
  const result = { runs: 1, unknown: verdict === PASSED ? 0 : 1 };
  return divergence === undefined ? result : { ...result, divergence };
}

function explain<Context, Workload>(
  session: PluggedSession,
  model: MemoryModel,
  foundAtRun: number,
  options: ExploreOptions<Context, Workload>,
  { program, source, workload }: { readonly program: string; readonly source: string; readonly workload: Workload },
): InterleavingError {
  const { seed = 1, runs = DEFAULT_RUNS } = options;
  const failing = new Schedule();
  failing.copyFrom(session.execution.recorder.schedule);
  const before = failing.count;
  const shrunk = shrink(session, model, failing);
  const { schedule } = shrunk;
  const cure =
    options.cure === false ? "" : cureText(() => findPluggedCure(session, shrunk.model, schedule, foundAtRun));
  const token = writeToken({
    program,
    sourceHash: source,
    model: shrunk.model,
    strategy: "portfolio",
    seed,
    schedule,
  });
  const where =
    `seed ${seed}   run ${foundAtRun} of ${runs} in ${model}   shrunk from ${before} deviations to ${schedule.count}` +
    (options.workload === undefined ? "" : `\nworkload ${fc.stringify(workload)}`);
  return failure(session, shrunk.model, schedule, { where, cure, token, workload });
}

/** The run that was stopped, as far as it had come. It is not run again: that would take as long. */
function hang(
  session: PluggedSession,
  model: MemoryModel,
  { message: what }: RunLimitError,
  parts: { readonly program: string; readonly source: string; readonly seed: number; readonly workload: unknown },
): InterleavingError {
  const { program, source: sourceHash, seed, workload } = parts;
  const { schedule } = session.execution.recorder;
  const token = writeToken({ program, sourceHash, model, strategy: "portfolio", seed, schedule });
  const message =
    `hang: ${what}, after ${session.execution.stepCount} steps, in ${model}: set-up or body loop without an access or ` +
    `relax(), so nobody else ever has a turn\nReplay it: explore(…, { replay: "${token}" }, …)`;
  return new InterleavingError(message, {
    verdict: "hang",
    model,
    token,
    deviationCount: schedule.count,
    workload,
  });
}

function cureText(find: () => string | undefined): string {
  try {
    const cure = find();
    return cure === undefined ? "" : `\nMissing: ${cure}.`;
  } catch (error) {
    if (!(error instanceof CureNotSought)) throw error;
    return `\nMissing barrier: not sought: ${error.message}.`;
  }
}

/** Replays the failing schedule with its trace, and puts everything into words. */
function failure(
  session: PluggedSession,
  model: MemoryModel,
  schedule: Schedule,
  {
    where,
    cure,
    token,
    workload,
  }: { readonly where: string; readonly cure: string; readonly token: string; readonly workload: unknown },
): InterleavingError {
  const { execution, machine, plugged } = session;
  const lines = new Map<string, string>();
  plugged.cpu.onAccess = () => {
    const { thread } = plugged.cpu;
    lines.set(`${thread}.${execution.state.steps[thread]}`, basename(driverLine()));
  };
  execution.trace.isOn = true;
  const number = session.replay(model, schedule);
  execution.trace.isOn = false;
  plugged.cpu.onAccess = undefined;
  const verdict = VERDICT_NAMES[number] ?? "";
  const reason = number === VIOLATION ? machine.violation : verdictText(verdict);
  const strongest = model === "sc" ? "in every memory model" : `in ${model}; not seen to in a stronger model`;
  const first = Math.max(0, execution.trace.count - PICTURE_STEPS);
  const drawn = picture(machine, execution.trace, {
    first,
    noteOf: (actor, ordinal) => lines.get(`${actor}.${ordinal}`) ?? "",
  });
  const skipped = first > 0 ? `(the ${first} steps before are left out)\n` : "";
  const message = `${reason}\n${where}\nFails ${strongest}.${cure}\n\n${skipped}${drawn}\n\nReplay it: explore(…, { replay: "${token}" }, …)`;
  return new InterleavingError(message, { verdict, model, token, deviationCount: schedule.count, workload });
}

function verdictText(verdict: string): string {
  return verdict === "deadlock" || verdict === "livelock"
    ? `${verdict}: the driver waits for something that will not come`
    : verdict;
}
