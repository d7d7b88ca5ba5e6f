import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import { conformance } from "./conformance.ts";
import { DEVICES_UNDER_TEST } from "./devices.ts";
import { openExplored } from "./explored-bed.ts";

for (const device of DEVICES_UNDER_TEST) {
  for (const [model, name] of MEMORY_MODELS.entries()) {
    conformance(device, {
      name: `explored, ${name}`,
      options: { run: "folded" },
      open: (spec) => openExplored(spec, model),
    });
  }
}
