import type { Clock } from "../../clock/clock.ts";
import { ASKED, GIVEN_UP, type MessageWindow, MISSING, PRESENT } from "./message-window.ts";
import type { CheckedRecoveryOptions } from "./recovery-options.ts";

/** Whom missing messages are asked of. */
export interface RequestPort {
  /** Asks for the sequences [range[0], range[1]). False when it cannot at the moment; it is tried again. */
  request(range: Float64Array): boolean;
}

/** Places in the marks that a {@link GapRecovery} shares with its schedule. */
export const NEXT = 0;
export const KNOWN = 1;

/** Requests whose range is remembered, so that a partial answer can be told: a power of two. */
const RECENT_REQUESTS = 256;
/** A port that could not send is tried again after this. */
const PORT_RETRY_NS = 1000;

/** What is asked for, and when: the sequences of a window that are missing, each with its time. */
export class RequestSchedule {
  /** [0]: when {@link ask} or {@link expire} has something to do; Infinity when nothing is missing. */
  readonly due: Float64Array = new Float64Array([Number.POSITIVE_INFINITY]);
  /** Messages in one request at most. A server that wants fewer may have this lowered. */
  requestMessageLimit: number;
  /** There is nobody to ask any more: what is missing is given up when it would be asked for. What is under way may come. */
  isHopeless = false;
  /** Messages under way. */
  askedCount = 0;
  requests = 0;
  requestedMessages = 0;
  unansweredRequests = 0;
  partialAnswers = 0;
  readonly #options: CheckedRecoveryOptions;
  readonly #clock: Clock;
  readonly #port: RequestPort;
  readonly #window: MessageWindow;
  readonly #marks: Float64Array;
  readonly #asked = new Float64Array(2);
  // By request number: its first sequence, and the one behind its last.
  readonly #recentFirst = new Float64Array(RECENT_REQUESTS);
  readonly #recentEnd = new Float64Array(RECENT_REQUESTS);
  // [0]: when the next request may go out.
  readonly #quietUntil = new Float64Array(1);
  /** Something is due that had to wait for answers to other requests. */
  #isHeldBack = false;

  constructor(
    clock: Clock,
    port: RequestPort,
    options: CheckedRecoveryOptions,
    window: MessageWindow,
    marks: Float64Array,
  ) {
    this.#clock = clock;
    this.#port = port;
    this.#options = options;
    this.#window = window;
    this.#marks = marks;
    this.requestMessageLimit = options.requestMessageLimit;
  }

