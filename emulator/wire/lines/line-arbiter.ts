import type { Clock } from "../../clock/clock.ts";
import { type ArbiterOptions, checkedArbiterOptions } from "./arbiter-options.ts";
import type { ArbiterSink } from "./arbiter-sink.ts";
import { StreamArbiter } from "./stream-arbiter.ts";

/**
 * Arbitrates several streams that share their lines: the channels of a feed, the units of a port. Each has a
 * {@link StreamArbiter} of its own, made beforehand, and takes one when its key is first seen.
 */
export class LineArbiter {
  /** Argument of {@link offer} and {@link restart}: the sequence of the packet's first message, as the feed has it. */
  readonly sequence: Float64Array = new Float64Array(1);
  /** Packets of streams beyond `streamLimit`: they are not passed. */
  refusedPackets = 0;
  /** Streams seen so far. */
  streamCount = 0;
  readonly #streams: readonly StreamArbiter[];
  #last: StreamArbiter | undefined;

  /** @throws RangeError for options that cannot be. */
  constructor(clock: Clock, sink: ArbiterSink, options: ArbiterOptions) {
    const { streamLimit } = checkedArbiterOptions(options);
    this.#streams = Array.from({ length: streamLimit }, () => new StreamArbiter(clock, sink, options));
  }

  /** In the order in which they were first seen (allocates). */
  get streams(): readonly StreamArbiter[] {
    return this.#streams.slice(0, this.streamCount);
  }

  /** When {@link expire} has something to do; Infinity when no hole is open. */
  nextNs(): number {
    let nextNs = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.streamCount; index++) {
      const { next } = this.#streams[index] as StreamArbiter;
      if ((next[0] as number) < nextNs) nextNs = next[0] as number;
    }
    return nextNs;
  }

  /** As {@link StreamArbiter.offer}. `streamKey` is any 32-bit word that tells the streams apart: a channel, a unit. */
  offer(
    line: number,
    streamKey: number,
    session: number,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    messageCount: number,
  ): void {
    const stream = this.#streamOf(streamKey);
    if (stream === undefined) {
      this.refusedPackets++;
      return;
    }
    stream.sequence[0] = this.sequence[0] as number;
    stream.offer(line, session, bytes, offset, byteLength, messageCount);
  }

  /** As {@link StreamArbiter.restart}. */
  restart(line: number, streamKey: number): void {
    const stream = this.#streamOf(streamKey);
    if (stream === undefined) return;
    stream.sequence[0] = this.sequence[0] as number;
    stream.restart(line);
  }

  /** Declares lost what has waited too long, in all streams. */
  expire(): void {
    for (let index = 0; index < this.streamCount; index++) (this.#streams[index] as StreamArbiter).expire();
  }

  /** All streams are over. */
  finish(): void {
    for (let index = 0; index < this.streamCount; index++) (this.#streams[index] as StreamArbiter).finish();
  }

  #streamOf(streamKey: number): StreamArbiter | undefined {
    const last = this.#last;
    if (last !== undefined && last.streamKey === streamKey) return last;
    for (let index = 0; index < this.streamCount; index++) {
      const stream = this.#streams[index] as StreamArbiter;
      if (stream.streamKey !== streamKey) continue;
      this.#last = stream;
      return stream;
    }
    const fresh = this.#streams[this.streamCount];
    if (fresh === undefined) return undefined;
    this.streamCount++;
    fresh.streamKey = streamKey;
    this.#last = fresh;
    return fresh;
  }
}
