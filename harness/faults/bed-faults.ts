import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { FaultInjector, type FaultReport } from "./fault-injector.ts";
import { describeFault, type FaultKind } from "./fault-kinds.ts";
import { checkRule, type FaultRule } from "./fault-rules.ts";
import type { FaultCommand } from "./faulty.device.ts";
import { faultyFunction } from "./faulty-function.ts";

/** How commands reach a device's wrapper. */
export type AskDevice = (device: number, command: FaultCommand) => Promise<unknown>;

/**
 * Faults of a testbed, armed and disarmed while it runs: `bed.faults`. The wrappers are there because the testbed was plugged in
 * with `faults`; no rule is armed but those that were given then. Those of the kernel's side (`dma-alloc-failed`,
 * `interrupts-fewer`) hold for the functions of the testbed's own thread.
 */
export class BedFaults {
  readonly #ask: AskDevice;
  /** By device: what the kernel does to its driver. */
  readonly #kernels: readonly FaultInjector[];

  constructor(ask: AskDevice, kernels: readonly FaultInjector[]) {
    this.#ask = ask;
    this.#kernels = kernels;
  }

  /** Arms rules beside those that are. Resolves when they hold. Rejects with RangeError for a rule that makes no sense. */
  async arm(rules: FaultRule | readonly FaultRule[], seed = 1): Promise<void> {
    const list = [rules].flat() as readonly FaultRule[];
    for (const rule of list) checkRule(rule);
    for (const [device, kernel] of this.#kernels.entries()) {
      const own = list.filter((rule) => (rule.device ?? 0) === device);
      kernel.arm(own.filter(isKernels), seed);
      const others = own.filter((rule) => !isKernels(rule));
      if (others.length > 0) await this.#ask(device, { faults: "arm", rules: others, seed });
    }
    const stranger = list.find(({ device = 0 }) => this.#kernels[device] === undefined);
    if (stranger !== undefined) throw new RangeError(`fault ${stranger.kind}: there is no device ${stranger.device}`);
  }

  /** Takes the rules of one kind back, or all, on every device. What has begun goes on: a link that is down comes up in its time. */
  async disarm(kind?: FaultKind): Promise<void> {
    for (const [device, kernel] of this.#kernels.entries()) {
      kernel.disarm(kind);
      await this.#ask(device, { faults: "disarm", kind });
    }
  }

  /** What a device and its kernel have met and what has struck them, since the testbed was plugged in. */
  async report(device = 0): Promise<FaultReport> {
    const kernel = this.#kernels[device];
    if (kernel === undefined) throw new RangeError(`there is no device ${device}`);
    const [own, refused] = [(await this.#ask(device, { faults: "report" })) as FaultReport, kernel.report()];
    return { counts: { ...own.counts, ...refused.counts }, struck: [...own.struck, ...refused.struck] };
  }
}

/** What a kernel's side of a testbed is made with. */
export function kernelSide(deviceCount: number): {
  readonly kernels: readonly FaultInjector[];
  around(pci: PciFunction, device: number): PciFunction;
} {
  const kernels = Array.from({ length: deviceCount }, () => new FaultInjector());
  return { kernels, around: (pci, device) => faultyFunction(pci, kernels[device] as FaultInjector) };
}

function isKernels({ kind }: FaultRule): boolean {
  return describeFault(kind).nature === "driver";
}
