import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { AttachmentSpec } from "../../emulator/run/device-thread.ts";
import {
  clockFor,
  type DeviceWrapper,
  type LoadedDevice,
  type Machine,
  type MachineTables,
} from "../../emulator/run/machine.ts";
import { RunTrace } from "./run-trace.ts";
import type { TraceEnd } from "./trace-header.ts";
import { type TraceChannel, TraceLog } from "./trace-log.ts";
import { detailOf, type TraceOptions } from "./trace-options.ts";
import { TraceRecorder } from "./trace-recorder.ts";
import { tracedFunctions } from "./traced-function.ts";
import { noteFindings, tracedDevice } from "./tracer.ts";

const DRAIN_INTERVAL_MS = 5;

/** The tracing of one testbed: what its threads get to record into, and who takes it away. */
export class TestbedTracing {
  readonly trace: RunTrace;
  readonly #recorder: TraceRecorder;
  readonly #tables: MachineTables;
  #folded: TraceLog | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @throws RangeError for options that make no sense, and what the file system throws for a file. */
  constructor(
    devices: readonly LoadedDevice[],
    tables: MachineTables,
    run: "threaded" | "folded",
    options: TraceOptions,
  ) {
    const detail = detailOf(options);
    this.trace = new RunTrace(options, () => this.#recorder);
    this.#tables = tables;
    const title = options.title ?? tables.functions.map(({ declaration }) => declaration.name).join(", ");
    const { ringBytes } = options;
    this.#recorder = new TraceRecorder(
      devices,
      tables,
      { run, title, detail, waits: false, ...(ringBytes === undefined ? {} : { ringBytes }) },
      this.trace.take,
    );
  }

  /** For the device thread; from now on what is recorded is taken away while this thread's event loop turns. */
  attachment(): AttachmentSpec {
    this.#timer ??= setInterval(() => this.#recorder.drain(), DRAIN_INTERVAL_MS).unref();
    return this.#recorder.attachment();
  }

  /** For a driver in a thread of its own. */
  channel(): TraceChannel {
    return this.#recorder.channel();
  }

  /** Functions of a driver in this thread, which takes away what there is when it has gone on for a while. */
  functions(functions: readonly PciFunction[]): PciFunction[] {
    const log = this.#folded ?? new TraceLog(this.#recorder.channel(), clockFor(this.#tables));
    log.ring.relieve = () => this.#recorder.drain() > 0;
    log.aside = () => void this.#recorder.drain();
    return tracedFunctions(functions, log);
  }

  /** For devices in this thread. */
  readonly wrap: DeviceWrapper = (endpoint) => {
    this.#folded ??= new TraceLog(this.#recorder.channel(), endpoint.clock);
    const log = this.#folded;
    log.ring.relieve = () => this.#recorder.drain() > 0;
    const traced = tracedDevice(endpoint, log, this.#wrappedCount++);
    return { port: traced.port(endpoint), model: (model) => traced.model(model) };
  };
  #wrappedCount = 0;

  /** The devices in this thread are plugged in. */
  plugged(machine: Machine): void {
    const log = this.#folded;
    if (log !== undefined) noteFindings(machine.endpoints, () => log);
  }

  /** All threads have ended. Safe to call twice. */
  end(reason: TraceEnd["reason"], message: string): void {
    clearInterval(this.#timer);
    this.#recorder.end(reason, message);
  }
}
