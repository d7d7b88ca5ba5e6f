import { type FeedHandlerOptions, feedHandler } from "../../devices/feed-handler/index.ts";
import type { ReplayTarget } from "../../harness/replay/replay-target.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
/** Loaded by URL, because it runs in the driver's thread. */
const CONSUMER = new URL(`./feed-handler-consumer${EXTENSION}`, import.meta.url).href;

export interface FeedHandlerTargetOptions {
  readonly device?: FeedHandlerOptions;
  /** The line that frames come in on, 0 or 1. Default 0. */
  readonly line?: number;
  /** URL of another driver module. Default: the reference driver, which takes every event. */
  readonly driverUrl?: string;
  /** What the driver module gets as `argument.options`. */
  readonly driverOptions?: unknown;
}

/**
 * The tick-to-trade card and its reference driver, to replay into. The card keeps the frames to itself: what comes of them
 * is events, books and orders, and the report says so in its `card`.
 */
export function feedHandlerTarget(options: FeedHandlerTargetOptions = {}): ReplayTarget {
  return {
    device: feedHandler(options.device),
    port: options.line ?? 0,
    driverUrl: options.driverUrl ?? CONSUMER,
    driverOptions: options.driverOptions,
    deliversFrames: false,
    deliveredCounter: "framesTaken",
    deliveredBytesCounter: "bytesTaken",
    drops: [{ counter: "framesDropped", about: "dropped at the line: the pipeline was full, or the card off" }],
  };
}
