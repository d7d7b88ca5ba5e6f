import { Arena } from "../memory/arena.ts";
import type { HostMemory } from "../memory/host-memory.ts";
import { Iommu } from "../memory/iommu.ts";
import {
  CAPABILITY_MSI,
  CAPABILITY_MSIX,
  CAPABILITY_PCI_EXPRESS,
  EXP_DEVICE_CONTROL,
  EXP_DEVICE_CONTROL_INITIATE_FLR,
  MSI_ADDRESS_HIGH,
  MSI_ADDRESS_LOW,
  MSI_CONTROL,
  MSI_CONTROL_ENABLE,
  MSI_DATA,
  MSIX_CONTROL,
  MSIX_CONTROL_ENABLE,
} from "../pcie/capabilities.ts";
import { findCapability } from "../pcie/capability-walk.ts";
import { COMMAND, COMMAND_BUS_MASTER, COMMAND_INTX_DISABLE, COMMAND_MEMORY_SPACE } from "../pcie/config-header.ts";
import type { MsixDeclaration } from "../pcie/config-space.ts";
import type { Bar, Config, Dma, Interrupt, InterruptKind, PciFunction } from "../pcie/driver-view.ts";
import { InterruptController, MSI_WINDOW } from "../pcie/interrupt-controller.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";
import type { FunctionTables, MachineTables } from "../run/machine.ts";
import { DriverBar } from "./bar.ts";
import { DriverCpu } from "./cpu.ts";
import type { CpuLink } from "./cpu-link.ts";
import { DriverDma } from "./dma.ts";
import { DriverInterrupt, type InterruptState } from "./interrupt.ts";

/** What one CPU holds of one PCI function: the same class over every link. */
export class DriverPciFunction implements PciFunction {
  readonly name: string;
  readonly cpu: DriverCpu;
  readonly config: Config;
  readonly dma: Dma;
  readonly #link: CpuLink;
  readonly #tables: FunctionTables;
  readonly #controller: InterruptController;
  readonly #bars: readonly (DriverBar | undefined)[];
  /** Numbers at the interrupt controller by vector: taken once, used again whenever interrupts are set up anew. */
  readonly #irqs: number[] = [];
  /** What the last set-up gave out. */
  #interrupts: readonly DriverInterrupt[] = [];

