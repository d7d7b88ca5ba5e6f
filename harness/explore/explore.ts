import { basename } from "node:path";
import fc from "fast-check";
import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import { Schedule } from "../../emulator/explore/schedule.ts";
import { VERDICT_NAMES, VIOLATION } from "../../emulator/explore/verdict.ts";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { loadDevice, type MachineOptions } from "../../emulator/run/machine.ts";
import { driverLine } from "./code-line.ts";
import { picture } from "./picture.ts";
import { PlainFunctions } from "./plain-functions.ts";
import { findPluggedCure } from "./plugged-cure.ts";
import { type ExploredBed, PluggedSession } from "./plugged-session.ts";
import { shrink } from "./shrink.ts";
import { hashOfText, readToken, writeToken } from "./token.ts";

const DEFAULT_RUNS = 1000;
/** Schedules that one workload is searched with before the next one is drawn. */
const RUNS_PER_WORKLOAD = 25;
/** Steps of the failing run that are shown. What went before seldom matters, and nobody reads it. */
const PICTURE_STEPS = 60;

export interface ExploreOptions<Context, Workload> {
  /** Brings the driver up, before each schedule and unexplored; what it returns goes to the body. */
  readonly setup?: (bed: ExploredBed) => Context;
  /** What the driver is put through, drawn anew again and again and shrunk together with the schedule. */
  readonly workload?: fc.Arbitrary<Workload>;
  /** Schedules in each memory model. Default 1,000. */
  readonly runs?: number;
  /** Default 1: a test is the same every time. Printed when it fails. */
  readonly seed?: number;
  /** Default all three. */
  readonly models?: readonly MemoryModel[];
  /** A token from a failure: only that run is made. */
  readonly replay?: string;
  /** Looks for the barrier that is missing. Default true. */
  readonly cure?: boolean;
  readonly machine?: MachineOptions;
}

/** What was searched without finding anything. */
export interface ExploreResult {
  /** Schedules run, in all models together. */
  readonly runs: number;
  /** Of which nothing is known, because they took too many steps. */
  readonly unknown: number;
}

/** An interleaving in which the driver fails. The message has everything: verdict, picture, missing barrier, token. */
export class InterleavingError extends Error {
  override readonly name = "InterleavingError";
  readonly verdict: string;
  readonly model: MemoryModel;
  readonly token: string;
  readonly deviationCount: number;

  constructor(
    message: string,
    parts: {
      readonly verdict: string;
      readonly model: MemoryModel;
      readonly token: string;
      readonly deviationCount: number;
    },
  ) {
    super(message);
    this.verdict = parts.verdict;
    this.model = parts.model;
    this.token = parts.token;
    this.deviationCount = parts.deviationCount;
  }
}

/**
 * Runs a driver against its devices in one order of events after the other: every access of the body, every drain of a
 * store buffer, DMA transfer and interrupt is a step whose turn is chosen. Rejects with {@link InterleavingError} for the
 * first order in which the body throws, a rule is broken, or nobody can go on; it is shrunk first.
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
  ) as PluggedSession;
  const source = hashOfText(`${setup}${body}`);
  const { runs = DEFAULT_RUNS, seed = 1, models = MEMORY_MODELS } = options;
  if (options.replay !== undefined) return rerun(session, options.replay, source);
  const total = { runs: 0, unknown: 0 };
  for (const model of models) {
    const found = options.workload === undefined ? searchOnce(model) : searchWorkloads(model, options.workload);
    plain.throwRefusal();
    if (found >= 0) throw explain(session, model, found, options, source, workload);
  }
  return total;

  /** The run at which it failed, or -1. */
  function searchOnce(model: MemoryModel): number {
    const result = session.search(model, runs, seed);
    total.runs += result.runs;
    total.unknown += result.unknown;
    return result.hasFailed ? result.runs : -1;
  }

  function searchWorkloads(model: MemoryModel, arbitrary: fc.Arbitrary<Workload>): number {
    let foundAt = -1;
    const fails = (candidate: Workload): boolean => {
      workload = candidate;
      const result = session.search(model, RUNS_PER_WORKLOAD, seed);
      total.runs += result.runs;
      total.unknown += result.unknown;
      if (result.hasFailed) foundAt = result.runs;
      return result.hasFailed;
    };
    const details = fc.check(
      fc.property(arbitrary, (candidate) => !fails(candidate)),
      { seed, numRuns: Math.max(1, Math.ceil(runs / RUNS_PER_WORKLOAD)) },
    );
    if (!details.failed || details.counterexample === null) return -1;
    // The last candidate that was tried passed: the smallest that fails is run once more.
    fails(details.counterexample[0]);
    return foundAt;
  }
}

function rerun(session: PluggedSession, text: string, source: string): ExploreResult {
  const token = readToken(text);
  const verdict = session.replay(token.model, token.schedule);
  if (verdict === 0) return { runs: 1, unknown: 0 };
  const changed = token.sourceHash === source ? "" : "  (set-up or body have changed since the token was made)";
  throw failure(session, token.model, token.schedule, `the run of the token${changed}`, undefined, text);
}

function explain<Context, Workload>(
  session: PluggedSession,
  model: MemoryModel,
  foundAtRun: number,
  options: ExploreOptions<Context, Workload>,
  source: string,
  workload: Workload,
): InterleavingError {
  const { seed = 1, runs = DEFAULT_RUNS } = options;
  const failing = new Schedule();
  failing.copyFrom(session.execution.recorder.schedule);
  const before = failing.count;
  const shrunk = shrink(session, model, failing, session.execution.verdict);
  const { schedule } = shrunk;
  const cure = options.cure === false ? undefined : findPluggedCure(session, shrunk.model, schedule, foundAtRun);
  const token = writeToken({
    program: "explore",
    sourceHash: source,
    model: shrunk.model,
    strategy: "portfolio",
    seed,
    schedule,
  });
  const where =
    `seed ${seed}   run ${foundAtRun} of ${runs} in ${model}   shrunk from ${before} deviations to ${schedule.count}` +
    (options.workload === undefined ? "" : `\nworkload ${fc.stringify(workload)}`);
  return failure(session, shrunk.model, schedule, where, cure, token);
}

/** Replays the failing schedule with its trace, and puts everything into words. */
function failure(
  session: PluggedSession,
  model: MemoryModel,
  schedule: Schedule,
  where: string,
  cure: string | undefined,
  token: string,
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
  const missing = cure === undefined ? "" : `\nMissing: ${cure}.`;
  const message = `${reason}\n${where}\nFails ${strongest}.${missing}\n\n${skipped}${drawn}\n\nReplay it: explore(…, { replay: "${token}" }, …)`;
  return new InterleavingError(message, { verdict, model, token, deviationCount: schedule.count });
}

function verdictText(verdict: string): string {
  return verdict === "deadlock" || verdict === "livelock"
    ? `${verdict}: the driver waits for something that will not come`
    : verdict;
}