  /** Sequences from the next one on that are known to exist and have a slot. */
  openLength(): number {
    return Math.min((this.#marks[KNOWN] as number) - (this.#marks[NEXT] as number), this.#window.size);
  }

  /** There is something to do now. */
  wake(): void {
    const now = this.#clock.now[0] as number;
    if (now < (this.due[0] as number)) this.due[0] = now;
  }

  /** What was asked for in `slot` has come, from wherever. */
  arrived(slot: number): void {
    if (this.#window.state[slot] !== ASKED) return;
    this.askedCount--;
    if (this.#isHeldBack) this.wake();
  }

  /**
   * An answer has come with the messages of `range` alone: what its request wanted behind them is missing again, and due.
   * No attempt is counted: it was not in vain.
   */
  answered(range: Float64Array): void {
    const first = range[0] as number;
    const end = range[1] as number;
    const request = this.#requestFrom(first);
    if (request < 0 || end <= first) return;
    const { state, dueNs, requestNumber } = this.#window;
    const asked = this.#asked;
    asked[0] = Math.max(end, this.#marks[NEXT] as number);
    asked[1] = this.#recentEnd[request & (RECENT_REQUESTS - 1)] as number;
    let restCount = 0;
    let slot = this.#window.slotOf(asked, 0);
    for (let left = (asked[1] as number) - (asked[0] as number); left > 0; left--) {
      if (state[slot] === ASKED && requestNumber[slot] === request) {
        state[slot] = MISSING;
        dueNs[slot] = this.#clock.now[0] as number;
        restCount++;
      }
      slot = this.#window.after(slot);
    }
    if (restCount === 0) return;
    this.askedCount -= restCount;
    this.partialAnswers++;
    this.wake();
  }

  /** What of `range` has not come is given up. */
  giveUp(range: Float64Array): void {
    const { state } = this.#window;
    let slot = this.#firstOpen(range);
    for (let left = this.#openCount(range); left > 0; left--) {
      if (state[slot] === ASKED) this.askedCount--;
      if (state[slot] !== PRESENT) state[slot] = GIVEN_UP;
      slot = this.#window.after(slot);
    }
  }

  /** What of `range` is under way is missing again, and due `delayNs` later, or after its back-off when that is longer. */
  postpone(range: Float64Array, delayNs: number): void {
    let slot = this.#firstOpen(range);
    for (let left = this.#openCount(range); left > 0; left--) {
      if (this.#window.state[slot] === ASKED) this.#failed(slot, delayNs);
      slot = this.#window.after(slot);
    }
    this.wake();
  }

  /** What of `range` is under way is missing again, and due: the request could not be served as it was. No attempt is counted. */
  withdraw(range: Float64Array): void {
    const { state, dueNs } = this.#window;
    let slot = this.#firstOpen(range);
    for (let left = this.#openCount(range); left > 0; left--) {
      if (state[slot] === ASKED) {
        state[slot] = MISSING;
        dueNs[slot] = this.#clock.now[0] as number;
        this.askedCount--;
      }
      slot = this.#window.after(slot);
    }
    this.wake();
  }

  /** What of `range` is missing need not wait for its time. */
  hasten(range: Float64Array): void {
    const { state, dueNs } = this.#window;
    const now = this.#clock.now[0] as number;
    let slot = this.#firstOpen(range);
    for (let left = this.#openCount(range); left > 0; left--) {
      if (state[slot] === MISSING && (dueNs[slot] as number) > now) dueNs[slot] = now;
      slot = this.#window.after(slot);
    }
    this.wake();
  }

  /** What of `range` is under way has its answer limit from now on. */
  extend(range: Float64Array): void {
    const { state, dueNs } = this.#window;
    let slot = this.#firstOpen(range);
    for (let left = this.#openCount(range); left > 0; left--) {
      if (state[slot] === ASKED) dueNs[slot] = (this.#clock.now[0] as number) + this.#options.answerLimitNs;
      slot = this.#window.after(slot);
    }
  }

  /** Answers that did not come: the sequences are missing again, or given up. */
  expire(): void {
    const { state, dueNs, requestNumber } = this.#window;
    const now = this.#clock.now[0] as number;
    let lastRequest = -1;
    let slot = this.#window.slotOf(this.#marks, NEXT);
    for (let left = this.openLength(); left > 0; left--) {
      if (state[slot] === ASKED && (dueNs[slot] as number) <= now) {
        if (requestNumber[slot] !== lastRequest) this.unansweredRequests++;
        lastRequest = requestNumber[slot] as number;
        this.#failed(slot, 0);
      }
      if (this.isHopeless && state[slot] === MISSING && (dueNs[slot] as number) <= now) state[slot] = GIVEN_UP;
      slot = this.#window.after(slot);
    }
  }

  /** One request for each run of missing sequences that are due, as far as the limits allow; then says when to go on. */
  ask(): void {
    const { state, dueNs } = this.#window;
    const now = this.#clock.now[0] as number;
    const length = this.openLength();
    let slot = this.#window.slotOf(this.#marks, NEXT);
    this.#isHeldBack = false;
    let due = Number.POSITIVE_INFINITY;
    for (let index = 0; index < length; ) {
      const isOpen = state[slot] === MISSING || state[slot] === ASKED;
      if (state[slot] === MISSING && (dueNs[slot] as number) <= now) {
        const count = this.#askRun(slot, index, length - index);
        if (count > 0) {
          index += count;
          slot = this.#window.after(slot, count);
          due = Math.min(due, now + this.#options.answerLimitNs);
          continue;
        }
        // Held back by answers that are awaited, it goes on when they come; otherwise by the clock.
        if (!this.#isHeldBack) due = Math.min(due, Math.max(this.#quietUntil[0] as number, now + PORT_RETRY_NS));
      } else if (isOpen && (dueNs[slot] as number) < due) due = dueNs[slot] as number;
      index++;
      slot = this.#window.after(slot);
    }
    this.due[0] = due;
  }

  /** Asks for missing sequences from `first` on, which is the `index`-th of the window; returns how many, 0 for none. */
  #askRun(first: number, index: number, most: number): number {
    const { state, dueNs, requestNumber } = this.#window;
    const now = this.#clock.now[0] as number;
    if (this.isHopeless || now < (this.#quietUntil[0] as number)) return 0;
    const limit = Math.min(this.requestMessageLimit, this.#options.askedMessageLimit - this.askedCount, most);
    if (limit <= 0) {
      this.#isHeldBack = true;
      return 0;
    }
    let count = 0;
    for (let slot = first; count < limit && state[slot] === MISSING && (dueNs[slot] as number) <= now; count++) {
      slot = this.#window.after(slot);
    }
    const asked = this.#asked;
    asked[0] = (this.#marks[NEXT] as number) + index;
    asked[1] = asked[0] + count;
    if (!this.#port.request(asked)) return 0;
    this.#quietUntil[0] = now + this.#options.requestIntervalNs;
    this.requests++;
    this.requestedMessages += count;
    this.askedCount += count;
    this.#recentFirst[this.requests & (RECENT_REQUESTS - 1)] = asked[0];
    this.#recentEnd[this.requests & (RECENT_REQUESTS - 1)] = asked[1];
    let slot = first;
    for (let left = count; left > 0; left--) {
      state[slot] = ASKED;
      dueNs[slot] = now + this.#options.answerLimitNs;
      requestNumber[slot] = this.requests;
      slot = this.#window.after(slot);
    }
    return count;
  }

  /** The request for this slot was in vain. */
  #failed(slot: number, delayNs: number): void {
    const { state, attempts, dueNs } = this.#window;
    const { attemptLimit, backOffNs, backOffLimitNs } = this.#options;
    const count = (attempts[slot] as number) + 1;
    attempts[slot] = count;
    this.askedCount--;
    state[slot] = count >= attemptLimit ? GIVEN_UP : MISSING;
    let waitNs = backOffNs * 2 ** (count - 1);
    if (waitNs > backOffLimitNs) waitNs = backOffLimitNs;
    if (waitNs < delayNs) waitNs = delayNs;
    dueNs[slot] = (this.#clock.now[0] as number) + waitNs;
  }

  /** The latest request that began at `first`; -1 when it is none of the recent ones. */
  #requestFrom(first: number): number {
    const oldest = Math.max(1, this.requests - RECENT_REQUESTS + 1);
    for (let request = this.requests; request >= oldest; request--) {
      if (this.#recentFirst[request & (RECENT_REQUESTS - 1)] === first) return request;
    }
    return -1;
  }

  /** The slot of the first sequence in `range` that has one. */
  #firstOpen(range: Float64Array): number {
    const distance = Math.max((range[0] as number) - (this.#marks[NEXT] as number), 0);
    return this.#window.after(this.#window.slotOf(this.#marks, NEXT), distance);
  }

  /** How many sequences of `range` are known to exist and have a slot. */
  #openCount(range: Float64Array): number {
    const next = this.#marks[NEXT] as number;
    return Math.min(range[1] as number, next + this.openLength()) - Math.max(range[0] as number, next);
  }
}
