import type { Cpu } from "../../emulator/pcie/driver-view.ts";
import { BARRIERS, type CpuLog } from "./cpu-log.ts";
import { BARRIER } from "./trace-ring.ts";

/** The CPU of a driver that is traced. */
export class TracedCpu implements Cpu {
  readonly index: number;
  readonly #cpu: Cpu;
  readonly #log: CpuLog;

  constructor(cpu: Cpu, log: CpuLog) {
    this.index = cpu.index;
    this.#cpu = cpu;
    this.#log = log;
  }

  relax(): void {
    this.#log.relax();
    this.#cpu.relax();
  }

  rmb(): void {
    this.#barrier("rmb");
    this.#cpu.rmb();
  }

  wmb(): void {
    this.#barrier("wmb");
    this.#cpu.wmb();
  }

  mb(): void {
    this.#barrier("mb");
    this.#cpu.mb();
  }

  dmaRmb(): void {
    this.#barrier("dmaRmb");
    this.#cpu.dmaRmb();
  }

  dmaWmb(): void {
    this.#barrier("dmaWmb");
    this.#cpu.dmaWmb();
  }

  beginRacy(reason: string): void {
    this.#cpu.beginRacy(reason);
  }

  endRacy(looksBack: boolean): void {
    this.#cpu.endRacy(looksBack);
  }

  irqSave(): boolean {
    return this.#cpu.irqSave();
  }

  irqRestore(wereHeld: boolean): void {
    this.#cpu.irqRestore(wereHeld);
  }

  synchronizeIrq(): void {
    this.#log.wait("synchronizeIrq", 0, "");
    this.#cpu.synchronizeIrq();
    this.#log.wake("synchronizeIrq", 0, false, "");
  }

  nowNs(): number {
    return this.#cpu.nowNs();
  }

  delay(durationNs: number): void {
    const what = `${durationNs} ns`;
    this.#log.wait("delay", 0, what);
    this.#cpu.delay(durationNs);
    this.#log.wake("delay", 0, false, what);
  }

  #barrier(name: (typeof BARRIERS)[number]): void {
    this.#log.note(BARRIER, 0, 0, BARRIERS.indexOf(name), 0, 0, 0);
  }
}
