import type { CheckedRecoveryOptions } from "./recovery-options.ts";

/** States of a slot. A missing message may be asked for when its time has come; an asked one is missing again after its time. */
export const MISSING = 0;
export const ASKED = 1;
export const PRESENT = 2;
/** Asked for in vain, often enough. It is still taken if it comes before its turn. */
export const GIVEN_UP = 3;

/**
 * The sequences from the next to be delivered on, one slot each, with the bytes of those that came before their turn.
 * Sequence n is slot n modulo the size. Plain memory; {@link GapRecovery} decides.
 */
export class MessageWindow {
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly messageByteLimit: number;
  readonly state: Uint8Array;
  /** Requests for it that were not answered. */
  readonly attempts: Uint8Array;
  /** MISSING: when it may be asked for. ASKED: when the answer is too late. */
  readonly dueNs: Float64Array;
  /** When it was found missing; -1 where it was not, or too far ahead for a slot then. */
  readonly foundNs: Float64Array;
  /** ASKED: the number of the request. */
  readonly requestNumber: Int32Array;
  readonly byteLength: Int32Array;
  readonly #mask: number;

  constructor({ windowMessages, messageByteLimit }: CheckedRecoveryOptions) {
    this.size = windowMessages;
    this.#mask = windowMessages - 1;
    this.messageByteLimit = messageByteLimit;
    this.bytes = new Uint8Array(windowMessages * messageByteLimit);
    this.state = new Uint8Array(windowMessages);
    this.attempts = new Uint8Array(windowMessages);
    this.dueNs = new Float64Array(windowMessages);
    this.foundNs = new Float64Array(windowMessages).fill(-1);
    this.requestNumber = new Int32Array(windowMessages);
    this.byteLength = new Int32Array(windowMessages);
  }

  /** The slot of sequence `sequences[at]`. ToInt32 takes integers below 2^53 modulo 2^32, so the mask is exact. */
  slotOf(sequences: Float64Array, at: number): number {
    return (sequences[at] as number) & this.#mask;
  }

  /** The slot `distance` behind `slot`. */
  after(slot: number, distance = 1): number {
    return (slot + distance) & this.#mask;
  }

  /** Keeps a message until its turn. It must not be longer than `messageByteLimit`. */
  keep(slot: number, bytes: Uint8Array, offset: number, byteLength: number): void {
    const start = slot * this.messageByteLimit;
    for (let at = 0; at < byteLength; at++) this.bytes[start + at] = bytes[offset + at] as number;
    this.byteLength[slot] = byteLength;
    this.state[slot] = PRESENT;
  }

  /** Makes the slot ready for the sequence that comes a window later, which may be asked for at once. */
  forget(slot: number): void {
    this.state[slot] = MISSING;
    this.attempts[slot] = 0;
    this.dueNs[slot] = 0;
    this.foundNs[slot] = -1;
  }
}
