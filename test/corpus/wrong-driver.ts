import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";

/** What a driver of the corpus is driven in. */
export interface CorpusBed {
  readonly pci: PciFunction;
  readonly wire: { send(frame: Uint8Array): void };
}

export type CorpusRun = "folded" | "explored" | "threaded";

/** A driver with one mistake, and its twin without. */
export interface WrongDriver {
  readonly name: string;
  /** What is wrong, as somebody would write it in a commit that mends it. */
  readonly mistake: string;
  /** The rule that says so, and the only one that says anything. */
  readonly rule: string;
  /** Where it is seen. */
  readonly runs: readonly CorpusRun[];
  readonly device: DeviceSpec;
  /**
   * Brings the driver up and returns what it then does, right or wrong. Comes to its end whatever the card does; what it
   * throws is part of the mistake, and does not matter.
   */
  readonly setup: (bed: CorpusBed, isWrong: boolean) => () => void;
}

/** Entries of one device: a name, what is wrong, the rule, the driver. */
export type Mistake = readonly [
  name: string,
  mistake: string,
  rule: string,
  setup: WrongDriver["setup"],
  runs?: readonly CorpusRun[],
];

export function wrongDrivers(device: DeviceSpec, mistakes: readonly Mistake[]): readonly WrongDriver[] {
  return mistakes.map(([name, mistake, rule, setup, runs = ["folded"]]) => {
    return { name: `${device.name}-${name}`, mistake, rule, runs, device, setup };
  });
}