  /**
   * `memory` is the calling thread's view of host memory. `cpu` is the CPU's index, or the CPU itself where the thread
   * has another function already: one CPU runs the handlers of all its functions. `findings`: who is told of what this
   * side finds by itself.
   */
  constructor(
    link: CpuLink,
    machine: MachineTables,
    tables: FunctionTables,
    memory: HostMemory,
    cpu: DriverCpu | number,
    findings?: FindingRecorder,
  ) {
    this.name = tables.declaration.name;
    this.#link = link;
    this.#tables = tables;
    this.#controller = new InterruptController(machine.interrupts);
    this.cpu = typeof cpu === "number" ? new DriverCpu(cpu, link, this.#controller) : cpu;
    this.config = new DriverConfig(link);
    this.dma = new DriverDma(
      new Arena(machine.arena),
      memory,
      new Iommu(tables.iommu),
      link,
      machine.options.ownMemory !== undefined,
      findings,
    );
    const bars: (DriverBar | undefined)[] = [];
    for (const bar of tables.declaration.bars)
      bars[bar.index] = new DriverBar(bar.index, bar.byteLength, tables.barOffsets[bar.index] ?? 0, link, this.cpu);
    this.#bars = bars;
  }

  /** What was taken of each interrupt; {@link restore} goes back to it. */
  save(): InterruptState[] {
    return this.#interrupts.map((interrupt) => interrupt.save());
  }

  restore(states: readonly InterruptState[]): void {
    for (const [index, interrupt] of this.#interrupts.entries()) {
      const state = states[index];
      if (state !== undefined) interrupt.restore(state);
    }
  }

  bar(index: number): Bar {
    const bar = this.#bars[index];
    if (bar === undefined) {
      const has = this.#tables.declaration.bars.map((declared) => `BAR${declared.index}`).join(", ");
      throw new RangeError(`${this.name} has no BAR${index}; it has ${has}`);
    }
    return bar;
  }

  interrupts(kind: InterruptKind, count: number): Interrupt[] {
    const msix = this.#tables.declaration.msix;
    const limit = kind === "msix" ? (msix?.vectorCount ?? 0) : 1;
    if (!(count >= 1 && count <= limit)) {
      throw new RangeError(`${this.name} has ${limit} ${kind} interrupts, ${count} were asked for`);
    }
    // A set-up replaces the one before: what was handed out then interrupts nobody any more.
    for (const interrupt of this.#interrupts) interrupt.handle(undefined);
    this.#interrupts = [];
    // A function has one kind at a time (PCI 3.0, 6.8.2), and none while the addresses change.
    this.#setEnabled(CAPABILITY_MSI, MSI_CONTROL, MSI_CONTROL_ENABLE, false);
    this.#setEnabled(CAPABILITY_MSIX, MSIX_CONTROL, MSIX_CONTROL_ENABLE, false);
    if (msix !== undefined && kind === "msix") this.#interrupts = this.#msix(msix, count);
    else this.#interrupts = [kind === "msi" ? this.#msi() : this.#intx()];
    return [...this.#interrupts];
  }

  #msix(msix: MsixDeclaration, count: number): DriverInterrupt[] {
    const interrupts: DriverInterrupt[] = [];
    for (let vector = 0; vector < count; vector++) {
      const irq = this.#messageIrq(vector);
      const entry = msix.tableOffset + 16 * vector;
      this.#link.write(msix.bar, entry + 12, 4, 1, 0);
      this.#link.write(msix.bar, entry, 4, MSI_WINDOW | (this.cpu.index << 12), 0);
      this.#link.write(msix.bar, entry + 4, 4, 0, 0);
      this.#link.write(msix.bar, entry + 8, 4, irq, 0);
      this.#link.write(msix.bar, entry + 12, 4, 0, 0);
      const place = { bar: msix.bar, controlOffset: entry + 12 };
      interrupts.push(new DriverInterrupt("msix", vector, irq, this.cpu, this.#link, this.#controller, place));
    }
    this.#setEnabled(CAPABILITY_MSIX, MSIX_CONTROL, MSIX_CONTROL_ENABLE, true);
    return interrupts;
  }

  #msi(): DriverInterrupt {
    const capability = this.config.findCapability(CAPABILITY_MSI);
    if (capability === 0) throw new RangeError(`${this.name} has no MSI`);
    const irq = this.#messageIrq(0);
    this.config.write32(capability + MSI_ADDRESS_LOW, (MSI_WINDOW | (this.cpu.index << 12)) >>> 0);
    this.config.write32(capability + MSI_ADDRESS_HIGH, 0);
    this.config.write16(capability + MSI_DATA, irq);
    this.#setEnabled(CAPABILITY_MSI, MSI_CONTROL, MSI_CONTROL_ENABLE, true);
    return new DriverInterrupt("msi", 0, irq, this.cpu, this.#link, this.#controller, undefined);
  }

  #intx(): DriverInterrupt {
    const irq = this.#tables.functionIndex;
    this.#controller.direct(irq, this.cpu.index);
    this.config.write16(COMMAND, this.config.read16(COMMAND) & ~COMMAND_INTX_DISABLE);
    return new DriverInterrupt("intx", 0, irq, this.cpu, this.#link, this.#controller, undefined);
  }

  #messageIrq(vector: number): number {
    const irq = this.#irqs[vector] ?? this.#controller.allocate(this.cpu.index);
    this.#irqs[vector] = irq;
    return irq;
  }

  /** Sets or clears the enable bit of an interrupt capability; nothing where the function does not have it. */
  #setEnabled(capabilityId: number, controlOffset: number, bit: number, enabled: boolean): void {
    const capability = this.config.findCapability(capabilityId);
    if (capability === 0) return;
    const control = this.config.read16(capability + controlOffset);
    this.config.write16(capability + controlOffset, enabled ? control | bit : control & ~bit);
  }
}

/** The kernel's pci_set_master and pci_clear_master: a read and a write of the command register. */
export function setBusMaster(config: Pick<Config, "read16" | "write16">, enabled: boolean): void {
  const command = config.read16(COMMAND);
  config.write16(COMMAND, enabled ? command | COMMAND_BUS_MASTER : command & ~COMMAND_BUS_MASTER);
}

/** Configuration space over the link. */
class DriverConfig implements Config {
  readonly #link: CpuLink;

  constructor(link: CpuLink) {
    this.#link = link;
  }

  read8(offset: number): number {
    return this.#link.configRead(offset, 1);
  }

  read16(offset: number): number {
    return this.#link.configRead(offset, 2);
  }

  read32(offset: number): number {
    return this.#link.configRead(offset, 4) >>> 0;
  }

  write8(offset: number, value: number): void {
    this.#link.configWrite(offset, 1, value);
  }

  write16(offset: number, value: number): void {
    this.#link.configWrite(offset, 2, value);
  }

  write32(offset: number, value: number): void {
    this.#link.configWrite(offset, 4, value);
  }

  setBusMaster(enabled: boolean): void {
    setBusMaster(this, enabled);
  }

  findCapability(id: number): number {
    return findCapability((offset, byteLength) => this.#link.configRead(offset, byteLength) >>> 0, id);
  }

  functionLevelReset(): void {
    const capability = this.findCapability(CAPABILITY_PCI_EXPRESS);
    const bars = [0, 1, 2, 3, 4, 5].map((index) => this.read32(0x10 + 4 * index));
    const control = this.read16(capability + EXP_DEVICE_CONTROL);
    this.write16(capability + EXP_DEVICE_CONTROL, control | EXP_DEVICE_CONTROL_INITIATE_FLR);
    // A function has 100 ms to finish (PCIe 6.6.2); ours answers at once. Then what a kernel saved goes back.
    for (const [index, value] of bars.entries()) this.write32(0x10 + 4 * index, value);
    this.write16(COMMAND, COMMAND_MEMORY_SPACE);
  }
}
