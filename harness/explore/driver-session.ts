import type { ExploredMachine } from "../../emulator/explore/plugged/explored-machine.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import type { ExploredTracing } from "../trace/explored-tracing.ts";
import type { AnySession } from "./search-session.ts";

/** A session of a driver and its devices, where a small program has neither. */
export interface DriverSession extends AnySession {
  readonly plugged: ExploredMachine;
  /** What is worth a look in the runs so far, each once. */
  readonly notes: readonly Finding[];
  /** Who can stand around its devices and its driver; undefined where nobody wants a trace. */
  readonly tracing: ExploredTracing | undefined;
  close(): Promise<void>;
}

export function isOfDriver(session: AnySession): session is DriverSession {
  return "plugged" in session;
}
