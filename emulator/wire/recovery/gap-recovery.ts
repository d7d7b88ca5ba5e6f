import type { Clock } from "../../clock/clock.ts";
import { SequenceGaps } from "../feeds/sequence-gaps.ts";
import { type LeadReport, LeadTimes } from "../lines/lead-times.ts";
import { GIVEN_UP, MessageWindow, PRESENT } from "./message-window.ts";
import { type CheckedRecoveryOptions, checkedRecoveryOptions, type RecoveryOptions } from "./recovery-options.ts";
import { KNOWN, NEXT, type RequestPort, RequestSchedule } from "./request-schedule.ts";

/** Takes the messages of a stream: in order, each once. Must neither call back into the client nor throw. */
export interface MessageSink {
  /** Message `sequence[0]`. The bytes are good until it returns. */
  message(sequence: Float64Array, bytes: Uint8Array, offset: number, byteLength: number): void;
  /** Sequences [range[0], range[1]) will not come: it is their turn, and they were asked for in vain. */
  lost(range: Float64Array): void;
}

/** What a client did. Plain data. Once all is settled, `missing` is `recovered` + `lost`. */
export interface RecoveryReport {
  readonly delivered: number;
  /** Messages that had come before: on another line, or because they were asked for. */
  readonly duplicates: number;
  /** Times that messages were found missing, and how many those were. */
  readonly gaps: number;
  readonly missing: number;
  /** Missing messages that came after all, asked for or not. */
  readonly recovered: number;
  /** Messages too far ahead to be kept: they count as missing, and are asked for when their turn is nearer. */
  readonly beyondWindow: number;
  readonly requests: number;
  readonly requestedMessages: number;
  /** Requests that were not answered in time, and answers with less than was asked for. */
  readonly unansweredRequests: number;
  readonly partialAnswers: number;
  readonly lost: number;
  /** What was lost, as [first, behind the last), in order: the last 1,024 ranges. */
  readonly lostRanges: readonly (readonly [number, number])[];
  /** By message: from when it was found missing until it came. Undefined when none came, or none had a place in the window. */
  readonly fillTimes: LeadReport | undefined;
}

const LOST_RANGE_LIMIT = 1024;

/**
 * Delivers a stream in order, each message once, and asks for what is missing: the part of a recovery client that knows
 * no protocol. Holes show in the messages behind them and in what heartbeats announce. A hole is asked for after its
 * grace, what a partial answer left at once, and what was not answered with back-off; after `attemptLimit` requests in
 * vain a sequence is lost, and reported when its turn comes. What is there or under way is never asked for.
 *
 * Nothing is allocated after construction. Whoever drives it calls {@link pump} at {@link due}.
 */
export class GapRecovery {
  /** Argument of most methods: a sequence [0], or a range of them [0] to before [1]. */
  readonly range: Float64Array = new Float64Array(2);
  /** [0]: when {@link pump} has something to do; Infinity when nothing is missing. */
  readonly due: Float64Array;
  readonly options: CheckedRecoveryOptions;
  readonly schedule: RequestSchedule;
  /** Whether it is known where the stream begins. */
  hasBegun: boolean;
  readonly #clock: Clock;
  readonly #sink: MessageSink;
  readonly #window: MessageWindow;
  // The next sequence to be delivered, and one behind the highest that is known to exist.
  readonly #marks = new Float64Array(2);
  readonly #lostRanges = new SequenceGaps(LOST_RANGE_LIMIT);
  readonly #fillTimes = new LeadTimes();
  readonly #counts = { delivered: 0, duplicates: 0, gaps: 0, missing: 0, recovered: 0, beyondWindow: 0, lost: 0 };

