import { PriorityChangePoints } from "../../emulator/explore/strategies/pct.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { PartialOrderSampling } from "../../emulator/explore/strategies/pos.ts";
import { RandomWalk } from "../../emulator/explore/strategies/random-walk.ts";
import { SelectiveUniformRandomWalk } from "../../emulator/explore/strategies/surw.ts";
import { UniformRandomWalk } from "../../emulator/explore/strategies/urw.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";

/** How a search may choose, the default first. */
export type StrategyName = "portfolio" | "pos" | "urw" | "surw" | "pct" | "random";

export const STRATEGY_NAMES: readonly StrategyName[] = ["portfolio", "pos", "urw", "surw", "pct", "random"];

/** A new one, which has learned nothing yet. */
export function strategyNamed(name: StrategyName): Strategy {
  switch (name) {
    case "portfolio":
      return new Portfolio();
    case "pos":
      return new PartialOrderSampling();
    case "urw":
      return new UniformRandomWalk();
    case "surw":
      return new SelectiveUniformRandomWalk();
    case "pct":
      return new PriorityChangePoints();
    case "random":
      return new RandomWalk();
  }
}
