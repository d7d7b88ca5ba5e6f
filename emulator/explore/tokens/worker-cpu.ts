import type { AccessPort } from "../access-port.ts";
import { Cpu } from "../cpu.ts";
import { ExplorerState, type Pending } from "../state.ts";
import {
  ADDRESS,
  ANSWER,
  ANSWER_HIGH,
  ASK,
  BYTE_LENGTH,
  COMMAND,
  ENGINE,
  GO_ON,
  HANDLE,
  HANDLED,
  HIGH,
  INTERRUPTS,
  KIND,
  LIMIT_NS,
  LOW,
  NO,
  NOW_NS,
  OPERAND,
  OUTCOME_MASK,
  OUTCOMES,
  PENDING,
  REPORT,
  THREAD,
  TIMED_OUT,
  type TokenPage,
  WORKER,
  YES,
} from "./token-page.ts";

/** A token comes back within the run, or with the next one, or the thread is stopped: a wait that is over begins again. */
const SLICE_MS = 60_000;

/** An assertion of a program in a worker that does not hold. */
export class BrokenAssertion extends Error {
  override readonly name = "BrokenAssertion";
}

/** Thrown at every access once the run is over. */
export const RUN_IS_OVER: Error = new Error("the explored run was stopped");

/**
 * The CPU of a program that runs in a worker, as the program sees it: like {@link PlainCpu}, so that the same function
 * runs in either. Nothing is accessed here: an access is published, and the token passes to the engine until its turn.
 */
export class WorkerCpu implements AccessPort {
  /** Publishes operations of this CPU; each must be passed to {@link await} at once. */
  readonly access: Cpu;
  /** Runs the handlers of this CPU; set by whoever has any. */
  onInterrupt: (() => void) | undefined;
  /** What the CPU does about interrupts just now, as the token page has it; set by whoever has handlers. */
  interruptsNow: () => number = () => 0;
  /** What is published is published here first. Belongs to this CPU from run to run. */
  readonly state: ExplorerState;
  readonly #page: TokenPage;
  readonly #thread: number;
  #isOver = false;

  constructor(page: TokenPage, state: ExplorerState) {
    this.#page = page;
    this.state = state;
    this.#thread = page.words[THREAD] as number;
    state.nowNs = page.numbers[NOW_NS] as number;
    this.access = new Cpu(state, this.#thread);
  }

  /** State for {@link WorkerCpu}: what a CPU asks for, and nothing that it could reach. */
  static createState(): ExplorerState {
    return new ExplorerState(new Uint8Array(0), 0, 8);
  }

  /** Number of this CPU's program among the actors. */
  get thread(): number {
    return this.#thread;
  }

  /** Lets the published operation happen, and returns its answer. Throws when the run ends before. */
  await(_published: Pending): number {
    return this.schedulingPoint(this.#thread);
  }

  /** The same by number: of the program, or of its handler. */
  schedulingPoint(thread: number): number {
    return this.pass(this.state, thread);
  }

  /** The same for an operation that is published in another state than this CPU's own. */
  pass(state: ExplorerState, thread: number): number {
    if (this.#isOver) throw RUN_IS_OVER;
    const { words, numbers } = this.#page;
    words[KIND] = state.kind[thread] as number;
    words[ADDRESS] = state.address[thread] as number;
    words[BYTE_LENGTH] = state.byteLength[thread] as number;
    words[LOW] = state.low[thread] as number;
    words[HIGH] = state.high[thread] as number;
    words[OPERAND] = state.operand[thread] as number;
    numbers[LIMIT_NS] = state.limitNs[thread] as number;
    words[INTERRUPTS] = this.interruptsNow();
    this.#report(PENDING);
    while (words[COMMAND] === ASK || words[COMMAND] === HANDLE) {
      if (words[COMMAND] === ASK) this.#report(state.predicates[thread]?.(words[ANSWER] as number) === true ? YES : NO);
      else this.#handle();
    }
    if (words[COMMAND] !== GO_ON) {
      this.#isOver = true;
      throw RUN_IS_OVER;
    }
    state.nowNs = numbers[NOW_NS] as number;
    state.answerHigh[thread] = words[ANSWER_HIGH] as number;
    state.timedOut[thread] = words[TIMED_OUT] as number;
    return words[ANSWER] as number;
  }

  /** Others may have a turn in between here: it is a step of its own, as every access is that passes the token. */
  atOnce(thread: number): number {
    return this.schedulingPoint(thread);
  }

  /** Notes what the program has seen, for the check at the end: {@link Machine.outcome}. */
  note(index: number, value: number): void {
    const { words } = this.#page;
    words[OUTCOMES + index] = value;
    words[OUTCOME_MASK] = (words[OUTCOME_MASK] as number) | (1 << index);
  }

  /** Ends the run as a violation unless `holds`. `what` says what went wrong. */
  assert(holds: boolean, what: string): void {
    if (!holds) throw new BrokenAssertion(what);
  }

  /** On top of an operation that waits for its turn; the handler's own operations pass the token meanwhile. */
  #handle(): void {
    this.state.nowNs = this.#page.numbers[NOW_NS] as number;
    this.onInterrupt?.();
    this.#page.words[INTERRUPTS] = this.interruptsNow();
    this.#report(HANDLED);
  }

  #report(report: number): void {
    this.#page.words[REPORT] = report;
    this.#page.handTo(ENGINE);
    while (!this.#page.waitFor(WORKER, SLICE_MS)) {
      // The engine is between two runs, or somebody stands in a debugger.
    }
  }
}
