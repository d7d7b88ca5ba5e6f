/** Cards with a reference driver, to replay into: `await replay({ target: ixgbeTarget(), file: "session.pcap" })`. */

export { type ExanicTargetOptions, exanicTarget } from "./replay/exanic-target.ts";
export { type FeedHandlerTargetOptions, feedHandlerTarget } from "./replay/feed-handler-target.ts";
export { type IxgbeTargetOptions, ixgbeTarget } from "./replay/ixgbe-target.ts";
