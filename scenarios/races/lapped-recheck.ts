import type { RaceProgram } from "../../harness/explore/race-program.ts";
import { lossyRing } from "./lossy-ring.ts";

export const lappedRecheck: RaceProgram = {
  name: "lapped-recheck",
  protocol:
    "As lapped-copy, but the reader looks at the generation of the copied chunk once more. The card writes payload first and generation last: while it overwrites the chunk, the old generation is still there. Fixed: looks at the chunk before.",
  source: "exanic_receive_chunk_recheck of libexanic, taken for a cure",
  fails: "all",
  build(m, isFixed) {
    lossyRing(m, isFixed ? "sentinel" : "same-chunk");
  },
};
