import type { ExploredMachine } from "../../emulator/explore/plugged/explored-machine.ts";
import type { AnySession } from "./search-session.ts";

/** A session of a driver and its devices, where a small program has neither. */
export interface DriverSession extends AnySession {
  readonly plugged: ExploredMachine;
  close(): Promise<void>;
}

export function isOfDriver(session: AnySession): session is DriverSession {
  return "plugged" in session;
}
