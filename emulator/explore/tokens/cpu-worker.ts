import { Worker } from "node:worker_threads";
import { limitUnderDebugger } from "../../run/debugger.ts";
import { TestbedError } from "../../run/testbed-error.ts";
import { ABORT, type CpuName, type Machine } from "../machine.ts";
import type { ExplorerState, Steps } from "../state.ts";
import {
  ADDRESS,
  ANSWER,
  ANSWER_HIGH,
  ASK,
  BROKEN,
  BYTE_LENGTH,
  COMMAND,
  ENGINE,
  GO_ON,
  GONE,
  HANDLE,
  HANDLED,
  HANDLES,
  HIGH,
  HOLDS,
  IDLE,
  INTERRUPTS,
  IS_BEHIND,
  KIND,
  LEAVE,
  LIMIT_NS,
  LOW,
  NOT_LOADED,
  NOW_NS,
  OPERAND,
  OUTCOME_MASK,
  OUTCOMES,
  PENDING,
  REPORT,
  RETURNED,
  RUN,
  TEXT_BYTES_MAX,
  THREAD,
  TIMED_OUT,
  TOOK,
  TokenPage,
  WORKER,
  YES,
} from "./token-page.ts";

/** Compiled, the worker's file ends in `.js`. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf("."));
const CPU_WORKER = new URL(`./cpu.worker${EXTENSION}`, import.meta.url);
/** A thread starts in some 50 ms; a busy machine may need a hundred times that. */
const START_LIMIT_MS = 10_000;
const ANSWER_LIMIT_MS = 1000;

/** What the engine wants to know of an actor. */
type Answered = { readonly done: boolean; readonly value: 0 | undefined };

const IS_PENDING = { done: false, value: 0 } as const;
const HAS_RETURNED = { done: true, value: undefined } as const;

/** What {@link CpuWorker} hands to its thread. */
export interface CpuWorkerData {
  readonly buffer: SharedArrayBuffer;
  readonly moduleUrl: string;
  readonly exportName: string;
  readonly argument: unknown;
  readonly wrapper: CpuWrapper | undefined;
}

/** What makes a program of a function that knows nothing of the explorer. Structured-cloneable. */
export interface CpuWrapper {
  /** Module whose default export takes the function and `data`, and returns the program. */
  readonly moduleUrl: string;
  readonly data: unknown;
}

export interface CpuWorkerOptions {
  /** Which export of the module is the program. */
  readonly exportName?: string;
  /** Passed to the program behind its CPU. Data that can be cloned. */
  readonly argument?: unknown;
  /** How long the program may go without an access before its thread is stopped. */
  readonly answerLimitMs?: number;
  readonly wrapper?: CpuWrapper;
}

/** The interrupts of a CPU in a worker: its vector, and the actor that its handler is. */
export interface RemoteHandler {
  readonly vector: number;
  readonly thread: number;
}

/**
 * A CPU whose program is a plain synchronous function in a thread of its own: several of them can stand half way, where
 * in one thread only one can. The threads never run at the same time. Each publishes its next operation and waits; the
 * engine, in the thread that searches, chooses and carries out, and hands the token to the one whose operation it was.
 * To the engine such a CPU is an actor like a generator: the same program is the same run in either form.
 *
 * ```ts
 * // consumer.ts: export default function (cpu: WorkerCpu, { flag }: Layout): void { cpu.await(cpu.access.read32(flag)); }
 * await using consumer = await CpuWorker.start(new URL("./consumer.ts", import.meta.url), { argument: { flag } });
 * consumer.join(machine, "consumer");
 * ```
 */
export class CpuWorker implements Steps {
  /** Threads that had to be stopped because their program did not come back. */
  stoppedCount = 0;
  /** How long its program may go without an access. */
  answerLimitMs: number;
  readonly #moduleUrl: string;
  readonly #options: CpuWorkerOptions;
  readonly #endings: Promise<unknown>[] = [];
  #page = new TokenPage();
  #worker: Worker | undefined;
  #machine: Machine | undefined;
  #name = "";
  #thread = -1;
  /** The program has begun, and has not returned. */
  #isInside = false;
  #handler: RemoteHandler | undefined;
  #argumentText = "";
  /** The last value that the predicate of the pending poll was asked about, and what it said. */
  #askedValue = 0;
  #askedAnswer: boolean | undefined;

  private constructor(moduleUrl: string, options: CpuWorkerOptions) {
    this.#moduleUrl = moduleUrl;
    this.#options = options;
    this.answerLimitMs = options.answerLimitMs ?? ANSWER_LIMIT_MS;
  }

  /** Starts the thread and loads its program. Rejects when the module cannot be loaded. */
  static async start(module: URL | string, options: CpuWorkerOptions = {}): Promise<CpuWorker> {
    const cpu = new CpuWorker(String(module), options);
    try {
      cpu.#spawn();
    } catch (error) {
      await cpu.close();
      throw error;
    }
    return cpu;
  }

