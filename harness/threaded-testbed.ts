import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { DeviceSpec } from "../emulator/pcie/device-model.ts";
import type { PciFunction } from "../emulator/pcie/driver-view.ts";
import { type ControlConnection, connectControl, handOver } from "../emulator/run/control.ts";
import { type CpuSeat, createCpu, type Notice, openCpu } from "../emulator/run/cpu-handle.ts";
import { limitUnderDebugger } from "../emulator/run/debugger.ts";
import type {
  AttachmentSpec,
  DeviceStatistics,
  DeviceThread,
  DeviceThreadData,
} from "../emulator/run/device-thread.ts";
import type { Finding } from "../emulator/run/findings.ts";
import { LifeWatch } from "../emulator/run/life-watch.ts";
import type { MachineTables } from "../emulator/run/machine.ts";
import { DeviceGoneError, DeviceStuckError, TestbedError } from "../emulator/run/testbed-error.ts";
import { STATUS_CLOSED, STATUS_DEAD, ThreadStatus } from "../emulator/run/thread-status.ts";
import { noteSettled } from "../emulator/sanitize/race-tables.ts";
import { DriverThread } from "./driver-thread.ts";
import { driverLine } from "./explore/code-line.ts";
import { type AskDevice, BedFaults, type kernelSide } from "./faults/bed-faults.ts";
import { FindingInbox } from "./finding-inbox.ts";
import { noFaults } from "./folded-testbed.ts";
import { noteClosed, noteOpened } from "./open-testbeds.ts";
import { TestWire } from "./test-wire.ts";
import type { PlugInOptions, Testbed, TestbedCpu } from "./testbed.ts";
import type { RunTrace } from "./trace/run-trace.ts";
import type { TestbedTracing } from "./trace/testbed-tracing.ts";
import type { TraceChannel } from "./trace/trace-log.ts";

const CPU_LIMIT = 16;
/** How long a device may take to load and power on. */
const START_LIMIT_MS = 10_000;
/** The device thread may be held up by a collection or a busy machine; after this it is taken for stuck. */
const ANSWER_LIMIT_MS = 5_000;
/** How long a device is asked for what its faults have come to before it is ended. */
const LAST_WORD_LIMIT_MS = 1_000;
const QUIESCE_LIMIT_MS = 5_000;
const QUIESCE_STEP_MS = 1;
/** The first engine in which the fault was seen that {@link guardTypeStripping} is about; Node 24 has 13.6, Node 22 12.4. */
const FLAG_SINCE_V8 = 13;
const ROOM_NAP_MS = 1;
const NAP_WORD = new Int32Array(new SharedArrayBuffer(4));

type DeviceControl = Pick<
  DeviceThread,
  "addCpu" | "removeCpu" | "statistics" | "findings" | "isAtRest" | "reports" | "ask"
>;

/** Source (.ts) and package (.js) start their workers alike. */
const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const DEVICE_WORKER = new URL(`../emulator/run/device.worker${EXTENSION}`, import.meta.url);

/** Devices in a worker thread. Made by {@link start}, which waits until they are powered on. */
export class ThreadedTestbed implements Testbed {
  readonly functions: readonly PciFunction[];
  readonly openedAt: string;
  readonly #worker: Worker;
  readonly #connection: ControlConnection<DeviceControl>;
  readonly #status: ThreadStatus;
  readonly #life: LifeWatch;
  readonly #tables: MachineTables;
  readonly #findings: FindingInbox;
  readonly #driverFindings: Finding[] = [];
  readonly #wires = new Map<string, TestWire>();
  /** By index; undefined while the CPU joins. */
  readonly #cpus = new Map<number, DriverThread | undefined>();
  /** By index: what the last run of a CPU was answered with. */
  readonly #running = new Map<number, Promise<unknown>>();
  readonly #quiesceLimitMs: number;
  readonly #answerLimitMs: number;
  readonly #tracing: TestbedTracing | undefined;
  readonly #driverTrace: TraceChannel | undefined;
  readonly #ended: Promise<void>;
  readonly #joined: Promise<void>;
  readonly #faults: BedFaults | undefined;
  /** What the device thread died of, as it was thrown. */
  #cause: Error | undefined;
  #closed: Promise<void> | undefined;

