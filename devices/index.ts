/** The devices there are, to plug in: `await plugIn(ixgbe())`. Each folder has its data sheet, DATASHEET.md. */

export { type EduOptions, edu } from "./edu/index.ts";
export { type ExanicOptions, exanic } from "./exanic/index.ts";
export { type FeedHandlerOptions, feedHandler } from "./feed-handler/index.ts";
export { type IxgbeOptions, ixgbe } from "./ixgbe/index.ts";
