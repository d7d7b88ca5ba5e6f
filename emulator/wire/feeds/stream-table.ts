import { SequenceTally } from "./sequence-tally.ts";

/** More streams than this on one line are noise; their packets are counted as `refused`. */
const MAX_STREAM_COUNT = 64;

/** The tally of one stream: a session, a unit, a channel. Three words tell it from the others on its line. */
export class StreamTally extends SequenceTally {
  readonly key0: number;
  readonly key1: number;
  readonly key2: number;
  readonly #nameOf: StreamNaming;

  constructor(nameOf: StreamNaming, key0: number, key1: number, key2: number) {
    super();
    this.#nameOf = nameOf;
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

/** The streams on one line, found by their keys. Allocates only where a stream begins. */
export class StreamTable {
  /** In the order in which they were first seen. */
  readonly streams: StreamTally[] = [];
  /** Times that a packet belonged to another stream than the one before it. */
  changes = 0;
  /** Packets of a stream beyond the 64th. */
  refused = 0;
  /** The stream of the last packet. */
  current: StreamTally | undefined;
  readonly #nameOf: StreamNaming;

  constructor(nameOf: StreamNaming) {
    this.#nameOf = nameOf;
  }

  /** The stream with these keys, which becomes the current one; undefined where there are too many. */
  at(key0: number, key1 = 0, key2 = 0): StreamTally | undefined {
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

  #find(key0: number, key1: number, key2: number): StreamTally | undefined {
    for (const stream of this.streams) {
      if (stream.key0 === key0 && stream.key1 === key1 && stream.key2 === key2) return stream;
    }
    if (this.streams.length === MAX_STREAM_COUNT) return undefined;
    const stream = new StreamTally(this.#nameOf, key0, key1, key2);
    this.streams.push(stream);
    return stream;
  }
}
