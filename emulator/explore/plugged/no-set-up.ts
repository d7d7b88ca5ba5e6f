import type { CpuLink } from "../../driver/cpu-link.ts";
import { TestbedError } from "../../run/testbed-error.ts";

function refuse(): never {
  throw new TestbedError("a CPU that runs in a worker takes part in nothing but the explored part of a run");
}

/** The way of a CPU that has no set-up: all of its accesses are explored. */
export const NO_SET_UP: CpuLink = {
  readHigh: 0,
  write: refuse,
  read: refuse,
  configRead: refuse,
  configWrite: refuse,
  announce: refuse,
  mapBar: refuse,
  relax: refuse,
  waitForInterrupt: refuse,
  delay: refuse,
  nowNs: refuse,
};
