import { Worker } from "node:worker_threads";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { AttachmentSpec } from "../../emulator/run/device-thread.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import type { MachineTables } from "../../emulator/run/machine.ts";
import { TestbedError } from "../../emulator/run/testbed-error.ts";
import { type ErrorData, errorFrom } from "../thread-error.ts";
import type { ThreadOutput } from "../thread-output.ts";
import type { TraceChannel } from "../trace/trace-log.ts";
import type { CardResult, ReplayBed } from "./replay-bed.ts";
import type { ReplayDriverArgument } from "./replay-sink.ts";
import type { ReplayerOptions } from "./replayer-options.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const WORKER = new URL(`./virtual.worker${EXTENSION}`, import.meta.url);

/** What the thread of a replay in virtual time is started with. Structured-cloneable. */
export interface VirtualBedData {
  readonly device: DeviceSpec;
  readonly tables: MachineTables;
  readonly replayer: ReplayerOptions;
  readonly trace: AttachmentSpec | undefined;
  /** What the driver is recorded into, where it is. */
  readonly driverTrace?: TraceChannel | undefined;
  readonly eventLogPath: string | undefined;
}

/** What runs in it. */
export interface VirtualRun {
  readonly driverUrl: string;
  readonly argument: ReplayDriverArgument;
}

/** What came of it. */
export interface VirtualResult {
  /** What the driver module returned. */
  readonly result: unknown;
  readonly card: CardResult;
  readonly findings: readonly Finding[];
}

/** What the thread answers with, once. */
export type VirtualAnswer = VirtualResult | { readonly error: ErrorData };

/**
 * Card and driver folded into one thread of their own, in virtual time. The thread is another one than the caller's
 * because a driver returns only when the replay is over, and somebody has to read the file and to notice that it is stuck.
 */
export class VirtualReplayBed implements ReplayBed {
  readonly #worker: Worker;
  #card: CardResult | undefined;
  #findings: readonly Finding[] = [];

  constructor(data: VirtualBedData) {
    this.#worker = new Worker(WORKER, { workerData: data, name: "softbar replay" });
  }

  get violations(): readonly Finding[] {
    return this.#findings.filter(({ kind }) => kind === "violation");
  }

  get notes(): readonly Finding[] {
    return this.#findings.filter(({ kind }) => kind === "note");
  }

  run(driverUrl: string, argument: ReplayDriverArgument): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#worker.on("message", (answer: VirtualAnswer | ThreadOutput) => {
        if ("stream" in answer) {
          process[answer.stream].write(answer.chunk);
          return;
        }
        if ("error" in answer) {
          reject(errorFrom(answer.error));
          return;
        }
        this.#card = answer.card;
        this.#findings = answer.findings;
        resolve(answer.result);
      });
      this.#worker.on("error", reject);
      this.#worker.on("exit", (code) => reject(new TestbedError(`the replay's thread ended with code ${code}`)));
      this.#worker.postMessage({ driverUrl, argument } satisfies VirtualRun);
    });
  }

  async cardResult(): Promise<CardResult> {
    if (this.#card === undefined)
      throw new TestbedError("the card was asked for its result before the replay was over");
    return this.#card;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
