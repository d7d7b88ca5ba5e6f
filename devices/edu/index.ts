import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { EduOptions } from "./edu.ts";

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** QEMU's teaching device, to plug in. Its data sheet is DATASHEET.md in this folder. */
export function edu(options: EduOptions = {}): DeviceSpec<EduOptions> {
  return { name: "edu", moduleUrl: new URL(`./edu${extension}`, import.meta.url).href, options };
}

export type { EduOptions };
