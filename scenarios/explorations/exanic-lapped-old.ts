/** As exanic-lapped.ts, with the reader as it was before cisco/exanic-software#44: it believes what it has copied. */
import { type ExplorationModule, exploration } from "../../harness/explore/exploration.ts";
import { BelievingReader } from "../drivers/exanic-old-readers.ts";
import { type LappedSetUp, lappedExploration } from "./exanic-ring-of-four.ts";

const lapped: ExplorationModule<LappedSetUp> = exploration(lappedExploration(BelievingReader));

export default lapped;