  /** The same, but the thread starts with the first run, which throws if the module cannot be loaded. */
  static prepare(module: URL | string, options: CpuWorkerOptions = {}): CpuWorker {
    return new CpuWorker(String(module), options);
  }

  /** Makes it a CPU of a program, of one only. */
  join(machine: Machine, name: string): CpuName {
    this.#joins(machine, name);
    return machine.remoteCpu(name, (thread) => this.#begin(thread), this.#options.wrapper !== undefined);
  }

  /** Lets its program have a handler for interrupts of `vector`, which runs on top of the program's own operations. */
  joinHandler(machine: Machine, cpu: CpuName, vector: number, name: string): RemoteHandler {
    const thread = machine.remoteHandler(vector, cpu, name, () => new HandlerSteps((answer) => this.#onTop(answer)));
    this.#handler = { vector, thread };
    return this.#handler;
  }

  /** What the program is handed in the next runs instead of its argument. Throws RangeError when it does not fit the page. */
  set argument(argument: unknown) {
    const text = JSON.stringify(argument) ?? "";
    if (text.length > TEXT_BYTES_MAX || /[^\x20-\x7e]/.test(text))
      throw new RangeError(
        `the argument of ${this.#name} is ${text.length} characters of JSON: want at most ${TEXT_BYTES_MAX}, of ASCII. Put the rest into a DMA buffer and hand its IOVA over.`,
      );
    this.#argumentText = text;
  }

  /** Lets the program leave the run that it is in: before anything that it has in its hands is set back. */
  leave(): void {
    if (this.#worker !== undefined && this.#isInside && !this.#tryCommand(LEAVE)) this.#giveUp();
    this.#isInside = false;
  }

  /** Lets it run what a CPU of the program runs already: the same program in the other form. */
  take(machine: Machine, thread: number, name: string): void {
    this.#joins(machine, name);
    machine.setBody(thread, () => this.#begin(thread));
  }

  #joins(machine: Machine, name: string): void {
    if (this.#machine !== undefined) throw new TestbedError(`${name} is a CPU of another program already`);
    this.#machine = machine;
    this.#name = name;
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    this.#stop();
    await Promise.all(this.#endings);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For the engine: the operation that was published has this answer. Returns when the next one is published. */
  next(answer: number): Answered {
    const { words, numbers } = this.#page;
    const { state } = this.#machine as Machine;
    const thread = this.#thread;
    words[ANSWER] = answer;
    words[ANSWER_HIGH] = state.answerHigh[thread] as number;
    words[TIMED_OUT] = state.timedOut[thread] as number;
    numbers[NOW_NS] = state.nowNs;
    // The first call starts the program.
    if (!this.#isInside) this.#page.text = this.#argumentText;
    this.#command(this.#isInside ? GO_ON : RUN);
    this.#isInside = true;
    return this.#heard(thread);
  }

  /** The same for its handler, which runs on top of a published operation of the program. */
  #onTop(answer: number | undefined): Answered {
    const { words } = this.#page;
    const { state } = this.#machine as Machine;
    const { thread } = this.#handler as RemoteHandler;
    if (answer !== undefined) {
      words[ANSWER] = answer;
      words[ANSWER_HIGH] = state.answerHigh[thread] as number;
      words[TIMED_OUT] = state.timedOut[thread] as number;
    }
    this.#page.numbers[NOW_NS] = state.nowNs;
    this.#command(answer === undefined ? HANDLE : GO_ON);
    return this.#heard(thread);
  }

  /** What the program, or its handler, has done since: the next operation, or its end. */
  #heard(thread: number): Answered {
    const { words, numbers } = this.#page;
    const { state } = this.#machine as Machine;
    this.#takeOutcomes();
    if (words[REPORT] === PENDING) {
      state.publish(
        thread,
        words[KIND] as number,
        words[ADDRESS] as number,
        words[BYTE_LENGTH] as number,
        words[LOW] as number,
        words[HIGH] as number,
      );
      state.operand[thread] = words[OPERAND] as number;
      state.limitNs[thread] = numbers[LIMIT_NS] as number;
      state.predicates[thread] = this.#ask;
      this.#askedAnswer = undefined;
      this.#takeInterrupts(state);
      return IS_PENDING;
    }
    if (words[REPORT] === HANDLED) {
      this.#takeInterrupts(state);
      return HAS_RETURNED;
    }
    this.#isInside = false;
    // A CPU whose program has returned handles nothing any more.
    words[INTERRUPTS] = 0;
    this.#takeInterrupts(state);
    if (words[REPORT] === RETURNED) return HAS_RETURNED;
    const { text } = this.#page;
    if (words[REPORT] === BROKEN) {
      (this.#machine as Machine).violation = text;
      throw ABORT;
    }
    if (words[REPORT] === GONE) {
      this.#stop();
      throw new TestbedError(`${this.#name}: ${text}`);
    }
    throw errorOf(text);
  }

  /** What the CPU has done about its interrupts since its last operation holds from this one on. */
  #takeInterrupts(state: ExplorerState): void {
    if (this.#handler === undefined) return;
    const { vector, thread } = this.#handler;
    const what = this.#page.words[INTERRUPTS] as number;
    const cpu = state.cpuOf[thread] as number;
    state.races?.heard(cpu, vector, what);
    state.irqHeld[cpu] = (what & HOLDS) === 0 ? 0 : 1;
    if ((what & TOOK) !== 0) state.floors.raise(cpu, state.timeline.tick);
    const isHandled = (what & HANDLES) !== 0;
    state.handlerOf[vector] = isHandled ? thread : -1;
    if (!isHandled) state.cancelInterrupt(vector);
    else if ((what & IS_BEHIND) !== 0) state.interrupt(vector);
  }

  /** A poll's predicate lives in the other thread. A value is asked about once. */
  readonly #ask = (value: number): boolean => {
    if (this.#askedAnswer !== undefined && this.#askedValue === value) return this.#askedAnswer;
    this.#page.words[ANSWER] = value;
    this.#command(ASK);
    const answer = this.#page.words[REPORT] === YES;
    this.#page.words[REPORT] = PENDING;
    this.#askedValue = value;
    this.#askedAnswer = answer;
    return answer;
  };

  /** A run begins: what is left of the one before it is left. */
  #begin(thread: number): Steps {
    this.leave();
    if (this.#worker === undefined) this.#spawn();
    const { words } = this.#page;
    words[REPORT] = IDLE;
    words[OUTCOME_MASK] = 0;
    words[THREAD] = thread;
    this.#thread = thread;
    return this;
  }

  /** Hands the token over and waits until it comes back. Throws when it does not: the thread is stopped then. */
  #command(command: number): void {
    if (this.#worker !== undefined && this.#tryCommand(command)) return;
    this.#giveUp();
    throw new TestbedError(
      `${this.#name} has made no access for ${this.answerLimitMs} ms, so its thread was stopped: a loop without an access or relax() never lets anybody else go on`,
    );
  }

  #tryCommand(command: number): boolean {
    this.#page.words[COMMAND] = command;
    this.#page.handTo(WORKER);
    return this.#page.waitFor(ENGINE, limitUnderDebugger(this.answerLimitMs));
  }

  #takeOutcomes(): void {
    const { words } = this.#page;
    const { outcome } = this.#machine as Machine;
    const mask = words[OUTCOME_MASK] as number;
    if (mask === 0) return;
    words[OUTCOME_MASK] = 0;
    for (let index = 0; index < outcome.length; index++)
      if ((mask & (1 << index)) !== 0) outcome[index] = words[OUTCOMES + index] as number;
  }

  /** Starts a thread and waits until its program is loaded; this needs nothing of the event loop here. */
  #spawn(): void {
    // A page of its own: the thread before it may still be writing to the other one.
    this.#page = new TokenPage();
    this.#page.handTo(WORKER);
    const { exportName = "default", argument } = this.#options;
    const { wrapper } = this.#options;
    const data: CpuWorkerData = {
      buffer: this.#page.buffer,
      moduleUrl: this.#moduleUrl,
      exportName,
      argument,
      wrapper,
    };
    const worker = new Worker(CPU_WORKER, { workerData: data, name: "softbar explored CPU" });
    worker.unref();
    // What goes wrong in the thread is heard on the page.
    worker.on("error", () => {});
    this.#worker = worker;
    const hasAnswered = this.#page.waitFor(ENGINE, limitUnderDebugger(START_LIMIT_MS));
    if (hasAnswered && this.#page.words[REPORT] === IDLE) return;
    const why = hasAnswered ? this.#page.text : `its thread has not started within ${START_LIMIT_MS} ms`;
    const what = this.#page.words[REPORT] === NOT_LOADED ? "cannot be loaded" : "cannot be run";
    this.#stop();
    throw new TestbedError(`${this.#moduleUrl} ${what} as the program of a CPU: ${why}`);
  }

  #giveUp(): void {
    this.stoppedCount++;
    this.#stop();
  }

  #stop(): void {
    if (this.#worker === undefined) return;
    this.#endings.push(this.#worker.terminate());
    this.#worker = undefined;
  }
}

/** A handler in a worker, from when its interrupt is taken until it returns. */
class HandlerSteps implements Steps {
  #hasBegun = false;
  readonly #onTop: (answer: number | undefined) => Answered;

  constructor(onTop: (answer: number | undefined) => Answered) {
    this.#onTop = onTop;
  }

  next(answer: number): Answered {
    const isFirst = !this.#hasBegun;
    this.#hasBegun = true;
    return this.#onTop(isFirst ? undefined : answer);
  }
}

/** What the program threw, as if it had been thrown here. */
function errorOf(text: string): Error {
  const colon = text.indexOf(": ");
  const error = new Error(text.slice(colon + 2));
  if (colon > 0) error.name = text.slice(0, colon);
  return error;
}
