import type { UdpFlow } from "../build-frame.ts";
import type { CboeLogin } from "../feeds/cboe-recovery.ts";
import type { ServiceOptions } from "./service-policy.ts";

/**
 * A gap request proxy. `requestsPerSecond` is its quota of the second, `refusalProbability` how often it says that a unit is
 * unavailable, `partialProbability` how often it accepts a request and sends only a part.
 */
export interface CboeProxyOptions extends ServiceOptions {
  /** Units that it serves, each from sequence 1 on. */
  readonly units: readonly number[];
  /** The one login that it accepts; any when left out. */
  readonly login?: CboeLogin;
  /** Where the messages go: the gap-response group. */
  readonly gapGroup: UdpFlow;
  /** Messages that one request may want. Default 100. */
  readonly requestMessageLimit?: number;
  /** Requests in any minute, and in all. Default: any number. */
  readonly requestsPerMinute?: number;
  readonly requestsPerDay?: number;
  /** Largest UDP payload of a retransmission. Default 1,472. */
  readonly payloadByteLimit?: number;
  /** Between two heartbeats, on the connection and on the group. Default 1 s. */
  readonly heartbeatNs?: number;
  /** A client silent for so long is cut off. Default 5 s. */
  readonly silenceLimitNs?: number;
}

/** What a proxy did. Plain data. */
export interface CboeProxyReport {
  /** Requests by the status they got: A, O, D, M, S, C, I, U. */
  readonly requests: Readonly<Record<string, number>>;
  /** Logins by status. */
  readonly logins: Readonly<Record<string, number>>;
  readonly messagesSent: number;
  readonly heartbeatsReceived: number;
  /** Answers, and frames to the group, that found no room. */
  readonly dropped: number;
  /** Why it closed the connection; undefined while it has not. */
  readonly closedBecause: string | undefined;
}
