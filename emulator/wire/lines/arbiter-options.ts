/** How an arbiter chooses. */
export interface ArbiterOptions {
  /**
   * `latency`: a message is passed when the first line brings it, whatever is missing before it. `reliability`: messages
   * are passed in order; those behind a hole wait for the line that fills it.
   */
  readonly mode: "latency" | "reliability";
  /** 2 (default) to 8. */
  readonly lineCount?: number;
  /** Streams that are told apart; packets of further ones are refused and counted. Default 1. */
  readonly streamLimit?: number;
  /** 32: the feed's sequences wrap to 0 behind 2^32 − 1. 64 (default): they are Numbers below 2^53. */
  readonly sequenceBits?: 32 | 64;
  /** How long a hole stays open when a line that could fill it is silent. Default 1 ms. */
  readonly gapLimitNs?: number;
  /**
   * Sequences by which one line may itself be out of order: a line is past a hole once it is so far beyond it. Default 0:
   * the path of a multicast group keeps its order.
   */
  readonly reorderSequences?: number;
  /** Sequences that are remembered: a power of two. A line further behind than this is not compared. Default 16,384. */
  readonly windowSequences?: number;
  /**
   * A packet so many sequences, or more, behind what its own line has reached is no old packet: the line counts anew.
   * Default `windowSequences`. A shorter restart must be told by `restart`.
   */
  readonly restartDistance?: number;
  /** Whether lines are held against each other by a CRC-32 of every packet, which takes most of the time. Default true. */
  readonly comparesPayloads?: boolean;
  /** `reliability`: packets that can wait. When one more would have to, the oldest hole is declared lost. Default 256. */
  readonly heldPacketLimit?: number;
  /** `reliability`: longest packet, in bytes. Default 2,048. */
  readonly packetByteLimit?: number;
}

const LINE_COUNT_MAX = 8;

/** Fills in the defaults. @throws RangeError for what cannot be. */
export function checkedArbiterOptions(options: ArbiterOptions): Required<ArbiterOptions> {
  const windowSequences = options.windowSequences ?? 16_384;
  const chosen: Required<ArbiterOptions> = {
    lineCount: 2,
    streamLimit: 1,
    sequenceBits: 64,
    gapLimitNs: 1_000_000,
    reorderSequences: 0,
    restartDistance: windowSequences,
    comparesPayloads: true,
    heldPacketLimit: 256,
    packetByteLimit: 2048,
    ...options,
    windowSequences,
  };
  checkRange("lineCount", chosen.lineCount, 2, LINE_COUNT_MAX);
  checkRange("streamLimit", chosen.streamLimit, 1, 4096);
  checkRange("windowSequences", windowSequences, 2, 2 ** 24);
  if ((windowSequences & (windowSequences - 1)) !== 0) {
    throw new RangeError(`arbiter: windowSequences is ${windowSequences}; want a power of two`);
  }
  checkRange("reorderSequences", chosen.reorderSequences, 0, windowSequences);
  checkRange("restartDistance", chosen.restartDistance, 1, 2 ** 31 - 1);
  checkRange("heldPacketLimit", chosen.heldPacketLimit, 1, 2 ** 20);
  checkRange("packetByteLimit", chosen.packetByteLimit, 1, 2 ** 16);
  if (!(chosen.gapLimitNs >= 0)) throw new RangeError(`arbiter: gapLimitNs is ${chosen.gapLimitNs}; want 0 or more`);
  return chosen;
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`arbiter: ${name} is ${value}; want an integer from ${min} to ${max}`);
}
