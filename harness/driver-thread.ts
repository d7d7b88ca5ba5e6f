import { Worker } from "node:worker_threads";
import type { CpuHandle } from "../emulator/run/cpu-handle.ts";
import { limitUnderDebugger } from "../emulator/run/debugger.ts";
import type { Finding } from "../emulator/run/findings.ts";
import { TestbedError } from "../emulator/run/testbed-error.ts";
import { type ErrorData, errorFrom } from "./thread-error.ts";
import type { ThreadOutput } from "./thread-output.ts";
import type { TraceChannel } from "./trace/trace-log.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const DRIVER_WORKER = new URL(`./driver.worker${EXTENSION}`, import.meta.url);

/** How long a driver that spins may take to notice that its device is gone before its thread is stopped. */
const NOTICE_LIMIT_MS = 80;

/** What a driver thread is started with. Structured-cloneable, but for the port of the handle, which is transferred. */
export interface DriverThreadData {
  readonly handle: CpuHandle;
  readonly moduleUrl: string;
  readonly argument: unknown;
  /** What the driver is recorded into, where it is. */
  readonly trace: TraceChannel | undefined;
}

/** What a driver thread says in between: a rule that its driver broke, as its own side has found. */
export interface DriverThreadFinding {
  readonly finding: Finding;
}

/** What a driver thread answers with, once. */
export type DriverThreadAnswer = { readonly result: unknown } | { readonly error: ErrorData };

/** A worker thread that is one CPU and runs one driver module. */
export class DriverThread {
  /** Settles once: with the module's result, its error, or the end of its thread. */
  readonly result: Promise<unknown>;
  /** Resolves when its thread is no more. */
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #onFinding: (finding: Finding) => void;
  #reject: (error: Error) => void = () => {};

  constructor(data: DriverThreadData, onFinding: (finding: Finding) => void) {
    this.#onFinding = onFinding;
    this.#worker = new Worker(DRIVER_WORKER, {
      workerData: data,
      transferList: [data.handle.port],
      name: `softbar CPU ${data.handle.cpuIndex}`,
    });
    this.ended = new Promise((resolve) => this.#worker.once("exit", () => resolve()));
    this.result = this.#watch(data);
    // Somebody else may be the first to look at the result; until then it is not unhandled.
    this.result.catch(() => {});
  }

  /** The device died: the driver hears it at its next access; one that makes none is stopped. */
  deviceIsGone(error: Error): void {
    const limitMs = limitUnderDebugger(NOTICE_LIMIT_MS);
    // Whoever stands in a debugger is not stopped under his hands; he hears of it at the next access.
    if (limitMs === Number.POSITIVE_INFINITY) return;
    setTimeout(() => {
      this.#reject(error);
      void this.#worker.terminate();
    }, limitMs).unref();
  }

  /** Ends the thread; a pending result rejects with the reason. */
  async stop(reason: string): Promise<void> {
    this.#reject(new TestbedError(`the driver on this CPU was stopped: ${reason}`));
    await this.#worker.terminate();
  }

  #watch(data: DriverThreadData): Promise<unknown> {
    const cpu = `CPU ${data.handle.cpuIndex} (${data.moduleUrl})`;
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#worker.on("message", (answer: DriverThreadAnswer | DriverThreadFinding | ThreadOutput) => {
        if ("stream" in answer) {
          process[answer.stream].write(answer.chunk);
          return;
        }
        if ("finding" in answer) {
          this.#onFinding(answer.finding);
          return;
        }
        if ("result" in answer) resolve(answer.result);
        else reject(errorFrom(answer.error));
        void this.#worker.terminate();
      });
      this.#worker.on("error", (error: Error) => reject(error));
      this.#worker.on("exit", (code: number) => {
        reject(new TestbedError(`${cpu} ended with code ${code} without a result`));
      });
    });
  }
}
