import type { Cpu } from "../../emulator/explore/cpu.ts";
import { ExploredMachine, type SetUpState } from "../../emulator/explore/plugged/explored-machine.ts";
import type { GeneratorOnCpu, ModuleOnCpu, Places } from "../../emulator/explore/plugged/further-cpu.ts";
import type { Actor } from "../../emulator/explore/state.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";
import { isFailure, PASSED, VIOLATION } from "../../emulator/explore/verdict.ts";
import type { Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import type { LoadedDevice, MachineOptions } from "../../emulator/run/machine.ts";
import { TestbedError } from "../../emulator/run/testbed-error.ts";
import type { ExploredTracing } from "../trace/explored-tracing.ts";
import { TracedInterrupt } from "../trace/traced-function.ts";
import { driverCallers, findingLine, keepStack } from "./code-line.ts";
import type { DriverSession } from "./driver-session.ts";
import { type ExploredBed, type ExploredWireEnd, QUIESCE_NS } from "./explored-bed.ts";
import { notPromised } from "./plain-functions.ts";
import { recordRaces, sceneOf } from "./race-text.ts";
import { RunNotes } from "./run-notes.ts";
import { SearchSession } from "./search-session.ts";

/** A driver module that runs on a CPU of its own. */
export interface ModuleCpu<Context> extends ModuleOnCpu {
  /** What it is handed as its argument, made from what the set-up has returned: data that JSON can write. */
  readonly argument?: (context: Context) => unknown;
}

/** Generator functions that run on a CPU of their own: they yield each access, and get what the set-up has returned. */
export interface GeneratorCpu<Context> {
  readonly program?: (cpu: Cpu, places: Places, context: Context) => Actor;
  /** What the CPU does when it takes an interrupt that the set-up has directed at it by `bed.direct`. */
  readonly handler?: (cpu: Cpu, places: Places, context: Context) => Actor;
  readonly name?: string;
}

export type FurtherCpu<Context> = ModuleCpu<Context> | GeneratorCpu<Context>;

export interface Exploration<Context> {
  /** Brings the driver up. Runs before each schedule in the ordinary order; what it returns goes to the body. */
  readonly setup: (bed: ExploredBed) => Context | Promise<Context>;
  /**
   * What the driver itself knows when the set-up has ended, and back: with both, the set-up is made once only, and machine
   * and driver are set back to its end before each run. All that the driver keeps must be in it, and
   * the body may not close the driver.
   */
  readonly save?: (context: Context) => unknown;
  readonly restore?: (context: Context, state: unknown) => void;
  /** What is explored: every access in it is a scheduling point. What it returns does not matter, but for a promise. */
  readonly body: (bed: ExploredBed, context: Context) => unknown;
}

/** Throws TypeError where data was given for the function that makes it. */
function checkArgument(cpu: FurtherCpu<never>, index: number): void {
  const argument: unknown = "module" in cpu ? cpu.argument : undefined;
  if (argument === undefined || typeof argument === "function") return;
  throw new TypeError(
    `cpus[${index}].argument is no function: want (context) => data, called with what the set-up has returned.`,
  );
}

/** A driver of plain functions and its devices, plugged in once, with what is needed to search and to replay them. */
export class PluggedSession<Context = unknown> extends SearchSession implements DriverSession, ExploredBed {
  readonly plugged: ExploredMachine;
  readonly tracing: ExploredTracing | undefined;
  /** The first rule that the run under way has broken; empty for none. */
  brokenRule = "";
  readonly #exploration: Exploration<Context>;
  #context: Context | undefined;
  readonly #notes = new RunNotes();
  readonly #cpus: readonly FurtherCpu<Context>[];
  #saved: { readonly context: Context; readonly machine: SetUpState; readonly driver: unknown } | undefined;

  constructor(
    devices: readonly LoadedDevice[],
    exploration: Exploration<Context>,
    options: MachineOptions = {},
    awaitCount: number = 0,
    cpus: readonly FurtherCpu<Context>[] = [],
    tracing?: ExploredTracing,
  ) {
    super();
    for (const [index, cpu] of cpus.entries()) checkArgument(cpu, index);
    this.#cpus = cpus;
    const programs = cpus.map((cpu) => ("module" in cpu ? cpu : this.#withContext(cpu)));
    this.plugged = new ExploredMachine(devices, options, awaitCount, programs, tracing);
    this.tracing = tracing;
    tracing?.plugged(this.plugged);
    this.#exploration = exploration;
    // A stack for each note of each run would be most of what a search does; violations end one.
    for (const { findings, declaration } of this.plugged.endpoints) {
      findings.lineOf = (kind, rule, place, kept) =>
        kind === "note" && this.#notes.has(declaration.name, rule, place) ? "" : findingLine(kept);
      findings.callersOf = driverCallers;
      findings.keepStack = keepStack;
    }
  }

  get notes(): readonly Finding[] {
    return this.#notes.all;
  }

  get machine(): ExploredMachine["explorer"] {
    return this.plugged.explorer;
  }

  get execution(): ExploredMachine["execution"] {
    return this.plugged.execution;
  }

  /** One run from the plugging in to its verdict. Throws what the set-up throws, and {@link PromiseReturnedError}. */
  run(strategy: Strategy, model: number, seed: number): number {
    const { plugged, execution } = this;
    this.onRun?.();
    const { setup, body } = this.#exploration;
    const kept = this.setBack();
    const context = kept === undefined ? this.finishSetUp(notPromised("setup", setup(this))) : kept.context;
    execution.begin(strategy, model, seed, () => plugged.explore());
    let returned: unknown;
    try {
      returned = body(this, context);
      execution.finishPlain(plugged.thread);
    } catch (error) {
      execution.failPlain(error);
    }
    while (execution.turn()) {
      // The body has returned; what is on its way arrives.
    }
    notPromised("body", returned);
    this.failForBrokenRules();
    return execution.verdict;
  }

  /** A run is about to begin. Returns what the set-up had returned, where it has not to be made again. */
  setBack(): { readonly context: Context } | undefined {
    const { plugged } = this;
    this.stuck = "";
    this.brokenRule = "";
    // A set-up that is to be traced is made: what it was before is of another driver then.
    if (this.tracing?.isOn === true) this.#saved = undefined;
    for (const worker of plugged.furtherCpus.workers) worker?.leave();
    const saved = this.#saved;
    if (saved === undefined) plugged.reset();
    else {
      plugged.restore(saved.machine);
      this.#exploration.restore?.(saved.context, saved.driver);
      this.#handOver(saved.context);
    }
    return saved;
  }

  /** The set-up has returned: keeps what it has brought about, where the driver can be set back. */
  finishSetUp(context: Context): Context {
    const { save, restore } = this.#exploration;
    if (save !== undefined && restore !== undefined && this.tracing?.isOn !== true)
      this.#saved = { context, machine: this.plugged.save(), driver: save(context) };
    this.#handOver(context);
    return context;
  }

  #handOver(context: Context): void {
    this.#context = context;
    for (const [index, cpu] of this.#cpus.entries()) {
      const worker = this.plugged.furtherCpus.workers[index];
      if (worker !== undefined && "module" in cpu) worker.argument = cpu.argument?.(context);
    }
  }

  /** A broken rule fails the run that has ended, and stands beside an assertion that failed, as it is often why. */
  failForBrokenRules(): void {
    const { execution, machine } = this;
    machine.state.races?.finish();
    recordRaces(sceneOf(this));
    for (const watch of this.plugged.watches) watch.end();
    for (const { findings } of this.plugged.endpoints) this.#notes.take(findings.findings);
    const [first] = this.violations;
    if (first === undefined) return;
    this.brokenRule = first.rule;
    const { message, line, calledFrom = [], rule } = first;
    const from = calledFrom.length === 0 ? "" : `, called from ${calledFrom.join(", ")}`;
    const broken = `${message}${line === undefined ? "" : ` At ${line}${from}.`} Rule: ${rule}.`;
    const beside = `in the same run the driver broke a rule: ${broken}`;
    if (execution.verdict === PASSED) execution.failPlain(new Error(broken));
    else if (execution.verdict === VIOLATION && !machine.violation.includes(first.message))
      machine.violation += `; ${beside}`;
    else if (isFailure(execution.verdict)) this.stuck = this.stuck === "" ? beside : `${this.stuck}; ${beside}`;
  }

  #withContext({ program, handler, name }: GeneratorCpu<Context>): GeneratorOnCpu {
    const context = (): Context => this.#context as Context;
    return {
      ...(program && { program: (cpu: Cpu, places: Places) => program(cpu, places, context()) }),
      ...(handler && { handler: (cpu: Cpu, places: Places) => handler(cpu, places, context()) }),
      ...(name !== undefined && { name }),
    };
  }

  /** Ends the threads of the further CPUs. */
  async close(): Promise<void> {
    for (const worker of this.plugged.furtherCpus.workers) await worker?.close();
  }

  // ---- the bed of the run that is under way -------------------------------------------------------------------------

  get functions(): readonly PciFunction[] {
    return this.plugged.functions;
  }

  get pci(): PciFunction {
    const first = this.plugged.functions[0];
    if (first === undefined) throw new TestbedError("no device is plugged in");
    return first;
  }

  get wire(): ExploredWireEnd {
    const wire = this.plugged.wires.first();
    if (wire === undefined) throw new TestbedError("no device of this testbed has a wire");
    return wire;
  }

  wireOf(device: number, port = 0): ExploredWireEnd {
    const wire = this.plugged.wires.open(device, port);
    if (wire === undefined) throw new RangeError(`device ${device} has no wire port ${port} that no cable takes`);
    return wire;
  }

  direct(interrupt: Interrupt, cpu: number): void {
    this.plugged.direct(interrupt instanceof TracedInterrupt ? interrupt.inner : interrupt, cpu);
  }

  quiesce(): void {
    this.plugged.cpu.delay(QUIESCE_NS);
    this.machine.state.settled(this.plugged.cpu.index);
  }

  get violations(): readonly Finding[] {
    return this.plugged.endpoints.flatMap(({ findings }) =>
      findings.findings.filter((finding) => finding.kind === "violation"),
    );
  }

  // Nobody else could go on meanwhile.
  until(): never {
    refuse("until");
  }
  untilSent(): never {
    refuse("untilSent");
  }
  sleep(): never {
    refuse("sleep");
  }
  quiesceAsync(): never {
    refuse("quiesceAsync");
  }
}

function refuse(wait: string): never {
  throw new TypeError(`explore: bed.${wait} is for a body that awaits; declare set-up or body async`);
}
