import { type Clock, VirtualClock } from "../../../emulator/clock/clock.ts";
import { FrameHeaders, IP_PROTOCOL_UDP } from "../../../emulator/wire/frame.ts";
import type { FramePort } from "../../../emulator/wire/recovery/mold-client.ts";
import { GroupDesk } from "./group-desk.ts";
import { LineTable } from "./line-table.ts";
import { SessionDesk } from "./session-desk.ts";
import type { StreamPlan } from "./stream-plan.ts";
import type { ConsumerStreamsReport } from "./stream-report.ts";

/** What an answer may take on its way. Threads are put aside by the operating system for longer than any wire takes. */
const PATIENCE_NS = 5_000_000;
const WALL_PATIENCE_NS = 100_000_000;

/** Messages behind a hole at which a wire at full speed waits: some hundred frames. */
const BACKLOG_MESSAGES = 1024;

/**
 * What a feed handler makes of the frames, in the consumer's thread: one stream of several lines, messages that are asked
 * for where none has them, books. Nothing is allocated per frame.
 *
 * Its time is that of the frames' arrival at the card, as of a card that stamps them: how far one line is ahead of the
 * other does not depend on when the driver looks. Between frames it is the consumer's, where something is due.
 */
export class StreamDesk {
  readonly #plan: StreamPlan;
  readonly #now: Float64Array;
  readonly #consumerClock: Clock;
  readonly #headers = new FrameHeaders();
  readonly #table: LineTable;
  readonly #groups: readonly GroupDesk[];
  readonly #sessions: readonly SessionDesk[];
  /** By group: its sessions. */
  readonly #sessionsOf: readonly (readonly SessionDesk[])[];
  /** `[0]`: when the next thing is due, for whoever can wake the consumer then. */
  readonly #alarm: Float64Array;

  /** @throws Error where requests are to be sent and the driver has given no way to. */
  constructor(plan: StreamPlan, consumerClock: Clock, port: FramePort | undefined, alarm: Float64Array | undefined) {
    this.#plan = plan;
    const clock = new VirtualClock();
    this.#now = clock.now;
    this.#consumerClock = consumerClock;
    this.#alarm = alarm ?? new Float64Array(1);
    this.#table = new LineTable(plan.groups);
    this.#groups = plan.groups.map((group) => new GroupDesk(clock, group, plan));
    const sessions = plan.recovery?.sessions ?? [];
    if (sessions.length > 0 && port === undefined) {
      throw new Error(
        "recovery sends its requests through the card, and this driver gives its sink no way to: new ReplaySink(argument, { transmit(memory, offset, byteLength) { … } })",
      );
    }
    const patienceNs = consumerClock.kind === "virtual" ? PATIENCE_NS : WALL_PATIENCE_NS;
    this.#sessions = sessions.map((session) => new SessionDesk(clock, session, plan, port as FramePort, patienceNs));
    this.#sessionsOf = plan.groups.map((_, group) => this.#sessions.filter(({ session }) => session.group === group));
  }

  /** A frame, without FCS, that arrived at the card at `arrivalNs[0]`. True when it answers a request. */
  frame(bytes: Uint8Array, offset: number, byteLength: number, arrivalNs: Float64Array): boolean {
    const headers = this.#headers;
    headers.parse(bytes, offset, byteLength);
    if (headers.ipProtocol !== IP_PROTOCOL_UDP || headers.l4Offset < 0 || headers.ipVersion !== 4) return false;
    if ((arrivalNs[0] as number) > (this.#now[0] as number)) this.#now[0] = arrivalNs[0] as number;
    if (this.#table.find(headers.ipv4Destination, headers.destinationPort)) {
      const sessions = this.#sessionsOf[this.#table.group] as readonly SessionDesk[];
      if (sessions.length === 0) {
        const desk = this.#groups[this.#table.group] as GroupDesk;
        desk.take(this.#table.line, bytes, offset + headers.payloadOffset, headers.payloadByteLength);
        return false;
      }
      // Each takes its own session and counts the others.
      for (let index = 0; index < sessions.length; index++) {
        (sessions[index] as SessionDesk).client.receive(bytes, offset, byteLength);
      }
      return false;
    }
    for (let index = 0; index < this.#sessions.length; index++) {
      const { client, session } = this.#sessions[index] as SessionDesk;
      const { sourceIp, sourcePort } = session.requests;
      if (headers.destinationPort !== sourcePort || headers.ipv4Destination !== (sourceIp | 0)) continue;
      client.receive(bytes, offset, byteLength);
      return true;
    }
    return false;
  }

  /** Does what is due by the consumer's clock: requests, holes that have waited long enough. Called at every poll. */
  pump(): void {
    const sessions = this.#sessions;
    const consumerClock = this.#consumerClock;
    let dueNs = this.#nextNs();
    if (dueNs !== Number.POSITIVE_INFINITY) {
      consumerClock.refresh();
      if (dueNs <= (consumerClock.now[0] as number)) {
        if ((consumerClock.now[0] as number) > (this.#now[0] as number)) this.#now[0] = consumerClock.now[0] as number;
        for (let index = 0; index < this.#groups.length; index++) (this.#groups[index] as GroupDesk).arbiter?.expire();
        for (let index = 0; index < sessions.length; index++) (sessions[index] as SessionDesk).client.pump();
        dueNs = this.#nextNs();
      }
    }
    // What is due already is done at the next poll, and needs no waking.
    this.#alarm[0] = dueNs > (consumerClock.now[0] as number) ? dueNs : Number.POSITIVE_INFINITY;
  }

  /** Every frame of the lines has come. True once nothing that was asked for is awaited any more. */
  isSettled(): boolean {
    let isSettled = true;
    for (let index = 0; index < this.#sessions.length; index++) {
      if (!(this.#sessions[index] as SessionDesk).isSettled()) isSettled = false;
    }
    return isSettled;
  }

  /** So much waits for a missing message that a wire which can wait had better do so. */
  isOverfull(): boolean {
    for (let index = 0; index < this.#sessions.length; index++) {
      const { recovery } = (this.#sessions[index] as SessionDesk).client;
      if (recovery.hasBegun && recovery.knownSequence - recovery.nextSequence > BACKLOG_MESSAGES) return true;
    }
    return false;
  }

  /** Requests of all sessions so far. */
  requestCount(): number {
    let count = 0;
    for (let index = 0; index < this.#sessions.length; index++) {
      count = (count + (this.#sessions[index] as SessionDesk).client.recovery.schedule.requests) | 0;
    }
    return count;
  }

  report(): ConsumerStreamsReport {
    const { arbitration, recovery, books } = this.#plan;
    for (const { arbiter } of this.#groups) arbiter?.finish();
    const ofSessions = this.#sessions.flatMap((desk) => desk.arbitrated() ?? []);
    return {
      arbitration: arbitration && [...ofSessions, ...this.#groups.flatMap((desk) => desk.arbitrated())],
      recovery: recovery && this.#sessions.map((desk) => desk.recovered()),
      books: books
        ? [...this.#sessions.flatMap((desk) => desk.book()), ...this.#groups.flatMap((desk) => desk.books())]
        : undefined,
    };
  }

  #nextNs(): number {
    let nextNs = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#groups.length; index++) {
      const { arbiter } = this.#groups[index] as GroupDesk;
      if (arbiter !== undefined) nextNs = Math.min(nextNs, arbiter.nextNs());
    }
    for (let index = 0; index < this.#sessions.length; index++) {
      nextNs = Math.min(nextNs, (this.#sessions[index] as SessionDesk).client.dueNs());
    }
    return nextNs;
  }
}
