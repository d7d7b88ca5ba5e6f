import { type ExanicOptions, exanic } from "../../devices/exanic/index.ts";
import type { ReplayTarget } from "../../harness/replay/replay-target.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
/** Loaded by URL, because it runs in the driver's thread. */
const CONSUMER = new URL(`./exanic-consumer${EXTENSION}`, import.meta.url).href;

export interface ExanicTargetOptions {
  readonly device?: ExanicOptions;
  /** URL of another driver module. Default: the reference driver, polled. */
  readonly driverUrl?: string;
  /** What the driver module gets as `argument.options`. */
  readonly driverOptions?: unknown;
}

/** The ExaNIC and its reference driver, to replay into. A driver that is lapped loses frames that the card has delivered. */
export function exanicTarget(options: ExanicTargetOptions = {}): ReplayTarget {
  return {
    device: exanic(options.device),
    driverUrl: options.driverUrl ?? CONSUMER,
    driverOptions: options.driverOptions,
    deliveredCounter: "rxDelivered",
    drops: [
      { counter: "rxDropOverflow", about: "dropped in the card: frames came faster than the wire goes" },
      { counter: "rxDropNoBuffer", about: "steered to a buffer that is not there" },
      { counter: "rxDropError", about: "too short to be a frame" },
      { counter: "rxDropFilter", about: "for another address" },
      { counter: "rxDropNotReady", about: "port disabled or link down" },
    ],
  };
}
