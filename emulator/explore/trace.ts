import { DMA_FETCH, FIRST_ENTRY_SLOT, THREAD_LIMIT } from "./kinds.ts";
import type { ExplorerState } from "./state.ts";

/** Steps that a trace keeps unless more are asked for: more than a person reads. */
const STEP_LIMIT = 4096;

/** What happened in one run, step by step, for pictures, explanations and other programs. */
export class StepTrace {
  isOn = false;
  count = 0;
  /** Steps of the run, those beyond the limit too. */
  seenCount = 0;
  actor: Uint8Array = new Uint8Array(STEP_LIMIT);
  ordinal: Int32Array = new Int32Array(STEP_LIMIT);
  /** The operation of a thread, or what kind of thing was on its way. */
  kind: Uint8Array = new Uint8Array(STEP_LIMIT);
  address: Int32Array = new Int32Array(STEP_LIMIT);
  byteLength: Int32Array = new Int32Array(STEP_LIMIT);
  /** What was written. */
  value: Int32Array = new Int32Array(STEP_LIMIT);
  /** What came back, if anything did. */
  result: Int32Array = new Int32Array(STEP_LIMIT);
  versions: Uint8Array = new Uint8Array(STEP_LIMIT);
  /** The thread that something on its way belongs to, or -1. */
  thread: Int8Array = new Int8Array(STEP_LIMIT);
  operand: Int32Array = new Int32Array(STEP_LIMIT);
  /** High words of {@link value} and {@link result}, for accesses of 8 bytes. */
  valueHigh: Int32Array = new Int32Array(STEP_LIMIT);
  resultHigh: Int32Array = new Int32Array(STEP_LIMIT);
  /** The step in which something was sent on its way, or -1. */
  cause: Int32Array = new Int32Array(STEP_LIMIT);
  /** Virtual time before the step. */
  timeNs: Float64Array = new Float64Array(STEP_LIMIT);
  /** The line of the driver behind step `ordinal` of an actor. Set by whoever has noted them; empty where none is known. */
  lineOf: (actor: number, ordinal: number) => string = () => "";
  #limit = STEP_LIMIT;

  /** Makes room for so many steps. What was there is gone. */
  resize(limit: number): void {
    this.#limit = limit;
    this.actor = new Uint8Array(limit);
    this.ordinal = new Int32Array(limit);
    this.kind = new Uint8Array(limit);
    this.address = new Int32Array(limit);
    this.byteLength = new Int32Array(limit);
    this.value = new Int32Array(limit);
    this.result = new Int32Array(limit);
    this.versions = new Uint8Array(limit);
    this.thread = new Int8Array(limit);
    this.operand = new Int32Array(limit);
    this.valueHigh = new Int32Array(limit);
    this.resultHigh = new Int32Array(limit);
    this.cause = new Int32Array(limit);
    this.timeNs = new Float64Array(limit);
    this.clear();
  }

  clear(): void {
    this.count = 0;
    this.seenCount = 0;
  }

  step(state: ExplorerState, slot: number, actor: number, ordinal: number): void {
    if (!this.isOn) return;
    this.seenCount++;
    if (this.count === this.#limit) {
      state.flight.step = -1;
      return;
    }
    const at = this.count++;
    const { flight } = state;
    flight.step = at;
    this.actor[at] = actor;
    this.ordinal[at] = ordinal;
    this.result[at] = 0;
    this.resultHigh[at] = 0;
    this.versions[at] = 0;
    this.timeNs[at] = state.nowNs;
    if (slot < FIRST_ENTRY_SLOT) {
      this.kind[at] = state.kind[slot] as number;
      this.address[at] = state.address[slot] as number;
      this.byteLength[at] = state.byteLength[slot] as number;
      this.value[at] = state.low[slot] as number;
      this.valueHigh[at] = state.high[slot] as number;
      this.operand[at] = state.operand[slot] as number;
      this.thread[at] = slot;
      this.cause[at] = -1;
      return;
    }
    const entry = slot - FIRST_ENTRY_SLOT;
    this.kind[at] = flight.kind[entry] as number;
    this.address[at] = flight.address[entry] as number;
    this.byteLength[at] = flight.byteLength[entry] as number;
    this.value[at] = flight.low[entry] as number;
    this.valueHigh[at] = flight.high[entry] as number;
    this.operand[at] = flight.context[entry] as number;
    this.thread[at] = flight.thread[entry] as number;
    this.cause[at] = flight.origin[entry] as number;
  }

  /** Whether the step that is under way is in the trace. */
  get #isKept(): boolean {
    return this.isOn && this.count > 0 && this.seenCount === this.count;
  }

  /** The step that is under way read an older version. */
  version(version: number): void {
    if (this.#isKept) this.versions[this.count - 1] = version;
  }

  /** The step that is under way brings a device a word of memory. */
  fetched(word: number): void {
    if (this.#isKept) this.result[this.count - 1] = word;
  }

  /** The step that is under way ended an operation of `thread`. */
  answer(thread: number, answer: number, high: number): void {
    if (!this.#isKept) return;
    const at = this.count - 1;
    if (this.thread[at] !== thread) return;
    // A device that fetches several words goes on with the first; the step has brought its own.
    if (this.kind[at] === DMA_FETCH && (this.actor[at] as number) >= THREAD_LIMIT) return;
    this.result[at] = answer;
    this.resultHigh[at] = high;
  }
}
