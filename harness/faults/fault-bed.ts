import type { Interrupt } from "../../emulator/pcie/driver-view.ts";
import { TestbedError } from "../../emulator/run/testbed-error.ts";
import type { ExploredBed } from "../explore/explored-bed.ts";
import { FoldedTestbed } from "../folded-testbed.ts";

const LIMIT_MS = 1000;
const NS_PER_MS = 1_000_000;
/** How far time moves at a time while something is waited for. */
const STEP_NS = 100_000;

/** A folded testbed that a body of an exploration can be handed as well: in the ordinary order of events. */
export class FaultBed extends FoldedTestbed implements ExploredBed {
  /** At rest when it returns, whether it is awaited or not. Throws TestbedError when the devices do not come to rest. */
  override quiesce(): Promise<void> {
    this.settle();
    return Promise.resolve();
  }

  direct(_interrupt: Interrupt, cpu: number): void {
    if (cpu !== 0) throw new TestbedError("a run with faults has one CPU");
  }

  until(interrupt: Interrupt, limitMs: number = LIMIT_MS): Promise<boolean> {
    return Promise.resolve(interrupt.wait(limitMs));
  }

  async untilSent(frameCount: number, limitMs: number = LIMIT_MS): Promise<boolean> {
    for (let leftNs = limitMs * NS_PER_MS; leftNs > 0; leftNs -= STEP_NS) {
      if (this.wire.sent.length >= frameCount) return true;
      this.pci.cpu.delay(STEP_NS);
    }
    return this.wire.sent.length >= frameCount;
  }

  async sleep(durationNs: number): Promise<void> {
    this.pci.cpu.delay(durationNs);
  }

  quiesceAsync(): Promise<void> {
    return this.quiesce();
  }
}
