import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { FeedHandlerOptions } from "./declaration.ts";

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** The tick-to-trade card, to plug in. Its data sheet is DATASHEET.md in this folder. */
export function feedHandler(options: FeedHandlerOptions = {}): DeviceSpec<FeedHandlerOptions> {
  return { name: "feed-handler", moduleUrl: new URL(`./feed-handler${extension}`, import.meta.url).href, options };
}

export type { FeedHandlerOptions };
