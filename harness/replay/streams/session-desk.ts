import type { Clock } from "../../../emulator/clock/clock.ts";
import type { MessageSink } from "../../../emulator/wire/recovery/gap-recovery.ts";
import { type FramePort, MoldRecoveryClient } from "../../../emulator/wire/recovery/mold-client.ts";
import { PACKET_BYTE_LIMIT } from "./group-desk.ts";
import { type StreamBook, streamBook } from "./stream-books.ts";
import type { LineGroup, RecoveredSession, RecoverOptions, StreamPlan } from "./stream-plan.ts";
import type { ArbitratedStream, BookReport, ConsumerStreamsReport } from "./stream-report.ts";

/** Messages behind a hole that can wait: those of the largest ring and of the packet buffer behind it, in full. */
const WINDOW_MESSAGES = 65_536;

/** The consumer's end of one session that is recovered: the client, and the books behind it. */
export class SessionDesk implements MessageSink {
  readonly client: MoldRecoveryClient;
  readonly session: RecoveredSession;
  readonly #group: LineGroup;
  readonly #plan: StreamPlan;
  readonly #book: StreamBook | undefined;
  #isFinished = false;

  /** An answer is waited for `patienceNs` longer than the server takes for it. */
  constructor(clock: Clock, session: RecoveredSession, plan: StreamPlan, port: FramePort, patienceNs: number) {
    this.session = session;
    this.#plan = plan;
    this.#group = plan.groups[session.group] as LineGroup;
    this.#book = plan.books ? streamBook(this.#group.format) : undefined;
    const { arbitration, recovery } = plan;
    const { lines } = this.#group;
    const isArbitrated = arbitration !== undefined && lines.length > 1;
    const attempts = recovery?.service.attempts;
    this.client = new MoldRecoveryClient(clock, this, port, {
      session: session.session,
      // What the lines lose before anything of it arrives is missing too.
      firstSequence: session.archive.firstSequence,
      lines: lines.map(({ address, port: linePort }) => ({ group: address, port: linePort })),
      requests: session.requests,
      windowMessages: WINDOW_MESSAGES,
      answerLimitNs: answerLimitNs(recovery?.service ?? {}, patienceNs),
      messageByteLimit: Math.max(1, session.archive.longestByteLength),
      ...(attempts === undefined ? {} : { attemptLimit: attempts }),
      ...(isArbitrated ? { arbitration: { ...arbitration, packetByteLimit: PACKET_BYTE_LIMIT } } : {}),
    });
  }

  message(_sequence: Float64Array, bytes: Uint8Array, offset: number, byteLength: number): void {
    this.#book?.message(bytes, offset, byteLength);
  }

  lost(): void {}

  /** Nothing more comes on the lines. True once nothing is to be asked for or waited for either. */
  isSettled(): boolean {
    if (!this.#isFinished) {
      this.#isFinished = true;
      this.client.finish();
    }
    const { recovery } = this.client;
    return !recovery.hasBegun || recovery.isSynchronized;
  }

  recovered(): NonNullable<ConsumerStreamsReport["recovery"]>[number] {
    const { lines: _, ...client } = this.client.report();
    return { session: this.session.name, lines: this.#group.lines.map(({ name }) => name), client };
  }

  /** Undefined without an arbiter before the client. */
  arbitrated(): ArbitratedStream | undefined {
    const { arbiter } = this.client;
    const { arbitration } = this.#plan;
    if (arbiter === undefined || arbitration === undefined) return undefined;
    return {
      format: this.#group.format,
      stream: this.session.name,
      numbers: "messages",
      mode: arbitration.mode,
      passed: arbiter.passedCount,
      lost: arbiter.lostCount,
      lines: arbiter.report().map((report, index) => ({ line: this.#group.lines[index]?.name ?? "", ...report })),
    };
  }

  book(): BookReport[] {
    return this.#book === undefined ? [] : [this.#book.report(this.#group.format, this.session.name)];
  }
}

function answerLimitNs({ latencyNs = 50_000, jitterNs = 0 }: RecoverOptions, patienceNs: number): number {
  return latencyNs + jitterNs + patienceNs;
}
