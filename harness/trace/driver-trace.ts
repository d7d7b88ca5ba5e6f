import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { clockFor, type MachineTables } from "../../emulator/run/machine.ts";
import { type TraceChannel, TraceLog } from "./trace-log.ts";
import { tracedFunctions } from "./traced-function.ts";

/** The functions of a driver in the calling thread, recorded into a channel of its own. */
export function traced(functions: readonly PciFunction[], channel: TraceChannel, tables: MachineTables): PciFunction[] {
  return tracedFunctions(functions, new TraceLog(channel, clockFor(tables)));
}
