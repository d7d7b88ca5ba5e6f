/**
 * The reference driver of the ExaNIC against the whole card, with a ring of four chunks that is lapped at once:
 * `softbar explore scenarios/explorations/exanic-lapped.ts` finds nothing, and exanic-lapped-old.ts beside it the published race.
 */
import { type ExplorationModule, exploration } from "../../harness/explore/exploration.ts";
import { ExanicReader } from "../drivers/exanic-reader.ts";
import { type LappedSetUp, lappedExploration } from "./exanic-ring-of-four.ts";

const lapped: ExplorationModule<LappedSetUp> = exploration(lappedExploration(ExanicReader));

export default lapped;
