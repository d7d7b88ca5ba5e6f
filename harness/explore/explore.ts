import type fc from "fast-check";
import type { MemoryModel } from "../../emulator/explore/kinds.ts";
import type { LinkLatitude, MachineLatitude } from "../../emulator/explore/latitude.ts";
import { checkOptionNames, type OptionNames } from "../../emulator/option-names.ts";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { loadDevice, MACHINE_OPTION_NAMES, type MachineOptions } from "../../emulator/run/machine.ts";
import { mindsRaces } from "../../emulator/sanitize/rule.ts";
import { ExploredTracing } from "../trace/explored-tracing.ts";
import { AsyncSession } from "./async-session.ts";
import type { DriverSession } from "./driver-session.ts";
import type { ExploredBed } from "./explored-bed.ts";
import { LoopWatch } from "./loop-watch.ts";
import { isAsyncExploration } from "./plain-functions.ts";
import { type Exploration, type FurtherCpu, PluggedSession } from "./plugged-session.ts";
import { RunLimit } from "./run-limit.ts";
import { hashOfModule } from "./source-hash.ts";
import { TestSearch } from "./test-search.ts";
import { hashOfText } from "./token.ts";
import { inTime } from "./work.ts";

const RUN_LIMIT_MS = 30_000;

export interface ExploreOptions<Context, Workload> {
  /** Brings the driver up, before each schedule and unexplored; what it returns goes to the body. May be `async`. */
  readonly setup?: (bed: ExploredBed) => Context | Promise<Context>;
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
  /** A file that gets the trace of the failing run as JSON lines: for `softbar trace`, which shows it in GTKWave or Perfetto. */
  readonly trace?: string;
  /** Looks for the barrier that is missing. Default true. */
  readonly cure?: boolean;
  /**
   * Whether a run that takes too many steps fails as starving, after as many more in which everybody gets turns fairly.
   * Default false: nothing is known of it.
   */
  readonly mustEnd?: boolean;
  /**
   * How long one run may take: one that has not come to its end by then loops without an access, and fails as a hang. Its
   * schedule is not shrunk, as each try would take as long. Default 30,000. Nothing is stopped under a debugger. Where
   * an async driver never comes round to its event loop, it is stopped in the main thread only, and in Node 24 and later.
   */
  readonly runLimitMs?: number;
  /**
   * Whether data races on DMA memory are looked for, which costs a third of the speed: two accesses, one of them a write,
   * that nothing puts in an order, be it between CPUs, with a card's DMA, or between a task and its handlers. They are found in
   * the first schedule in which both accesses come, and fail as broken rules do. Default true, unless `machine.sanitize` says no. What is meant is said by
   * `cpu.beginRacy`; accesses through `buffer.bytes` are not seen.
   */
  readonly races?: boolean;
  readonly machine?: MachineOptions;
  /** Where specifications leave a choice, or the world is ruder than they are: limits that are over early, what a link keeps in order. */
  readonly latitude?: MachineLatitude & LinkLatitude;
}

const OPTION_NAMES: OptionNames<ExploreOptions<unknown, unknown>> = {
  setup: true,
  cpus: true,
  workload: true,
  runs: true,
  seed: true,
  models: true,
  replay: true,
  trace: true,
  cure: true,
  mustEnd: true,
  runLimitMs: true,
  races: true,
  machine: true,
  latitude: true,
};

/** What was searched without finding anything. */
export interface ExploreResult {
  /** Schedules run, in all models together. */
  readonly runs: number;
  /** Of which nothing is known, because they took too many steps. */
  readonly unknown: number;
  /**
   * What is worth a look in all runs, each once with the number of times: rules that a card would take, or that are guesses.
   * Absent where there is none.
   */
  readonly notes?: readonly Finding[];
  /** Where the run of a token left its schedule, because the driver is not what it was; undefined when it did not. */
  readonly divergence?: string;
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
 *
 * A driver that awaits is explored when set-up or body is declared `async`; a plain function that returns a promise is
 * refused. Its tasks interleave with the devices at every access, and with each other where they wait: for promises of the
 * bed, for those that its interrupt handlers resolve, and for timers. `setTimeout`, `setInterval`, `setImmediate`, those of
 * `node:timers` and `node:timers/promises`, `Date` and `performance.now` are the virtual clock's meanwhile. A promise that
 * nothing will settle is a deadlock; a file or a socket is refused as nondeterminism.
 *
 * ```ts
 * await explore(edu(), { setup: async (bed) => new AsyncEdu(bed.pci) }, async (bed, driver) => {
 *   const results = await Promise.all([driver.factorial(5), driver.factorial(6)]); // two tasks, one card
 *   expect(results).toEqual([120, 720]);
 *   await bed.quiesceAsync();
 * });
 * ```
 */
export async function explore<Context = undefined, Workload = undefined>(
  devices: DeviceSpec | readonly DeviceSpec[],
  options: ExploreOptions<Context, Workload>,
  body: (bed: ExploredBed, context: Context, workload: Workload) => unknown,
): Promise<ExploreResult> {
  checkOptionNames("explore", options, OPTION_NAMES);
  checkOptionNames("explore, machine", options.machine ?? {}, MACHINE_OPTION_NAMES);
  const specs = Array.isArray(devices) ? (devices as readonly DeviceSpec[]) : [devices as DeviceSpec];
  const setup = options.setup ?? ((): Context => undefined as Context);
  const isAsync = isAsyncExploration(setup, body);
  const loaded = await Promise.all(specs.map(loadDevice));
  const { machine, cpus = [], mustEnd = false, runLimitMs = RUN_LIMIT_MS } = options;
  const limit = new RunLimit(runLimitMs);
  const tracing = options.trace === undefined ? undefined : new ExploredTracing();
  const exploration: Exploration<Context> = {
    setup,
    body: (bed, context) => body(bed, context, search.workload),
  };
  let session: DriverSession;
  if (isAsync) {
    const tasks = new AsyncSession(loaded, exploration, machine, cpus, tracing);
    tasks.watch = LoopWatch.start(limit.limitMs);
    session = tasks;
  } else {
    const plain = new PluggedSession(loaded, exploration, machine, 0, cpus, tracing);
    plain.limit = limit;
    session = plain;
  }
  session.execution.mustEnd = mustEnd;
  if (options.races ?? mindsRaces(machine?.sanitize)) session.plugged.detectRaces();
  for (const worker of session.plugged.furtherCpus.workers) if (worker !== undefined) worker.answerLimitMs = runLimitMs;
  if (options.latitude !== undefined) session.plugged.allow(options.latitude);
  const others = cpus.map((cpu) =>
    "module" in cpu ? hashOfModule(String(cpu.module)) : `${cpu.program}${cpu.handler}`,
  );
  // A card with other options is another program too.
  const settings = JSON.stringify([specs.map(optionsOf), machine, options.latitude]);
  const source = hashOfText([`${setup}${body}`, ...others, settings].join("\n"));
  const search = new TestSearch(session, specs, options, source, isAsync);
  try {
    return await inTime(search.run());
  } finally {
    await session.close();
  }
}

/** Of a wrapper also those of what it is around. */
function optionsOf({ options, around }: DeviceSpec): unknown {
  return around === undefined ? options : [options, optionsOf(around)];
}
