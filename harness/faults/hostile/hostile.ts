import type { DeviceSpec } from "../../../emulator/pcie/device-model.ts";
import { loadDevice, type MachineOptions } from "../../../emulator/run/machine.ts";
import { deriveSeed, Rng } from "../../../emulator/run/rng.ts";
import { RunLimit } from "../../explore/run-limit.ts";
import type { Testbed } from "../../testbed.ts";
import { EveryFaultError, isFailure, refusal, whyOf } from "../every-fault.ts";
import { runWithFaults } from "../fault-run.ts";
import { LateWatch } from "../late-watch.ts";
import { type FaultOutcome, type FaultScenario, type FaultVerdict, isAsyncScenario } from "../scenario-run.ts";
import { Deceiver, type DeceiverOptions, type Lie } from "./deceiver.ts";

const RUNS = 1000;
const STEP_LIMIT = 1_000_000;
const VIRTUAL_LIMIT_NS = 60e9;
const WALL_LIMIT_MS = 10_000;
/** How likely a lie is at each read: few, so that the driver comes far before the first, or many. */
const PROBABILITIES: readonly number[] = [0.001, 0.003, 0.01, 0.05, 0.3];
const RUNS_PER_HOP = 16;

export interface HostileOptions<Context> extends Omit<FaultScenario<Context>, "body"> {
  /** Default 1,000. */
  readonly runs?: number;
  /** Default 1. */
  readonly seed?: number;
  /** Only this run, once more: what a failure gives as its lies. */
  readonly lies?: readonly Lie[];
  readonly stepLimit?: number;
  readonly virtualLimitNs?: number;
  readonly runLimitMs?: number;
  readonly machine?: MachineOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, runs: number) => void;
}

/** A driver that was deceived. */
export interface HostileFailure {
  readonly verdict: FaultVerdict;
  readonly detail: string;
  /** The fewest that were found to do: hand them to {@link HostileOptions.lies}. */
  readonly lies: readonly Lie[];
}

export interface HostileResult {
  readonly runs: number;
  /** Runs in which by chance no lie was told: they test nothing, and no verdict counts them. */
  readonly honestRuns: number;
  readonly seed: number;
  readonly lieCount: number;
  /** Of the runs with lies. */
  readonly verdicts: Readonly<Partial<Record<FaultVerdict, number>>>;
  readonly failures: readonly HostileFailure[];
}

/**
 * Runs a driver against a card that lies: any word that it reads or copies from registers, configuration space or DMA memory may
 * be any other, and another one at the next read; into buffers whose `bytes` it has taken the card writes. It may recover or give
 * up with an error of its own, and believe a wrong result (`deceived`); it may not reach outside its buffers, lose any, hang, or
 * fall over its own feet. The same seed tells the same lies; a failure is shrunk to the fewest.
 *
 * Rejects with {@link EveryFaultError} when it fails without any lie, and when none was told in any run: then nothing was tested.
 */
export async function hostile<Context = undefined>(
  devices: DeviceSpec | readonly DeviceSpec[],
  options: HostileOptions<Context>,
  body: (bed: Testbed, context: Context) => unknown,
): Promise<HostileResult> {
  const watch = new LateWatch(options.runLimitMs ?? WALL_LIMIT_MS);
  try {
    return await allRuns(await runnerOf(devices, options, body, watch), options);
  } finally {
    await watch.close();
  }
}

type Runner = (deceit: DeceiverOptions) => Promise<HostileOutcome>;

