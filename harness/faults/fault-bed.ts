import type { Interrupt } from "../../emulator/pcie/driver-view.ts";
import { TestbedError } from "../../emulator/run/testbed-error.ts";
import { type ExploredBed, QUIESCE_NS } from "../explore/explored-bed.ts";
import { FoldedTestbed } from "../folded-testbed.ts";
import type { Meanwhile } from "./run-waits.ts";
import { VirtualWaits } from "./virtual-waits.ts";

const LIMIT_MS = 1000;
const NS_PER_MS = 1_000_000;

/** A folded testbed that a body of an exploration can be handed as well: in the ordinary order of events. */
export class FaultBed extends FoldedTestbed implements ExploredBed, Meanwhile {
  /** What the driver waits for, timers among it. */
  readonly waits: VirtualWaits = new VirtualWaits();
  readonly advice: string =
    "; where set-up or body is declared async the driver's timers are virtual, and what nothing settles is told in a second";
  /** When something was settled last. */
  #settledNs = Number.NEGATIVE_INFINITY;

  /** At rest when it returns, whether it is awaited or not. Throws TestbedError when the devices do not come to rest. */
  override quiesce(): Promise<void> {
    this.settle();
    return Promise.resolve();
  }

  direct(_interrupt: Interrupt, cpu: number): void {
    if (cpu !== 0) throw new TestbedError("a run with faults has one CPU");
  }

  async until(interrupt: Interrupt, limitMs: number = LIMIT_MS): Promise<boolean> {
    const limitNs = this.#nowNs + limitMs * NS_PER_MS;
    // Another task may take what this one was woken by: then it waits for the next.
    while (!interrupt.poll()) {
      const { count } = interrupt;
      const name = `${interrupt.kind} ${interrupt.vector}`;
      if (!(await this.waits.wait(name, limitNs, () => interrupt.count !== count))) return false;
    }
    return true;
  }

  async untilSent(frameCount: number, limitMs: number = LIMIT_MS): Promise<boolean> {
    const isSent = (): boolean => this.wire.sent.length >= frameCount;
    const limitNs = this.#nowNs + limitMs * NS_PER_MS;
    return isSent() || (await this.waits.wait(`${frameCount} frames on the wire`, limitNs, isSent));
  }

  async sleep(durationNs: number): Promise<void> {
    await this.waits.wait("sleep", this.#nowNs + durationNs, () => false);
  }

  async quiesceAsync(): Promise<void> {
    await this.sleep(QUIESCE_NS);
    this.settle();
  }

  attend(): void {
    this.pci.cpu.delay(0);
  }

  /** All of the driver's code waits: settles what is over, or lets time move to what is planned next, with its handlers. */
  goOn(): boolean {
    const { cpu } = this.pci;
    const nowNs = cpu.nowNs();
    if (this.waits.settleNext(nowNs)) {
      // Whoever polls by `setImmediate` lets time pass, as one that relaxes does.
      if (nowNs === this.#settledNs) cpu.relax();
      this.#settledNs = nowNs;
      return true;
    }
    const nextNs = Math.min(this.nextEventNs, this.waits.earliestNs);
    if (nextNs === Number.POSITIVE_INFINITY) return false;
    cpu.delay(Math.max(0, nextNs - nowNs));
    return true;
  }

  get #nowNs(): number {
    return this.pci.cpu.nowNs();
  }
}
