import { setFlagsFromString } from "node:v8";

/**
 * Raises what V8's optimising compiler may inline into one function. A model hands a frame through a dozen small methods,
 * one idea each, and V8's defaults stop in the middle of them: an eighth of the time of a frame is calls and checks that
 * the caller has made already. V8 has no flags of a thread, so this holds for the process; all that it changes is how
 * much machine code a hot function may have. Both names have been V8's since Node 12.
 */
export function inlineDeeply(): void {
  setFlagsFromString("--max-inlined-bytecode-size=1000");
  setFlagsFromString("--max-inlined-bytecode-size-cumulative=3000");
}
