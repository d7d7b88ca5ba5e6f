import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import { plugIn } from "../plug-in.ts";
import type { Testbed } from "../testbed.ts";
import type { CheckGroup } from "./check-group.ts";
import { CONFIG_CHECKS } from "./config-checks.ts";
import type { DeviceUnderTest, RunMode } from "./device-under-test.ts";
import { DMA_CHECKS } from "./dma-checks.ts";
import { openExplored } from "./explored-bed.ts";
import { REGISTER_CHECKS } from "./register-checks.ts";
import { RESET_CHECKS } from "./reset-checks.ts";

/** One check, for whatever runs tests: `test(check.name, check.run)`. */
export interface ConformanceCheck {
  /** "edu, folded: reset: function-level reset brings every register back, whatever was written". */
  readonly name: string;
  /** Rejects with an AssertionError that says what the device owes. */
  readonly run: () => Promise<void>;
}

/** The device inside the thread of its driver, in virtual time. */
export const FOLDED: RunMode = { name: "folded", options: { run: "folded" } };
/** The device in a thread of its own, by the wall clock. */
export const THREADED: RunMode = { name: "threaded", options: { run: "threaded" } };
export const THREADED_IN_VIRTUAL_TIME: RunMode = {
  name: "threaded in virtual time",
  options: { run: "threaded", clock: "virtual" },
};
/** The ordinary order of a search, once in each memory model. */
export const EXPLORED: readonly RunMode[] = MEMORY_MODELS.map((name, model) => ({
  name: `explored, ${name}`,
  options: { run: "folded" },
  open: (spec) => openExplored(spec, model),
}));
/** All ways to run. */
export const RUN_MODES: readonly RunMode[] = [FOLDED, THREADED, THREADED_IN_VIRTUAL_TIME, ...EXPLORED];

const GROUPS: readonly CheckGroup[] = [CONFIG_CHECKS, REGISTER_CHECKS, RESET_CHECKS, DMA_CHECKS];

/**
 * What every device owes its driver, in every way of running: configuration space, registers, resets and DMA as its data
 * sheet and its register table say.
 *
 * ```ts
 * for (const check of conformance(myDeviceUnderTest)) test(check.name, check.run);
 * ```
 */
export function conformance(
  device: DeviceUnderTest,
  modes: readonly RunMode[] = RUN_MODES,
): readonly ConformanceCheck[] {
  return modes.flatMap((mode) =>
    GROUPS.flatMap((group) =>
      group.checks.map(({ name, check }) => ({
        name: `${device.spec().name}, ${mode.name}: ${group.name}: ${name}`,
        run: () => check(device, () => open(device, mode)),
      })),
    ),
  );
}

function open(device: DeviceUnderTest, mode: RunMode): Promise<Testbed> {
  return mode.open?.(device.spec()) ?? plugIn(device.spec(), mode.options);
}
