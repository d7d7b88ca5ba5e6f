import { type IxgbeOptions, ixgbe } from "../../devices/ixgbe/index.ts";
import type { ReplayTarget } from "../../harness/replay/replay-target.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
/** Loaded by URL, because it runs in the driver's thread. */
const CONSUMER = new URL(`./ixgbe-consumer${EXTENSION}`, import.meta.url).href;

export interface IxgbeTargetOptions {
  readonly device?: IxgbeOptions;
  /** URL of another driver module. Default: the reference driver, polled. */
  readonly driverUrl?: string;
  /** What the driver module gets as `argument.options`. */
  readonly driverOptions?: unknown;
}

/** The Intel 82599 and its reference driver, to replay into. */
export function ixgbeTarget(options: IxgbeTargetOptions = {}): ReplayTarget {
  return {
    device: ixgbe(options.device),
    driverUrl: options.driverUrl ?? CONSUMER,
    driverOptions: options.driverOptions,
    deliveredCounter: "rxDelivered",
    drops: [
      {
        counter: "rxDropPacketBufferFull",
        about: "packet buffer full: the driver was too slow",
        registers: { RXMPC: "packet buffer full: the driver was too slow" },
      },
      {
        counter: "rxDropNoDescriptor",
        about: "no descriptor in the queue: the driver was too slow",
        registers: { QPRDC: "no descriptor in the queue: the driver was too slow" },
      },
      {
        counter: "rxDropError",
        about: "damaged frame",
        registers: {
          CRCERRS: "wrong FCS",
          ROC: "longer than the card was set up for",
          RUC: "shorter than 64 bytes with FCS",
        },
      },
      { counter: "rxDropFilter", about: "not taken by any address or VLAN filter" },
      { counter: "rxDropQueueOff", about: "its queue was disabled" },
      { counter: "rxDropNotReady", about: "receiver off or link down" },
    ],
  };
}
