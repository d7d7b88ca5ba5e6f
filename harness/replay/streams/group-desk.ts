import type { Clock } from "../../../emulator/clock/clock.ts";
import { SequenceSet } from "../../../emulator/wire/damage/sequence-set.ts";
import { type StreamPosition, streamPosition } from "../../../emulator/wire/feeds/stream-position.ts";
import type { ArbiterSink } from "../../../emulator/wire/lines/arbiter-sink.ts";
import { LineArbiter } from "../../../emulator/wire/lines/line-arbiter.ts";
import { type StreamBook, streamBook } from "./stream-books.ts";
import type { LineGroup, StreamPlan } from "./stream-plan.ts";
import type { ArbitratedStream, BookReport } from "./stream-report.ts";

/** Ranges of lost sequences that are kept for the report. */
const LOST_RANGE_LIMIT = 1000;
/** Packets that may be longer than Ethernet's usual ones: a jumbo frame. */
export const PACKET_BYTE_LIMIT = 16_384;

/** A stream of the group: its name, its book and what it lost. */
interface Stream {
  readonly key: number;
  readonly name: string;
  readonly book: StreamBook | undefined;
  readonly lost: SequenceSet;
}

/** What the consumer does with the lines of one group that no recovery stands before: arbitrates them, and keeps books. */
export class GroupDesk implements ArbiterSink {
  readonly arbiter: LineArbiter | undefined;
  readonly #group: LineGroup;
  readonly #plan: StreamPlan;
  readonly #position: StreamPosition | undefined;
  readonly #streams: Stream[] = [];
  #last: Stream | undefined;

  constructor(clock: Clock, group: LineGroup, plan: StreamPlan) {
    this.#group = group;
    this.#plan = plan;
    this.#position = streamPosition(group.format);
    const { arbitration } = plan;
    if (this.#position === undefined || arbitration === undefined || group.lines.length < 2) return;
    this.arbiter = new LineArbiter(clock, this, {
      ...arbitration,
      lineCount: group.lines.length,
      streamLimit: Math.max(1, group.streamCount),
      sequenceBits: this.#position.sequenceBits,
      packetByteLimit: PACKET_BYTE_LIMIT,
      heldPacketLimit: 128,
    });
  }

  /** A UDP payload came on line `line` of the group, at the clock's time. */
  take(line: number, bytes: Uint8Array, offset: number, byteLength: number): void {
    const position = this.#position;
    if (position === undefined || !position.read(bytes, offset, byteLength)) return;
    const { streamKey, messageCount } = position;
    const stream = this.#streamOf(streamKey);
    const { arbiter } = this;
    if (arbiter !== undefined) {
      arbiter.sequence[0] = position.sequence[0] as number;
      if (position.isReset) arbiter.restart(line, streamKey);
      arbiter.offer(line, streamKey, 0, bytes, offset, byteLength, messageCount);
      return;
    }
    // Lines that nobody arbitrates repeat each other: books are kept from the first.
    if (line === 0) stream.book?.packet(bytes, offset, byteLength, 0, messageCount);
  }

  pass(
    streamKey: number,
    _line: number,
    _range: Float64Array,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    messageIndex: number,
    messageCount: number,
  ): void {
    this.#streamOf(streamKey).book?.packet(bytes, offset, byteLength, messageIndex, messageCount);
  }

  lose(streamKey: number, range: Float64Array): void {
    const { lost } = this.#streamOf(streamKey);
    lost.range.set(range);
    lost.add();
  }

  restart(streamKey: number): void {
    this.#streamOf(streamKey).book?.clear();
  }

  /** What came of the streams; empty where nothing was arbitrated. Call `arbiter.finish()` before. */
  arbitrated(): ArbitratedStream[] {
    const { format, lines } = this.#group;
    const mode = this.#plan.arbitration?.mode ?? "latency";
    return (this.arbiter?.streams ?? []).map((arbiter) => {
      const stream = this.#streamOf(arbiter.streamKey);
      return {
        format,
        stream: stream.name,
        numbers: format.startsWith("CME") ? "packets" : "messages",
        mode,
        passed: arbiter.passedCount,
        lost: arbiter.lostCount,
        ...(stream.lost.size === 0 ? {} : { lostRanges: stream.lost.ranges().slice(0, LOST_RANGE_LIMIT) }),
        lines: arbiter.report().map((report, index) => ({ line: lines[index]?.name ?? "", ...report })),
      };
    });
  }

  books(): BookReport[] {
    return this.#streams.flatMap(({ book, name }) =>
      book === undefined ? [] : [book.report(this.#group.format, name)],
    );
  }

  /** The stream of the packet at hand, or of one that came before; allocates where it is new. */
  #streamOf(key: number): Stream {
    const last = this.#last;
    if (last !== undefined && last.key === key) return last;
    for (let index = 0; index < this.#streams.length; index++) {
      const stream = this.#streams[index] as Stream;
      if (stream.key !== key) continue;
      this.#last = stream;
      return stream;
    }
    const name = this.#position?.streamName ?? "";
    const book = this.#plan.books ? streamBook(this.#group.format) : undefined;
    const fresh = { key, name, book, lost: new SequenceSet() };
    this.#streams.push(fresh);
    this.#last = fresh;
    return fresh;
  }
}