  /** @throws RangeError for options that cannot be. */
  constructor(clock: Clock, sink: MessageSink, port: RequestPort, options: RecoveryOptions) {
    this.options = checkedRecoveryOptions(options);
    this.#clock = clock;
    this.#sink = sink;
    this.#window = new MessageWindow(this.options);
    this.schedule = new RequestSchedule(clock, port, this.options, this.#window, this.#marks);
    this.due = this.schedule.due;
    this.hasBegun = this.options.firstSequence !== undefined;
    this.#marks.fill(this.options.firstSequence ?? 0);
  }

  /** Sequence that is delivered next. */
  get nextSequence(): number {
    return this.#marks[NEXT] as number;
  }

  /** One behind the highest sequence that is known to exist. */
  get knownSequence(): number {
    return this.#marks[KNOWN] as number;
  }

  /** Whether everything that is known to exist has been delivered, or reported lost. */
  get isSynchronized(): boolean {
    return this.hasBegun && this.#marks[NEXT] === this.#marks[KNOWN];
  }

  report(): RecoveryReport {
    const { requests, requestedMessages, unansweredRequests, partialAnswers } = this.schedule;
    const asked = { requests, requestedMessages, unansweredRequests, partialAnswers };
    return { ...this.#counts, ...asked, lostRanges: this.#lostRanges.list(), fillTimes: this.#fillTimes.report() };
  }

  /** Everything below `range[0]` exists: a heartbeat or the end of a session says so, or a message that has this sequence. */
  announce(): void {
    const marks = this.#marks;
    const end = this.range[0] as number;
    if (!this.hasBegun) {
      this.hasBegun = true;
      marks.fill(end);
    }
    const known = marks[KNOWN] as number;
    if (end <= known) return;
    const { size, dueNs, foundNs } = this.#window;
    const dueAt = (this.#clock.now[0] as number) + this.options.graceNs;
    let slot = this.#window.slotOf(marks, KNOWN);
    for (let left = Math.min(end, (marks[NEXT] as number) + size) - known; left > 0; left--) {
      dueNs[slot] = dueAt;
      foundNs[slot] = this.#clock.now[0] as number;
      slot = this.#window.after(slot);
    }
    marks[KNOWN] = end;
    this.#counts.gaps++;
    this.#counts.missing += end - known;
    if (dueAt < (this.due[0] as number)) this.due[0] = dueAt;
  }

  /** Message `range[0]` has come: on a line, or asked for. @throws RangeError when it is longer than `messageByteLimit`. */
  take(bytes: Uint8Array, offset: number, byteLength: number): void {
    const marks = this.#marks;
    const window = this.#window;
    const counts = this.#counts;
    if (byteLength > window.messageByteLimit) {
      throw new RangeError(`a message of ${byteLength} bytes exceeds messageByteLimit, ${window.messageByteLimit}`);
    }
    this.announce();
    const sequence = this.range[0] as number;
    const next = marks[NEXT] as number;
    const isNew = sequence === marks[KNOWN];
    if (isNew) marks[KNOWN] = sequence + 1;
    if (sequence >= next + window.size) {
      counts.beyondWindow++;
      if (isNew) counts.missing++;
      return;
    }
    const slot = window.slotOf(this.range, 0);
    if (sequence < next || window.state[slot] === PRESENT) {
      counts.duplicates++;
      return;
    }
    this.schedule.arrived(slot);
    if (!isNew) this.#countRecovered(slot);
    if (sequence > next) {
      window.keep(slot, bytes, offset, byteLength);
      return;
    }
    const isOverfull = this.#isOverfull();
    window.forget(slot);
    marks[NEXT] = next + 1;
    counts.delivered++;
    this.#sink.message(this.range, bytes, offset, byteLength);
    this.#deliver();
    if (isOverfull) this.schedule.wake();
  }

  /**
   * The answer to a request has come, with the messages of `range` and no others: what it leaves is asked for again at
   * once. Call it before the messages are taken.
   */
  answered(): void {
    this.schedule.answered(this.range);
  }

  /** The server will never give `range`: what of it has not come is lost. */
  refuse(): void {
    this.schedule.giveUp(this.range);
    this.#deliver();
  }

  /** The server does not give `range` now: it is asked for again, not sooner than `delayNs` from now. */
  postpone(delayNs: number): void {
    this.schedule.postpone(this.range, delayNs);
    this.#deliver();
  }

  /** The server cannot serve `range` as it was asked for: it is asked for again at once. */
  askAgain(): void {
    this.schedule.withdraw(this.range);
  }

  /** `range` will not fill by itself: what of it is missing is asked for without further grace. */
  hasten(): void {
    this.schedule.hasten(this.range);
  }

  /** The server has promised `range`: the messages may take their time from now on. */
  promise(): void {
    this.schedule.extend(this.range);
  }

  /** Asks for what is due, and gives up what was asked for too often. Does nothing before {@link due}. */
  pump(): void {
    this.#clock.refresh();
    if ((this.due[0] as number) > (this.#clock.now[0] as number)) return;
    this.schedule.expire();
    this.#deliver();
    this.schedule.ask();
  }

  #countRecovered(slot: number): void {
    this.#counts.recovered++;
    const foundNs = this.#window.foundNs[slot] as number;
    if (foundNs < 0) return;
    this.#fillTimes.leadNs[0] = (this.#clock.now[0] as number) - foundNs;
    this.#fillTimes.record();
  }

  /** Delivers what was waiting for a message that has come, or for one that is given up. */
  #deliver(): void {
    const marks = this.#marks;
    const window = this.#window;
    const { range } = this;
    const isOverfull = this.#isOverfull();
    let slot = window.slotOf(marks, NEXT);
    while ((marks[NEXT] as number) < (marks[KNOWN] as number)) {
      const state = window.state[slot] as number;
      if (state === GIVEN_UP) this.#loseRun(slot);
      else if (state === PRESENT) this.#deliverKept(slot, range);
      else break;
      slot = window.slotOf(marks, NEXT);
    }
    if (marks[NEXT] === marks[KNOWN]) this.due[0] = Number.POSITIVE_INFINITY;
    // What was beyond the window may have come into it, and can be asked for.
    else if (isOverfull) this.schedule.wake();
  }

  #deliverKept(slot: number, range: Float64Array): void {
    const window = this.#window;
    const next = this.#marks[NEXT] as number;
    range[0] = next;
    this.#marks[NEXT] = next + 1;
    window.forget(slot);
    this.#counts.delivered++;
    this.#sink.message(range, window.bytes, slot * window.messageByteLimit, window.byteLength[slot] as number);
  }

  /** Reports the given-up sequences at the front. */
  #loseRun(first: number): void {
    const marks = this.#marks;
    const window = this.#window;
    const { range } = this.#lostRanges;
    let slot = first;
    let count = 0;
    for (const length = this.schedule.openLength(); count < length && window.state[slot] === GIVEN_UP; count++) {
      window.forget(slot);
      slot = window.after(slot);
    }
    range[0] = marks[NEXT] as number;
    range[1] = range[0] + count;
    marks[NEXT] = range[1];
    this.#counts.lost += count;
    this.#lostRanges.open();
    this.#sink.lost(range);
  }

  #isOverfull(): boolean {
    return (this.#marks[KNOWN] as number) > (this.#marks[NEXT] as number) + this.#window.size;
  }
}
