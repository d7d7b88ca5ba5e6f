import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { parseFaults } from "../faults/fault-rules.ts";
import { FRAMES_LOST } from "../faults/faulty.device.ts";
import { faulty } from "../faults/faulty.ts";
import type { ReplayTarget } from "../replay/replay-target.ts";
import { UsageError } from "./exit-codes.ts";
import { type Arguments, type Flag, wholeNumber } from "./verb.ts";

export const FAULT_FLAGS: readonly Flag[] = [
  {
    name: "fault",
    value: "FAULTS",
    about: "what else goes wrong: KIND=PROBABILITY or KIND#N; softbar faults lists the kinds",
  },
  { name: "fault-seed", value: "N", about: "what the chance of --fault comes from (default 1)" },
];

/** The target with the faults around its card that were asked for. Throws UsageError in one sentence for what makes no sense. */
export function withFaults(target: ReplayTarget, given: Arguments): ReplayTarget {
  const text = given.value("fault");
  if (text === undefined) return target;
  const seed = wholeNumber(given, "fault-seed", 0) ?? 1;
  let device: DeviceSpec;
  try {
    device = faulty(target.device, parseFaults(text), seed);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--fault: ${error.message}`);
  }
  return { ...target, device, drops: [...target.drops, { counter: FRAMES_LOST, about: "lost to a fault" }] };
}
