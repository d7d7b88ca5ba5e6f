import type { Cpu } from "../../emulator/explore/cpu.ts";
import { ExploredMachine, type SetUpState } from "../../emulator/explore/plugged/explored-machine.ts";
import type { GeneratorOnCpu, ModuleOnCpu, Places } from "../../emulator/explore/plugged/further-cpu.ts";
import type { Actor } from "../../emulator/explore/state.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";
import { PASSED, VIOLATION } from "../../emulator/explore/verdict.ts";
import type { Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import type { LoadedDevice, MachineOptions } from "../../emulator/run/machine.ts";
import { TestbedError } from "../../emulator/run/testbed-error.ts";
import { SearchSession } from "./search-session.ts";

/** Long enough for every timer of a device that is coming to rest. */
const QUIESCE_NS = 1_000_000_000;

/** What a body under exploration holds in its hands: the testbed of one run. */
export interface ExploredBed {
  /** The first function. */
  readonly pci: PciFunction;
  readonly functions: readonly PciFunction[];
  /** The first wire of the first device that has one. */
  readonly wire: ExploredWireEnd;
  wireOf(device: number): ExploredWireEnd;
  /** Directs an interrupt at another CPU (irq_set_affinity), which has to have a handler for it. */
  direct(interrupt: Interrupt, cpu: number): void;
  /** Lets the devices come to rest: rings drained, nothing on its way. */
  quiesce(): void;
  /** Rules that the driver has broken so far in this run. */
  readonly violations: readonly Finding[];
}

/** The outside end of a wire. */
export interface ExploredWireEnd {
  send(frame: Uint8Array, options?: { readonly badFcs?: boolean }): void;
  readonly sent: readonly Uint8Array[];
}

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
  readonly setup: (bed: ExploredBed) => Context;
  /**
   * What the driver itself knows when the set-up has ended, and back: with both, the set-up is made once only, and machine
   * and driver are set back to its end before each run. All that the driver keeps must be in it, and
   * the body may not close the driver.
   */
  readonly save?: (context: Context) => unknown;
  readonly restore?: (context: Context, state: unknown) => void;
  /** What is explored: every access in it is a scheduling point. */
  readonly body: (bed: ExploredBed, context: Context) => void;
}

/** A driver and its devices, plugged in once, with what is needed to search and to replay them. */
export class PluggedSession<Context = unknown> extends SearchSession implements ExploredBed {
  readonly plugged: ExploredMachine;
  readonly #exploration: Exploration<Context>;
  #context: Context | undefined;
  readonly #cpus: readonly FurtherCpu<Context>[];
  #saved: { readonly context: Context; readonly machine: SetUpState; readonly driver: unknown } | undefined;

  constructor(
    devices: readonly LoadedDevice[],
    exploration: Exploration<Context>,
    options: MachineOptions = {},
    awaitCount: number = 0,
    cpus: readonly FurtherCpu<Context>[] = [],
  ) {
    super();
    this.#cpus = cpus;
    const programs = cpus.map((cpu) => ("module" in cpu ? cpu : this.#withContext(cpu)));
    this.plugged = new ExploredMachine(devices, options, awaitCount, programs);
    this.#exploration = exploration;
  }

  get machine(): ExploredMachine["explorer"] {
    return this.plugged.explorer;
  }

  get execution(): ExploredMachine["execution"] {
    return this.plugged.execution;
  }

  /** One run from the plugging in to its verdict. Throws what the set-up throws. */
  run(strategy: Strategy, model: number, seed: number): number {
    const { plugged, execution } = this;
    this.onRun?.();
    const { workers } = plugged.furtherCpus;
    for (const worker of workers) worker?.leave();
    const context = this.#setUp();
    this.#context = context;
    for (const [index, cpu] of this.#cpus.entries()) {
      const worker = workers[index];
      if (worker !== undefined && "module" in cpu) worker.argument = cpu.argument?.(context);
    }
    execution.begin(strategy, model, seed, () => plugged.explore());
    try {
      this.#exploration.body(this, context);
      execution.finishPlain(plugged.thread);
    } catch (error) {
      execution.failPlain(error);
    }
    while (execution.turn()) {
      // The body has returned; what is on its way arrives.
    }
    const broken = this.violations[0]?.message;
    if (broken !== undefined) this.#failFor(broken);
    return execution.verdict;
  }

  /** A broken rule fails the run, and stands beside an assertion that failed, as it is often why. */
  #failFor(broken: string): void {
    const { execution, machine } = this;
    if (execution.verdict === PASSED) execution.failPlain(new Error(broken));
    else if (execution.verdict === VIOLATION && !machine.violation.includes(broken))
      machine.violation += `; in the same run the driver broke a rule: ${broken}`;
  }

  /** Brings the driver up, or back to where it was when it had come up. */
  #setUp(): Context {
    const { plugged } = this;
    const { setup, save, restore } = this.#exploration;
    if (this.#saved !== undefined) {
      plugged.restore(this.#saved.machine);
      restore?.(this.#saved.context, this.#saved.driver);
      return this.#saved.context;
    }
    plugged.reset();
    const context = setup(this);
    if (save !== undefined && restore !== undefined)
      this.#saved = { context, machine: plugged.save(), driver: save(context) };
    return context;
  }

  #withContext({ program, handler, name }: GeneratorCpu<Context>): GeneratorOnCpu {
    const context = (): Context => this.#context as Context;
    return {
      ...(program && { program: (cpu: Cpu, places: Places) => program(cpu, places, context()) }),
      ...(handler && { handler: (cpu: Cpu, places: Places) => handler(cpu, places, context()) }),
      ...(name !== undefined && { name }),
    };
  }

  direct(interrupt: Interrupt, cpu: number): void {
    this.plugged.direct(interrupt, cpu);
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
    const wire = this.plugged.wires.find((each) => each !== undefined);
    if (wire === undefined) throw new TestbedError("no device of this testbed has a wire");
    return wire;
  }

  wireOf(device: number): ExploredWireEnd {
    const wire = this.plugged.wires[device];
    if (wire === undefined) throw new RangeError(`device ${device} has no wire`);
    return wire;
  }

  quiesce(): void {
    this.plugged.cpu.delay(QUIESCE_NS);
  }

  get violations(): readonly Finding[] {
    return this.plugged.endpoints.flatMap(({ findings }) =>
      findings.findings.filter((finding) => finding.kind === "violation"),
    );
  }
}
