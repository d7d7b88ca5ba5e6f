import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { FaultInjector, type FaultReport, type WaitingFault } from "./fault-injector.ts";
import { describeFault, type FaultKind } from "./fault-kinds.ts";
import { checkRule, type FaultRule, faultText } from "./fault-rules.ts";
import type { FaultCommand } from "./faulty.device.ts";
import { faultyFunction } from "./faulty-function.ts";

/** How commands reach a device's wrapper. */
export type AskDevice = (device: number, command: FaultCommand) => Promise<unknown>;

/** A fault was armed and has not struck: what the test is about was not tested. */
export class FaultNotStruckError extends Error {
  override readonly name = "FaultNotStruckError";
}

/**
 * Faults of a testbed, armed and disarmed while it runs: `bed.faults`. The wrappers are there because the testbed was plugged in
 * with `faults`; no rule is armed but those that were given then. Those of the kernel's side (`dma-alloc-failed`,
 * `interrupts-fewer`) hold for the functions of the testbed's own thread.
 *
 * ```ts
 * await bed.faults.arm({ kind: "interrupt-lost", nth: 1 }); // the next one
 * driver.transmit(frame);
 * await bed.faults.mustHaveStruck(); // it was lost, and not just not raised yet
 * ```
 *
 * A rule that is still armed when the testbed is closed, and has not struck, is warned of on the console; {@link disarm} takes
 * back what need not strike.
 */
export class BedFaults {
  readonly #ask: AskDevice;
  /** By device: what the kernel does to its driver. */
  readonly #kernels: readonly FaultInjector[];
  readonly #rest: () => Promise<void>;

  /** `rest`: resolves when nothing is under way in the testbed any more. */
  constructor(ask: AskDevice, kernels: readonly FaultInjector[], rest: () => Promise<void>) {
    this.#ask = ask;
    this.#kernels = kernels;
    this.#rest = rest;
  }

  /**
   * Arms rules beside those that are: the n-th occurrence is counted from now, so that 1 is the next. Resolves when they hold.
   * Rejects with RangeError for a rule that makes no sense; then none is armed.
   */
  async arm(rules: FaultRule | readonly FaultRule[], seed = 1): Promise<void> {
    for (const [device, { ofCard, ofKernel }] of rulesByDevice(rules, this.#kernels.length).entries()) {
      (this.#kernels[device] as FaultInjector).arm(ofKernel, seed);
      if (ofCard.length > 0) await this.#ask(device, { faults: "arm", rules: ofCard, seed });
    }
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
    return {
      counts: { ...own.counts, ...refused.counts },
      struck: [...own.struck, ...refused.struck],
      waiting: [...own.waiting, ...refused.waiting],
    };
  }

  /**
   * For the end of a test: resolves when every rule that is armed has struck, as often as it says when. What is under way in the
   * testbed comes to rest first, where one has not. Rejects with {@link FaultNotStruckError} that names those that still have
   * not, and how often they could have.
   */
  async mustHaveStruck(): Promise<void> {
    if ((await this.#waitingLines()).length === 0) return;
    // Under faults it need not come to rest.
    await this.#rest().catch(() => {});
    const lines = await this.#waitingLines();
    if (lines.length > 0) throw new FaultNotStruckError([...lines, CURE].join("\n"));
  }

  /** Says on the console what has not struck, as its testbed is closed: whoever has not asked hears of it all the same. */
  async warnOfWaiting(): Promise<void> {
    const lines = await this.#waitingLines();
    if (lines.length > 0) console.warn(lines.map((line) => `softbar: ${line}`).join("\n"));
  }

  async #waitingLines(): Promise<string[]> {
    const lines: string[] = [];
    for (const device of this.#kernels.keys()) {
      const at = this.#kernels.length > 1 ? ` of device ${device}` : "";
      for (const waiting of (await this.report(device)).waiting) lines.push(waitingText(waiting, at));
    }
    return lines;
  }
}

const CURE =
  "Nothing of it was tested: let the run come to such a place, or take back by disarm() what need not strike.";

function waitingText({ rule, met, struck }: WaitingFault, at: string): string {
  const times = struck === 0 ? "never struck" : `struck ${struck === 1 ? "once" : `${struck} times`} only`;
  const places = met === 0 ? "no place" : met === 1 ? "one place" : `${met} places`;
  return `fault ${faultText(rule)}${at} ${times}: since it was armed the run came to ${places} for ${rule.kind}`;
}

interface RulesOfDevice {
  readonly ofCard: readonly FaultRule[];
  /** What its driver's kernel refuses. */
  readonly ofKernel: readonly FaultRule[];
}

/** Throws RangeError for a rule that makes no sense, and for one of a device that is not there. */
export function rulesByDevice(rules: FaultRule | readonly FaultRule[], deviceCount: number): RulesOfDevice[] {
  const list = [rules].flat() as readonly FaultRule[];
  for (const rule of list) checkRule(rule);
  const devices = Array.from({ length: deviceCount }, (_, index) => index);
  const stranger = list.find(({ device = 0 }) => !devices.includes(device));
  if (stranger !== undefined) throw new RangeError(`fault ${stranger.kind}: there is no device ${stranger.device}`);
  return devices.map((device) => {
    const own = list.filter((rule) => (rule.device ?? 0) === device);
    return { ofCard: own.filter((rule) => !isKernels(rule)), ofKernel: own.filter(isKernels) };
  });
}

/** What a kernel's side of a testbed is made with: by device, the rules that hold from the start. */
export function kernelSide(
  rules: readonly RulesOfDevice[],
  seed: number | undefined,
): {
  readonly kernels: readonly FaultInjector[];
  around(pci: PciFunction, device: number): PciFunction;
} {
  const kernels = rules.map(({ ofKernel }) => {
    const kernel = new FaultInjector();
    kernel.arm(ofKernel, seed);
    return kernel;
  });
  return { kernels, around: (pci, device) => faultyFunction(pci, kernels[device] as FaultInjector) };
}

function isKernels({ kind }: FaultRule): boolean {
  return describeFault(kind).nature === "driver";
}
