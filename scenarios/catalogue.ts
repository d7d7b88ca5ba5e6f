import { edu } from "../devices/edu/index.ts";
import { exanic } from "../devices/exanic/index.ts";
import { feedHandler } from "../devices/feed-handler/index.ts";
import { ixgbe } from "../devices/ixgbe/index.ts";
import type { CatalogueEntry } from "../harness/cli/catalogue.ts";
import { exanicTarget } from "./replay/exanic-target.ts";
import { feedHandlerTarget } from "./replay/feed-handler-target.ts";
import { ixgbeTarget } from "./replay/ixgbe-target.ts";

/** The devices that the command line knows by name, in the order of lists. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    name: "ixgbe",
    spec: () => ixgbe(),
    target: (options) => ixgbeTarget(options),
    // The backplane variant: for the other one a driver looks for an optical module first.
    linux: { spec: () => ixgbe({ deviceId: 0x10f7 }), modules: ["ixgbe"] },
  },
  { name: "exanic", spec: () => exanic(), target: (options) => exanicTarget(options) },
  { name: "edu", spec: () => edu() },
  { name: "feed-handler", spec: () => feedHandler(), target: (options) => feedHandlerTarget(options) },
];
