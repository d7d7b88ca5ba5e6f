import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { IxgbeOptions } from "./declaration.ts";

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** The Intel 82599, to plug in. Its data sheet in short, and what is modelled of it, is DATASHEET.md in this folder. */
export function ixgbe(options: IxgbeOptions = {}): DeviceSpec<IxgbeOptions> {
  return { name: "ixgbe", moduleUrl: new URL(`./ixgbe${extension}`, import.meta.url).href, options };
}

export type { IxgbeOptions };