async function allRuns<Context>(run: Runner, options: HostileOptions<Context>): Promise<HostileResult> {
  const honest = await run({});
  if (honest.verdict !== "recovered")
    throw new EveryFaultError(`it fails without any lie: ${whyOf(honest)}`, honest.verdict);
  const { seed = 1, lies } = options;
  const runs = lies === undefined ? (options.runs ?? RUNS) : 1;
  const verdicts: Partial<Record<FaultVerdict, number>> = {};
  const failures: HostileFailure[] = [];
  let lieCount = 0;
  let honestRuns = 0;
  let done = 0;
  for (; done < runs && options.signal?.aborted !== true; done++) {
    const outcome = await run(lies === undefined ? drawn(seed, done) : { lies });
    lieCount += outcome.told.length;
    if (outcome.told.length === 0) honestRuns++;
    else verdicts[outcome.verdict] = (verdicts[outcome.verdict] ?? 0) + 1;
    if (isFailure(outcome)) failures.push(await shrunk(run, outcome));
    options.onProgress?.(done + 1, runs);
    if (done % RUNS_PER_HOP === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  if (done > 0 && lieCount === 0) throw new EveryFaultError(`nothing is tested: ${noLie(done, lies)}`);
  return { runs: done, honestRuns, seed, lieCount, verdicts, failures };
}

function noLie(runs: number, lies: readonly Lie[] | undefined): string {
  return lies === undefined
    ? `in ${runs} runs no lie was told, as the driver reads too little of its card for the chance that there was`
    : "none of the lies was told, as the driver does not read so far";
}

export interface HostileOutcome extends FaultOutcome {
  readonly told: readonly Lie[];
}

/** One run of a scenario against a card that lies as it is told to: for properties over `lies()`. */
export async function hostileRunner<Context>(
  devices: DeviceSpec | readonly DeviceSpec[],
  options: Omit<HostileOptions<Context>, "runs" | "seed" | "lies">,
  body: (bed: Testbed, context: Context) => unknown,
): Promise<Runner> {
  return runnerOf(devices, options, body, undefined);
}

async function runnerOf<Context>(
  devices: DeviceSpec | readonly DeviceSpec[],
  options: Omit<HostileOptions<Context>, "runs" | "seed" | "lies">,
  body: (bed: Testbed, context: Context) => unknown,
  watch: LateWatch | undefined,
): Promise<Runner> {
  const specs = Array.isArray(devices) ? (devices as readonly DeviceSpec[]) : [devices as DeviceSpec];
  const loaded = await Promise.all(specs.map(loadDevice));
  const { stepLimit = STEP_LIMIT, virtualLimitNs = VIRTUAL_LIMIT_NS, runLimitMs = WALL_LIMIT_MS, machine } = options;
  const limits = { steps: stepLimit, virtualNs: virtualLimitNs };
  const wallLimit = new RunLimit(runLimitMs);
  const scenario: FaultScenario<Context> = { ...options, body };
  const isAsync = isAsyncScenario(scenario, refusal);
  if (isAsync) watch?.start();
  let isFirst = true;
  return async (deceit) => {
    const deceiver = new Deceiver(deceit);
    const around = deceiver.around.bind(deceiver);
    // A driver that was lied to breaks rules in good faith: what it does to itself and its memory is what counts.
    const onStep = deceiver.step.bind(deceiver);
    const how = { limits, wallLimit, watch, isAsync, machine, around, onStep, isDeceived: true, isFirst };
    isFirst = false;
    const outcome = await runWithFaults(loaded, scenario, [], how, undefined);
    return { ...outcome, told: deceiver.told };
  };
}

function drawn(seed: number, run: number): DeceiverOptions {
  const rng = new Rng(deriveSeed(seed, run));
  return {
    probability: PROBABILITIES[rng.below(PROBABILITIES.length)] as number,
    seed: rng.nextU32(),
    limit: rng.between(1, 8),
  };
}

/** Takes lies away as long as the driver still falls for the others. */
async function shrunk(run: Runner, failure: HostileOutcome): Promise<HostileFailure> {
  let lies = failure.told;
  let { verdict, detail } = failure;
  for (let at = lies.length - 1; at >= 0; at--) {
    const fewer = lies.filter((_, index) => index !== at);
    const outcome = await run({ lies: fewer });
    if (!isFailure(outcome)) continue;
    lies = fewer;
    ({ verdict, detail } = outcome);
  }
  return { verdict, detail, lies };
}
