import type { DeviceSpec } from "../../emulator/index.ts";

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

/** The device, to plug in: `await plugIn(templateDevice())`. Its data sheet is DATASHEET.md in this folder. */
export default function templateDevice(): DeviceSpec {
  return {
    name: "template-device",
    moduleUrl: new URL(`./template-device${extension}`, import.meta.url).href,
    options: {},
  };
}