  private constructor(worker: Worker, status: ThreadStatus, tables: MachineTables, parts: ThreadParts) {
    this.#worker = worker;
    this.#status = status;
    this.#tables = tables;
    this.openedAt = parts.openedAt;
    this.#quiesceLimitMs = parts.options.quiesceLimitMs ?? QUIESCE_LIMIT_MS;
    this.#answerLimitMs = parts.options.answerLimitMs ?? ANSWER_LIMIT_MS;
    this.#connection = connectControl<DeviceControl>(worker);
    this.#findings = parts.findings;
    this.#tracing = parts.tracing;
    this.#driverTrace = parts.driverTrace;
    this.#ended = this.#watch();
    const cpu = createCpu(0, tables, status.buffer, limitUnderDebugger(this.#answerLimitMs));
    const functions = openCpu(cpu.handle, parts.notice, {
      onFinding: (finding) => this.#driverFindings.push(finding),
      lineOf: driverLine,
    });
    const { kernel } = parts;
    const given = kernel === undefined ? functions : functions.map((pci, index) => kernel.around(pci, index));
    this.functions = this.#tracing?.functions(given) ?? given;
    if (kernel !== undefined) {
      const ask: AskDevice = (device, command) => this.#answered(this.#connection.control.ask(device, command));
      this.#faults = new BedFaults(ask, kernel.kernels, () => this.quiesce());
    }
    this.#life = new LifeWatch(status, cpu.handle.port);
    this.#joined = this.#join(cpu.seat);
  }

  /** Starts the device thread. Rejects with the device's own error when it cannot be created. */
  static async start(
    specs: readonly DeviceSpec[],
    tables: MachineTables,
    options: PlugInOptions,
    extras: ThreadExtras,
  ): Promise<ThreadedTestbed> {
    guardTypeStripping([import.meta.url, ...specs.map(({ moduleUrl }) => moduleUrl)]);
    const status = new ThreadStatus(ThreadStatus.createBuffer());
    const findings = new FindingInbox();
    const data: DeviceThreadData = {
      specs,
      tables,
      status: status.buffer,
      attachments: [
        ...(extras.attachments ?? []),
        ...(extras.tracing === undefined ? [] : [extras.tracing.attachment()]),
      ],
      findingsPort: findings.devicePort,
    };
    const worker = new Worker(DEVICE_WORKER, {
      workerData: data,
      transferList: [findings.devicePort],
      name: "softbar devices",
    });
    const bed = new ThreadedTestbed(worker, status, tables, { ...extras, options, findings });
    noteOpened(bed);
    try {
      await withLimit(bed.#joined, START_LIMIT_MS, () => `the devices did not power on within ${START_LIMIT_MS} ms`);
    } catch (error) {
      await bed.close();
      throw bed.#cause ?? error;
    }
    return bed;
  }

  get pci(): PciFunction {
    const first = this.functions[0];
    if (first === undefined) throw new TestbedError("no device is plugged in");
    return first;
  }

  get wire(): TestWire {
    const device = this.#tables.functions.findIndex((tables) => tables.ports.length > 0);
    if (device < 0) throw new TestbedError("no device of this testbed has a wire");
    return this.wireOf(device);
  }

  wireOf(device: number, port = 0): TestWire {
    const key = `${device}:${port}`;
    const known = this.#wires.get(key);
    if (known !== undefined) return known;
    const shared = this.#tables.functions[device]?.ports[port];
    if (shared === undefined) throw new RangeError(`device ${device} has no wire port ${port} that no cable takes`);
    const kept = this.#tables.options.sentFrames !== "count";
    const side = {
      nudge: () => this.#nudge(),
      makeRoom: () => {
        Atomics.wait(NAP_WORD, 0, 0, ROOM_NAP_MS);
        this.#life.look();
      },
      roomTries: () => limitUnderDebugger(this.#answerLimitMs) / ROOM_NAP_MS,
    };
    const wire = new TestWire(shared.inbound, shared.outbound, kept, side);
    this.#wires.set(key, wire);
    return wire;
  }

  get violations(): readonly Finding[] {
    return this.#found("violation");
  }

  get notes(): readonly Finding[] {
    return this.#found("note");
  }

  /** By the devices' thread, then by those of the drivers. */
  #found(kind: Finding["kind"]): Finding[] {
    return [...this.#findings.of(kind), ...this.#driverFindings.filter((finding) => finding.kind === kind)];
  }

  get faults(): BedFaults {
    return this.#faults ?? noFaults();
  }

  cpu(index: number): TestbedCpu {
    if (!Number.isInteger(index) || index < 1 || index >= CPU_LIMIT) {
      throw new RangeError(`CPU ${index}: 1 to ${CPU_LIMIT - 1} can be given a module; CPU 0 is the test's own thread`);
    }
    return {
      index,
      run: <Result>(moduleUrl: string | URL, argument?: unknown): Promise<Result> => {
        const running = this.#runOn<Result>(index, String(moduleUrl), argument);
        this.#running.set(index, running);
        return running;
      },
    };
  }

  async quiesce(): Promise<void> {
    const deadlineMs = performance.now() + limitUnderDebugger(this.#quiesceLimitMs);
    const ask = (): Promise<boolean> => {
      const leftMs = Math.max(deadlineMs - performance.now(), QUIESCE_STEP_MS);
      return withLimit(this.#connection.control.isAtRest(), leftMs, () => this.#restlessText());
    };
    // Twice in a row: a driver thread may post between two looks at different rings.
    for (let restCount = 0; ; await sleepMs(QUIESCE_STEP_MS)) {
      restCount = (await ask()) ? restCount + 1 : 0;
      if (restCount === 2) break;
      if (performance.now() > deadlineMs) throw new DeviceStuckError(this.#restlessText());
    }
    this.#findings.replace(await this.#answered(this.#connection.control.findings()));
    if (this.#tables.races !== undefined) noteSettled(this.#tables.races);
  }

  statistics(): Promise<DeviceStatistics[]> {
    return this.#answered(this.#connection.control.statistics());
  }

  /** What the attachments of the device thread report, in order. */
  reports(): Promise<unknown[]> {
    return this.#answered(this.#connection.control.reports());
  }

  trace(): RunTrace {
    if (this.#tracing === undefined) throw new TestbedError("nothing is recorded: plug in with { trace: true }");
    return this.#tracing.trace;
  }

  advance(): void {
    throw new TestbedError('time of a threaded testbed passes by itself; move it by hand with run: "folded"');
  }

  /** Stops the device thread at once, as a card that is pulled out: for tests of what a driver does then. */
  async terminate(): Promise<void> {
    this.#status.die("its thread was terminated");
    await this.#worker.terminate();
  }

  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutDown(): Promise<void> {
    // A device that is gone or stuck has met what it has.
    const told = this.#faults?.warnOfWaiting();
    if (told !== undefined) await withLimit(told, LAST_WORD_LIMIT_MS, () => "").catch(() => {});
    this.#status.status = STATUS_CLOSED;
    this.#connection.fail("its testbed was closed");
    for (const running of this.#running.values()) {
      // A test that fails while a driver runs has its reason already: the end of that driver is no second one.
      running.catch(() => {});
    }
    try {
      await Promise.all([...this.#cpus.values()].map((cpu) => cpu?.stop("the testbed was closed")));
      await this.#worker.terminate();
      await this.#ended;
    } finally {
      this.#findings.close();
      this.#tracing?.end(this.#cause === undefined ? "complete" : "failed", this.#cause?.message ?? "");
      noteClosed(this);
    }
  }

  async #join(seat: CpuSeat): Promise<void> {
    await this.#connection.control.addCpu(handOver(seat, [seat.port]));
  }

  async #runOn<Result>(index: number, moduleUrl: string, argument: unknown): Promise<Result> {
    if (this.#cpus.has(index)) throw new TestbedError(`CPU ${index} runs a module already`);
    this.#cpus.set(index, undefined);
    let thread: DriverThread | undefined;
    let isStuck = false;
    try {
      const cpu = createCpu(index, this.#tables, this.#status.buffer, limitUnderDebugger(this.#answerLimitMs));
      await this.#answered(this.#join(cpu.seat));
      if (this.#closed !== undefined) throw new DeviceGoneError("the testbed was closed before its CPU could start");
      guardTypeStripping([moduleUrl]);
      const trace = this.#driverTrace ?? this.#tracing?.channel();
      thread = new DriverThread({ handle: cpu.handle, moduleUrl, argument, trace }, (finding) => {
        this.#driverFindings.push(finding);
      });
      this.#cpus.set(index, thread);
      return (await thread.result) as Result;
    } catch (error) {
      // Whoever has just waited for a sign of life in vain does not wait for another one.
      isStuck = error instanceof DeviceStuckError;
      throw error;
    } finally {
      await thread?.ended;
      const removed = this.#answered(this.#connection.control.removeCpu(index)).catch(() => {
        // The device thread is gone or stuck, and its rings with it.
      });
      if (!isStuck) await removed;
      this.#cpus.delete(index);
    }
  }

  /** Resolves when the thread has ended; makes every pending and later call reject with the device's own words. */
  #watch(): Promise<void> {
    return new Promise((resolve) => {
      this.#worker.on("error", (error: Error) => {
        this.#cause ??= error;
        this.#lost(error.stack ?? error.message);
      });
      this.#worker.on("exit", (code: number) => {
        this.#lost(`its thread ended with code ${code}`);
        resolve();
      });
    });
  }

  #lost(reason: string): void {
    // A thread that was asked to end has not died: its testbed was closed.
    if (this.#closed !== undefined) return;
    this.#status.die(reason);
    const gone = `the device thread is gone: ${this.#status.reason}`;
    this.#connection.fail(gone);
    for (const cpu of this.#cpus.values()) cpu?.deviceIsGone(new DeviceGoneError(gone));
  }

  /** A call of the control plane, with its limit: a device that never returns from a handler answers none. */
  #answered<Value>(call: Promise<Value>): Promise<Value> {
    const text = (): string => `the devices answer no control call for ${this.#answerLimitMs} ms: one of them loops`;
    return withLimit(call, this.#answerLimitMs, text);
  }

  #restlessText(): string {
    return `the devices did not come to rest within ${this.#quiesceLimitMs} ms: traffic still arrives, or a request is stuck (statistics() tells)`;
  }

  /** Lets the device take what was put on a wire. */
  #nudge(): void {
    if (this.#status.status >= STATUS_DEAD) {
      throw new DeviceGoneError(`the device thread is gone: ${this.#status.reason || "its testbed was closed"}`);
    }
    this.#status.wakeIfAsleep();
  }
}

/** What a testbed may be started with besides its devices. */
interface ThreadExtras {
  readonly attachments?: readonly AttachmentSpec[];
  readonly openedAt: string;
  readonly notice: Notice;
  readonly tracing?: TestbedTracing;
  /** What the one driver module that is run records into, where somebody else takes it away. */
  readonly driverTrace?: TraceChannel | undefined;
  /** The kernel's side of faults; absent where the devices have no wrappers for them. */
  readonly kernel?: ReturnType<typeof kernelSide> | undefined;
}

interface ThreadParts extends ThreadExtras {
  readonly options: PlugInOptions;
  readonly findings: FindingInbox;
}

function sleepMs(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

async function withLimit<Value>(promise: Promise<Value>, limitMs: number, message: () => string): Promise<Value> {
  const holdingMs = limitUnderDebugger(limitMs);
  if (holdingMs === Number.POSITIVE_INFINITY) return promise;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new DeviceStuckError(message())), holdingMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Node strips the types of a worker's modules with a WebAssembly module of its own in each worker. V8 (13.6) shares the
 * wrappers of its imports over all threads, compiles one anew after 1,000 calls, and now and then aborts the process when
 * it frees the old one while another worker ends: "Check failed: jit_page.has_value()" (see nodejs/node#64500). With
 * types to strip, no wrapper is compiled anew. Compiled modules need none of it.
 */
function guardTypeStripping(moduleUrls: readonly string[]): void {
  // Elder engines do not know the flag, and say so on standard error.
  if (Number.parseInt(process.versions.v8, 10) < FLAG_SINCE_V8) return;
  if (moduleUrls.some((url) => /\.[mc]?ts$/.test(url))) setFlagsFromString("--wasm-wrapper-tiering-budget=1000000000");
}
