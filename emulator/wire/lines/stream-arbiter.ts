import type { Clock } from "../../clock/clock.ts";
import { type ArbiterOptions, checkedArbiterOptions } from "./arbiter-options.ts";
import type { ArbiterSink } from "./arbiter-sink.ts";
import { LinePositions } from "./line-positions.ts";
import { type LineReport, LineTally } from "./line-tally.ts";
import { MessageGate } from "./message-gate.ts";

/**
 * Makes one stream out of the copies of it that several lines carry: every sequence is passed once, or declared lost.
 *
 * A hole opens when a packet or a heartbeat shows that sequences are missing. It is declared lost as soon as every line
 * is past it, or `gapLimitNs` after it opened, or when it would leave the window, or (`reliability`) when no more packets
 * can be held. What comes later than that is counted and not passed, so that passed and lost add up to the range. The
 * stream begins at the first packet, of whichever line, unless {@link startAt} says where. Nothing is allocated after construction.
 */
export class StreamArbiter {
  readonly lines: readonly LineTally[];
  /** Argument of {@link offer} and {@link restart}: the sequence of the packet's first message, as the feed has it. */
  readonly sequence: Float64Array;
  /** [0]: when {@link expire} has something to do; Infinity when no hole is open. */
  readonly next: Float64Array;
  /** Times that the stream, not just a line of it, began to count anew, and sessions that it had. */
  restartCount = 0;
  sessionCount = 0;
  readonly #options: Required<ArbiterOptions>;
  readonly #clock: Clock;
  readonly #sink: ArbiterSink;
  readonly #positions: LinePositions;
  readonly #gate: MessageGate;
  readonly #end = new Float64Array(1);
  readonly #range = new Float64Array(2);
  readonly #lineSession: Int32Array;
  #session = 0;
  #formerSession = 0;

  /** @throws RangeError for options that cannot be. */
  constructor(clock: Clock, sink: ArbiterSink, options: ArbiterOptions) {
    const chosen = checkedArbiterOptions(options);
    this.#options = chosen;
    this.#clock = clock;
    this.#sink = sink;
    this.lines = Array.from({ length: chosen.lineCount }, () => new LineTally());
    this.#lineSession = new Int32Array(chosen.lineCount);
    this.#positions = new LinePositions(chosen);
    this.#gate = new MessageGate(clock, sink, chosen, this.#positions, this.lines);
    this.sequence = this.#positions.sequence;
    this.next = this.#gate.next;
  }

  /** Identifies the stream to the sink. */
  get streamKey(): number {
    return this.#gate.streamKey;
  }

  set streamKey(key: number) {
    this.#gate.streamKey = key;
  }

  get passedCount(): number {
    return this.#gate.passedCount;
  }

  get lostCount(): number {
    return this.#gate.lostCount;
  }

  /** The most packets that were held at a time. */
  get heldPacketHighest(): number {
    return this.#gate.held?.highest ?? 0;
  }

  /**
   * A packet of `messageCount` messages from {@link sequence} on came on `line`, now; with 0 messages, a heartbeat that
   * says which sequence is next. `session` is a word that changes with the session; 0 where the feed has none.
   * @throws RangeError for more messages than the window holds, or (`reliability`) more bytes than `packetByteLimit`.
   */
  offer(
    line: number,
    session: number,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    messageCount: number,
  ): void {
    this.#check(byteLength, messageCount);
    this.expire();
    const tally = this.lines[line] as LineTally;
    tally.packets++;
    if (messageCount === 0) tally.heartbeats++;
    if (!this.#admit(line, session, tally)) return;
    tally.messages += messageCount;
    this.#end[0] = (this.sequence[0] as number) + messageCount;
    this.#positions.advance(line, this.#end);
    this.#gate.take(line, this.sequence, bytes, offset, byteLength, messageCount);
  }

  /**
   * The feed itself says on `line` that the stream goes on at {@link sequence}: open holes are declared lost and a new
   * count begins, unless another line has begun it already.
   */
  restart(line: number): void {
    this.expire();
    (this.lines[line] as LineTally).restarts++;
    if (this.sessionCount === 0) this.#start(0);
    else if (this.#positions.isBehind(line)) this.#positions.follow(line);
    else this.#beginAnew(line);
  }

  /**
   * Before the first packet: the stream is known to begin at {@link sequence}, so what no line brings from there on is lost, and
   * a first packet further on does not make the ones before it old.
   */
  startAt(): void {
    if (this.sessionCount === 0) this.#start(0);
  }

  /** Declares lost what has waited too long. For when time has passed and no packet came. */
  expire(): void {
    this.#clock.refresh();
    if ((this.next[0] as number) <= (this.#clock.now[0] as number)) this.#gate.settle();
  }

  /** The stream is over: open holes are declared lost, held packets passed, and the lines' losses counted to the end. */
  finish(): void {
    this.#gate.close();
  }

  /** One for each line. What a line missed is counted when the sequence leaves the window, and by {@link finish}. */
  report(): LineReport[] {
    return this.lines.map((tally) => tally.report());
  }

  #check(byteLength: number, messageCount: number): void {
    const { mode, windowSequences, packetByteLimit } = this.#options;
    if (messageCount > windowSequences) {
      throw new RangeError(`a packet of ${messageCount} messages exceeds windowSequences, ${windowSequences}`);
    }
    if (mode === "reliability" && byteLength > packetByteLimit) {
      throw new RangeError(`a packet of ${byteLength} bytes exceeds packetByteLimit, ${packetByteLimit}`);
    }
  }

  /** Whether the packet belongs to the current session and count, which it may begin. */
  #admit(line: number, session: number, tally: LineTally): boolean {
    if (tally.packets > 1 && session !== this.#lineSession[line]) tally.sessionChanges++;
    this.#lineSession[line] = session;
    if (this.sessionCount === 0) {
      this.#start(session);
      return true;
    }
    if (session !== this.#session) return this.#changeSession(line, session, tally);
    const standing = this.#positions.place(line, this.#gate.marks);
    if (standing === "stale") tally.stalePackets++;
    if (standing === "restart" || standing === "joins") tally.restarts++;
    if (standing === "restart") this.#beginAnew(line);
    if (standing === "joins") this.#positions.follow(line);
    return standing !== "stale";
  }

  /** A session that is not the last one is new; the other line may still be in the last one for a while. */
  #changeSession(line: number, session: number, tally: LineTally): boolean {
    if (this.sessionCount > 1 && session === this.#formerSession) {
      tally.stalePackets++;
      return false;
    }
    this.#formerSession = this.#session;
    this.#session = session;
    this.sessionCount++;
    this.#beginAnew(line);
    this.#positions.forgetFormer();
    return true;
  }

  #start(session: number): void {
    this.#session = session;
    this.sessionCount = 1;
    this.#gate.begin(this.sequence);
  }

  #beginAnew(line: number): void {
    this.finish();
    this.#positions.begin();
    this.#positions.follow(line);
    this.#gate.begin(this.sequence);
    this.restartCount++;
    this.#range.fill(this.sequence[0] as number);
    this.#sink.restart?.(this.streamKey, this.#range);
  }
}
