import { FeedMeter } from "../replay/feed-meter.ts";

/** What was found of one feed on one line. Plain data. */
export interface FeedLine {
  /** Destination "233.54.12.111:26477". */
  readonly line: string;
  /** Session, channel or unit: what numbers count in; empty where the protocol has none. */
  readonly session: string;
  readonly packetCount: number;
  readonly messageCount: number;
  /** Places where numbers were missing on this line, and the messages that were. */
  readonly gapCount: number;
  readonly missingCount: number;
}

/** What was found of one protocol. Plain data. */
export interface FeedFindings {
  /** "MoldUDP64 with ITCH 5.0". */
  readonly protocol: string;
  readonly lines: readonly FeedLine[];
  /** Messages by type, as the protocol names them. */
  readonly messageTypes: Readonly<Record<string, number>>;
}

/**
 * Tells the packets of one protocol from all others by structure, and counts them. Each recogniser gets every frame of
 * the capture, in order of time; to add a protocol, add one to {@link feedRecognisers}.
 */
export interface FeedRecogniser {
  /** Counts the Ethernet frame of `byteLength` bytes at `offset`, without FCS. Keeps nothing of `bytes`. */
  count(bytes: Uint8Array, offset: number, byteLength: number): void;
  /** Undefined when nothing of the protocol was there. */
  report(): FeedFindings | undefined;
}

/** One of each kind, for one capture. */
export function feedRecognisers(): FeedRecogniser[] {
  return [new MoldItchRecogniser()];
}

/** MoldUDP64 with ITCH 5.0, by the meter that replays have. */
class MoldItchRecogniser implements FeedRecogniser {
  readonly #meter = new FeedMeter();

  count(bytes: Uint8Array, offset: number, byteLength: number): void {
    this.#meter.count(bytes, offset, byteLength);
  }

  report(): FeedFindings | undefined {
    const { sessions, itchMessages } = this.#meter.report();
    if (sessions.length === 0) return undefined;
    return {
      protocol: "MoldUDP64 with ITCH 5.0",
      lines: sessions.map(({ line, session, packets, messages, gaps, missing }) => ({
        line,
        session,
        packetCount: packets,
        messageCount: messages,
        gapCount: gaps,
        missingCount: missing,
      })),
      messageTypes: itchMessages,
    };
  }
}
