import type { RaceProgram } from "../../harness/explore/race-program.ts";
import { lossyRing } from "./lossy-ring.ts";

export const lappedNoBarrier: RaceProgram = {
  name: "lapped-no-barrier",
  protocol:
    "As lapped-copy with its cure, but nothing keeps the look back behind the copy: the generation is loaded early, and the copy made afterwards. Fixed: dmaRmb between them.",
  source: "the cure of cisco/exanic-software#44 on a machine that reorders loads",
  fails: ["relaxed"],
  build(m, isFixed) {
    lossyRing(m, isFixed ? "sentinel" : "sentinel-unfenced", 1);
  },
};
