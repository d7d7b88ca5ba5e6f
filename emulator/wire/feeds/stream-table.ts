import { SequenceTally } from "./sequence-tally.ts";

/** What the stream is called of which a line carries one alone. */
export const LONE_STREAM = "channel";

/** More streams than this on one line are noise; their packets are counted as `refused`. */
export const STREAM_LIMIT = 64;

/** The tally of one stream: a session, a unit, a channel. Three words tell it from the others on its line. */
export class StreamTally extends SequenceTally {
  /** Place in the table. */
  readonly index: number;
  readonly key0: number;
  readonly key1: number;
  readonly key2: number;
  readonly #nameOf: StreamNaming;

  constructor(nameOf: StreamNaming, index: number, key0: number, key1: number, key2: number) {
    super();
    this.#nameOf = nameOf;
    this.index = index;
    this.key0 = key0;
    this.key1 = key1;
    this.key2 = key2;
  }

  /** What reports call it: "000010059B", "unit 1", … (allocates). */
  get name(): string {
    return this.#nameOf(this.key0, this.key1, this.key2);
  }
}

export type StreamNaming = (key0: number, key1: number, key2: number) => string;

/** A kind of tally: `StreamTally` itself, or one that knows more of its format. */
type StreamKind<Stream extends StreamTally> = new (...of: ConstructorParameters<typeof StreamTally>) => Stream;

/** The streams on one line, found by their keys. Allocates only where a stream begins. */
export class StreamTable<Stream extends StreamTally = StreamTally> {
  /** In the order in which they were first seen. */
  readonly streams: Stream[] = [];
  /** Times that a packet belonged to another stream than the one before it. */
  changes = 0;
  /** Packets of a stream beyond the 64th. */
  refused = 0;
  /** The stream of the last packet. */
  current: Stream | undefined;
  readonly #kind: StreamKind<Stream>;
  readonly #nameOf: StreamNaming;

  constructor(kind: StreamKind<Stream>, nameOf: StreamNaming) {
    this.#kind = kind;
    this.#nameOf = nameOf;
  }

  /** The stream with these keys, which becomes the current one; undefined where there are too many. */
  at(key0: number, key1 = 0, key2 = 0): Stream | undefined {
    const current = this.current;
    if (current !== undefined && current.key0 === key0 && current.key1 === key1 && current.key2 === key2) {
      return current;
    }
    const stream = this.#find(key0, key1, key2);
    if (stream === undefined) {
      this.refused++;
      return undefined;
    }
    if (current !== undefined) this.changes++;
    this.current = stream;
    return stream;
  }

  #find(key0: number, key1: number, key2: number): Stream | undefined {
    for (const stream of this.streams) {
      if (stream.key0 === key0 && stream.key1 === key1 && stream.key2 === key2) return stream;
    }
    if (this.streams.length === STREAM_LIMIT) return undefined;
    const stream = new this.#kind(this.#nameOf, this.streams.length, key0, key1, key2);
    this.streams.push(stream);
    return stream;
  }
}
