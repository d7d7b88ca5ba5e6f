import type { UdpFlow } from "../../../emulator/wire/build-frame.ts";
import type { ArchiveTables } from "../../../emulator/wire/recovery/message-archive.ts";

/** What is to be made of the streams that a replay delivers, as the command line and the library ask for it. */
export interface StreamOptions {
  /** Makes one stream out of the lines that carry it. */
  readonly arbitrate?: ArbitrateOptions;
  /** Asks a re-request server for the messages of MoldUDP64 sessions that do not come. */
  readonly recover?: RecoverOptions;
  /** Keeps the order books of ITCH and PITCH. */
  readonly books?: boolean;
}

export interface ArbitrateOptions {
  /**
   * Lines that carry the same streams, as UDP destinations: `[["224.0.31.64:14340", "224.0.32.64:15340"]]`; the first of
   * them is line A. Found by what they carry when left out.
   */
  readonly lines?: readonly (readonly string[])[];
  /** Default `latency`; with books and without recovery `reliability`, because books need their messages in order. */
  readonly mode?: "latency" | "reliability";
  /** How long a hole stays open for a line that is silent. Default 1 ms. */
  readonly gapLimitNs?: number;
}

/** The server at the far end of the wire, and how often it is asked. Probabilities are 0 unless given. */
export interface RecoverOptions {
  /** From a request to its answer; default 50 µs, and up to `jitterNs` longer. */
  readonly latencyNs?: number;
  readonly jitterNs?: number;
  /** Probability that a request is refused, and that an answer is shorter than it could be. */
  readonly refuse?: number;
  readonly partial?: number;
  /** Requests that it serves in any second. */
  readonly requestsPerSecond?: number;
  /** Times that a message is asked for in vain before it is given up. Default 5. */
  readonly attempts?: number;
  readonly seed?: number;
}

/** A UDP destination. The address is a signed word in host order. */
export interface PlannedLine {
  readonly name: string;
  readonly address: number;
  readonly port: number;
}

/** Lines that carry the same streams, the best known first. One alone is a group too. */
export interface LineGroup {
  readonly format: string;
  readonly lines: readonly PlannedLine[];
  /** Streams that the capture has on the lines. */
  readonly streamCount: number;
}

/** A MoldUDP64 session that is recovered: who asks, who answers, and with what. */
export interface RecoveredSession {
  /** As the packets have it: ten characters at most, blanks at the end cut. */
  readonly session: string;
  /** The same for reports. */
  readonly name: string;
  readonly group: number;
  readonly archive: ArchiveTables;
  /** From the consumer to the server. */
  readonly requests: UdpFlow;
}

/** What driver and device thread are told. Structured-cloneable. */
export interface StreamPlan {
  readonly groups: readonly LineGroup[];
  readonly arbitration: { readonly mode: "latency" | "reliability"; readonly gapLimitNs: number } | undefined;
  readonly recovery: { readonly sessions: readonly RecoveredSession[]; readonly service: RecoverOptions } | undefined;
  readonly books: boolean;
}

/** @throws RangeError in one sentence when options contradict each other, or a value cannot be. */
export function checkStreamOptions({ arbitrate, recover, books }: StreamOptions): void {
  if (books === true && recover === undefined && arbitrate?.mode === "latency") {
    throw new RangeError(
      "books need their messages in order, and latency passes them as they come: take reliability, or recovery behind it.",
    );
  }
  if (arbitrate?.gapLimitNs !== undefined && !(arbitrate.gapLimitNs >= 0)) {
    throw new RangeError(`a gap limit of ${arbitrate.gapLimitNs} ns makes no sense.`);
  }
  for (const lines of arbitrate?.lines ?? []) {
    if (lines.length < 2 || lines.length > 8 || new Set(lines).size < lines.length) {
      throw new RangeError(
        `"${lines.join("+")}" is no 2 to 8 different lines; write 224.0.31.64:14340+224.0.32.64:15340.`,
      );
    }
  }
  const named = (arbitrate?.lines ?? []).flat();
  const twice = named.find((line, index) => named.indexOf(line) !== index);
  if (twice !== undefined) throw new RangeError(`line ${twice} is named twice.`);
  if (recover !== undefined) checkRecover(recover);
}

const TIME_LIMIT_NS = 2 ** 32 - 1;
const RATE_LIMIT = 65_536;
const ATTEMPT_LIMIT = 255;

function checkRecover({ latencyNs = 0, jitterNs = 0, refuse = 0, partial = 0, ...rest }: RecoverOptions): void {
  for (const [name, value] of Object.entries({ refuse, partial })) {
    if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} is a probability, 0 to 1, not ${value}.`);
  }
  for (const [name, value] of Object.entries({ latency: latencyNs, jitter: jitterNs })) {
    if (!(Number.isInteger(value) && value >= 0 && value <= TIME_LIMIT_NS)) {
      throw new RangeError(`${name} is a time of whole nanoseconds up to 4.29 s, not ${value} ns.`);
    }
  }
  const { requestsPerSecond = 1, attempts = 1 } = rest;
  for (const [name, value, limit] of [
    ["rate", requestsPerSecond, RATE_LIMIT],
    ["attempts", attempts, ATTEMPT_LIMIT],
  ] as const) {
    if (!(Number.isInteger(value) && value >= 1 && value <= limit)) {
      throw new RangeError(`${name} is a whole number from 1 to ${limit}, not ${value}.`);
    }
  }
}
