import type { RaceProgram } from "../../harness/explore/race-program.ts";
import { lossyRing } from "./lossy-ring.ts";

export const lappedCopy: RaceProgram = {
  name: "lapped-copy",
  protocol:
    "A card overwrites its ring without asking. The reader sees the generation that it expects and copies; meanwhile the card comes round, and what was copied is of another frame. Fixed: the generation of the chunk before is looked at once more after the copy.",
  source: "libexanic, cisco/exanic-software#44",
  fails: "all",
  build(m, isFixed) {
    lossyRing(m, isFixed ? "sentinel" : "none");
  },
};
