import { FeedEvidence } from "../feeds/feed-evidence.ts";
import { FEED_FORMATS } from "../feeds/feed-recogniser.ts";
import { type StreamPosition, streamPosition } from "../feeds/stream-position.ts";

/**
 * Evidence that will do: a line that carries none of the feeds shows so much of one by chance in one packet of 10^7, and
 * then has a sequence that means nothing. A line's first packet should be read, and the feeds' have more.
 */
const ENOUGH_BITS = 24;
/** Lines that are told apart; those beyond have the same format as nobody. */
const LINE_LIMIT = 1024;

/** What one line (a UDP destination) carries, as far as its packets have shown by now. */
class LineFormat {
  readonly address: number;
  readonly port: number;
  /** Reads the packets of the format that leads; undefined while none does. */
  position: StreamPosition | undefined;
  /** The leading format's name. */
  name = "";
  readonly #evidence = new FeedEvidence(FEED_FORMATS.length);
  #leader = -1;
  #isSure = false;

  constructor(address: number, port: number) {
    this.address = address;
    this.port = port;
  }

  /** Weighs a payload, until it is sure what the line carries. Allocates where another format takes the lead. */
  weigh(bytes: Uint8Array, offset: number, byteLength: number): void {
    if (this.#isSure) return;
    const evidence = this.#evidence;
    for (let index = 0; index < FEED_FORMATS.length; index++) {
      evidence.add(index, FEED_FORMATS[index]?.weigh(bytes, offset, byteLength) ?? -1);
    }
    const { leader } = evidence;
    // A packet that speaks against the leader, a damaged one say, leaves it in the lead until another one is.
    if (leader < 0 || evidence.of(leader) < ENOUGH_BITS) return;
    this.#isSure = evidence.isDecisive(leader);
    if (leader === this.#leader) return;
    this.#leader = leader;
    this.name = FEED_FORMATS[leader]?.name ?? "";
    this.position = streamPosition(this.name);
  }
}

/** What each line carries, told by structure alone and never by address or port. */
export class LineFormats {
  readonly #lines: LineFormat[] = [];
  #last: LineFormat | undefined;

  /** The line with this destination, which is new where it was not seen before; undefined where there are too many. */
  at(address: number, port: number): LineFormat | undefined {
    const last = this.#last;
    if (last !== undefined && last.address === address && last.port === port) return last;
    for (let index = 0; index < this.#lines.length; index++) {
      const line = this.#lines[index] as LineFormat;
      if (line.address !== address || line.port !== port) continue;
      this.#last = line;
      return line;
    }
    if (this.#lines.length === LINE_LIMIT) return undefined;
    const line = new LineFormat(address, port);
    this.#lines.push(line);
    this.#last = line;
    return line;
  }
}
