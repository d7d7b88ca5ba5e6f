/** Drivers with one mistake each, and the rule that says so. */
import { EDU } from "./edu.ts";
import { EXANIC } from "./exanic.ts";
import { FEED_HANDLER } from "./feed-handler.ts";
import { IXGBE_BRING_UP } from "./ixgbe-bring-up.ts";
import { IXGBE_INTERRUPTS } from "./ixgbe-interrupts.ts";
import { IXGBE_RINGS } from "./ixgbe-rings.ts";
import type { WrongDriver } from "./wrong-driver.ts";

export const CORPUS: readonly WrongDriver[] = [
  ...IXGBE_BRING_UP,
  ...IXGBE_RINGS,
  ...IXGBE_INTERRUPTS,
  ...EDU,
  ...EXANIC,
  ...FEED_HANDLER,
];
