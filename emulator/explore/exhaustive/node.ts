import { SLOT_LIMIT } from "../kinds.ts";
import { Dependence } from "./dependence.ts";

/** Steps of the longest run that an exhaustive search follows. */
export const DEPTH_LIMIT = 768;
const WORDS = DEPTH_LIMIT / 32;

/** One step of the run that is being varied, and what is still to be tried in its place. */
export class Node {
  readonly enabled: Uint8Array = new Uint8Array(SLOT_LIMIT);
  enabledCount = 0;
  /** By slot. */
  readonly isEnabled: Uint8Array = new Uint8Array(SLOT_LIMIT);
  readonly isWanted: Uint8Array = new Uint8Array(SLOT_LIMIT);
  readonly isDone: Uint8Array = new Uint8Array(SLOT_LIMIT);
  /** Steps that were tried here or before, and that nothing since has made worth another try. */
  readonly isAsleep: Uint8Array = new Uint8Array(SLOT_LIMIT);
  /** What is taken now. */
  slot = -1;
  version = 0;
  versionCount = 1;
  /** What sleeps in the next node. */
  readonly passedOn: Uint8Array = new Uint8Array(SLOT_LIMIT);
  /** Preemptions before this step, and whether it is one. */
  preemptions = 0;
  cost = 0;
  /** Delays before this step, and whether it is one. */
  delays = 0;
  delayCost = 0;
  /** What the ordinary run would take. */
  ordinary = -1;
  /** The thread that ran last, when it could go on; otherwise -1. */
  current = -1;
  readonly dependence: Dependence = new Dependence();
  /** The step that published or sent this one; -1 for the beginning. */
  creator = -1;
  /** Steps that happen before this one, whatever the order of the rest: a bit each. */
  readonly before: Uint32Array = new Uint32Array(WORDS);

  clear(): void {
    this.isEnabled.fill(0);
    this.isWanted.fill(0);
    this.isDone.fill(0);
    this.isAsleep.fill(0);
    this.slot = -1;
    this.version = 0;
    this.versionCount = 1;
  }

  isAfter(step: number): boolean {
    return (((this.before[step >> 5] as number) >>> (step & 31)) & 1) === 1;
  }

  /** This step comes after step `index`, and after all that it comes after. */
  follow(index: number, step: Node): void {
    unite(this.before, step.before, index);
  }
}

export function unite(into: Uint32Array, from: Uint32Array, index: number): void {
  for (let word = 0; word < WORDS; word++) into[word] = (into[word] as number) | (from[word] as number);
  into[index >> 5] = (into[index >> 5] as number) | (1 << (index & 31));
}

export function newSet(): Uint32Array {
  return new Uint32Array(WORDS);
}

export function has(set: Uint32Array, step: number): boolean {
  return (((set[step >> 5] as number) >>> (step & 31)) & 1) === 1;
}
