import { FIRST_ENTRY_SLOT } from "./kinds.ts";
import type { ExplorerState } from "./state.ts";

/** Steps that a trace keeps: more than a person reads. */
const STEP_LIMIT = 4096;

/** What happened in one run, step by step, for pictures and explanations. */
export class StepTrace {
  isOn = false;
  count = 0;
  readonly actor: Uint8Array = new Uint8Array(STEP_LIMIT);
  readonly ordinal: Int32Array = new Int32Array(STEP_LIMIT);
  /** The operation of a thread, or what kind of thing was on its way. */
  readonly kind: Uint8Array = new Uint8Array(STEP_LIMIT);
  readonly address: Int32Array = new Int32Array(STEP_LIMIT);
  readonly byteLength: Uint8Array = new Uint8Array(STEP_LIMIT);
  /** What was written. */
  readonly value: Int32Array = new Int32Array(STEP_LIMIT);
  /** What came back, if anything did. */
  readonly result: Int32Array = new Int32Array(STEP_LIMIT);
  readonly versions: Uint8Array = new Uint8Array(STEP_LIMIT);
  /** The thread that something on its way belongs to, or -1. */
  readonly thread: Int8Array = new Int8Array(STEP_LIMIT);
  readonly operand: Int32Array = new Int32Array(STEP_LIMIT);

  clear(): void {
    this.count = 0;
  }

  step(state: ExplorerState, slot: number, actor: number, ordinal: number): void {
    if (!this.isOn || this.count === STEP_LIMIT) return;
    const at = this.count++;
    this.actor[at] = actor;
    this.ordinal[at] = ordinal;
    this.result[at] = 0;
    this.versions[at] = 0;
    if (slot < FIRST_ENTRY_SLOT) {
      this.kind[at] = state.kind[slot] as number;
      this.address[at] = state.address[slot] as number;
      this.byteLength[at] = state.byteLength[slot] as number;
      this.value[at] = state.low[slot] as number;
      this.operand[at] = state.operand[slot] as number;
      this.thread[at] = slot;
      return;
    }
    const entry = slot - FIRST_ENTRY_SLOT;
    const { flight } = state;
    this.kind[at] = flight.kind[entry] as number;
    this.address[at] = flight.address[entry] as number;
    this.byteLength[at] = flight.byteLength[entry] as number;
    this.value[at] = flight.low[entry] as number;
    this.operand[at] = flight.context[entry] as number;
    this.thread[at] = flight.thread[entry] as number;
  }

  /** The step that is under way read an older version. */
  version(version: number): void {
    if (this.isOn && this.count > 0) this.versions[this.count - 1] = version;
  }

  /** The step that is under way ended an operation of `thread`. */
  answer(thread: number, answer: number): void {
    if (!this.isOn || this.count === 0) return;
    const at = this.count - 1;
    if (this.thread[at] === thread) this.result[at] = answer;
  }
}
