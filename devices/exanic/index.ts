import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { ExanicOptions } from "./declaration.ts";

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** The ExaNIC X10, to plug in. Its data sheet is DATASHEET.md in this folder. */
export function exanic(options: ExanicOptions = {}): DeviceSpec<ExanicOptions> {
  return { name: "exanic", moduleUrl: new URL(`./exanic${extension}`, import.meta.url).href, options };
}

export type { ExanicOptions };
