import type { Interrupt, PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import type { AsyncRun } from "./async-run.ts";
import { type ExploredBed, type ExploredWireEnd, QUIESCE_NS } from "./explored-bed.ts";
import type { PluggedSession } from "./plugged-session.ts";

const NS_PER_MS = 1e6;
const WAIT_LIMIT_MS = 1000;

/** The testbed of one run of an async driver. */
export class AsyncBed implements ExploredBed {
  readonly #inner: PluggedSession;
  readonly #run: AsyncRun;

  constructor(inner: PluggedSession, run: AsyncRun) {
    this.#inner = inner;
    this.#run = run;
  }

  get functions(): readonly PciFunction[] {
    return this.#inner.functions;
  }

  get pci(): PciFunction {
    return this.#inner.pci;
  }

  get wire(): ExploredWireEnd {
    return this.#inner.wire;
  }

  wireOf(device: number, port = 0): ExploredWireEnd {
    return this.#inner.wireOf(device, port);
  }

  direct(interrupt: Interrupt, cpu: number): void {
    this.#inner.direct(interrupt, cpu);
  }

  quiesce(): void {
    this.#inner.quiesce();
  }

  get violations(): readonly Finding[] {
    return this.#inner.violations;
  }

  async until(interrupt: Interrupt, limitMs: number = WAIT_LIMIT_MS): Promise<boolean> {
    const { cpu } = this.#inner.plugged;
    if (!cpu.isExploring) return interrupt.wait(limitMs);
    const limitNs = cpu.nowNs() + limitMs * NS_PER_MS;
    // Another task may take what this one was woken by: then it waits for the next.
    while (!interrupt.poll()) {
      const { count } = interrupt;
      const name = `${interrupt.kind} ${interrupt.vector}`;
      if (!(await this.#run.wait(name, limitNs, () => interrupt.count !== count))) return false;
    }
    return true;
  }

  async untilSent(frameCount: number, limitMs: number = WAIT_LIMIT_MS): Promise<boolean> {
    const { wire } = this;
    const limitNs = this.#inner.plugged.cpu.nowNs() + limitMs * NS_PER_MS;
    const isSent = (): boolean => wire.sent.length >= frameCount;
    return isSent() || (await this.#run.wait(`${frameCount} frames on the wire`, limitNs, isSent));
  }

  async sleep(durationNs: number): Promise<void> {
    await this.#run.wait("sleep", this.#inner.plugged.cpu.nowNs() + durationNs);
  }

  async quiesceAsync(): Promise<void> {
    await this.sleep(QUIESCE_NS);
    const { machine, plugged } = this.#inner;
    machine.state.settled(plugged.cpu.index);
  }
}
