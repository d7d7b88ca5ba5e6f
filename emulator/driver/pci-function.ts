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
import { COMMAND, COMMAND_BUS_MASTER, COMMAND_MEMORY_SPACE } from "../pcie/config-header.ts";
import type { Bar, Config, Dma, Interrupt, InterruptKind, PciFunction } from "../pcie/driver-view.ts";
import { InterruptController, MSI_WINDOW } from "../pcie/interrupt-controller.ts";
import type { FunctionTables, MachineTables } from "../run/machine.ts";
import { DriverBar } from "./bar.ts";
import { DriverCpu } from "./cpu.ts";
import type { CpuLink } from "./cpu-link.ts";
import { DriverDma } from "./dma.ts";
import { DriverInterrupt } from "./interrupt.ts";

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

  /** `memory` is the calling thread's view of host memory. */
  constructor(link: CpuLink, machine: MachineTables, tables: FunctionTables, memory: HostMemory, cpuIndex: number) {
    this.name = tables.declaration.name;
    this.#link = link;
    this.#tables = tables;
    this.#controller = new InterruptController(machine.interrupts);
    this.cpu = new DriverCpu(cpuIndex, link, this.#controller);
    this.config = new DriverConfig(link);
    this.dma = new DriverDma(new Arena(machine.arena), memory, new Iommu(tables.iommu), link);
    const bars: (DriverBar | undefined)[] = [];
    for (const bar of tables.declaration.bars) bars[bar.index] = new DriverBar(bar.index, bar.byteLength, link, this.cpu);
    this.#bars = bars;
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
    if (kind === "msix") return this.#msix(count);
    if (count !== 1) throw new RangeError(`${this.name} has one ${kind} interrupt, ${count} were asked for`);
    return [kind === "msi" ? this.#msi() : this.#intx()];
  }

  #msix(count: number): Interrupt[] {
    const msix = this.#tables.declaration.msix;
    const capability = this.config.findCapability(CAPABILITY_MSIX);
    if (msix === undefined || capability === 0) throw new RangeError(`${this.name} has no MSI-X`);
    if (count < 1 || count > msix.vectorCount) {
      throw new RangeError(`${this.name} has ${msix.vectorCount} MSI-X vectors, ${count} were asked for`);
    }
    const interrupts: Interrupt[] = [];
    for (let vector = 0; vector < count; vector++) {
      const irq = this.#controller.allocate(this.cpu.index);
      const entry = msix.tableOffset + 16 * vector;
      this.#link.write(msix.bar, entry + 12, 4, 1, 0);
      this.#link.write(msix.bar, entry, 4, MSI_WINDOW | (this.cpu.index << 12), 0);
      this.#link.write(msix.bar, entry + 4, 4, 0, 0);
      this.#link.write(msix.bar, entry + 8, 4, irq, 0);
      this.#link.write(msix.bar, entry + 12, 4, 0, 0);
      const place = { bar: msix.bar, controlOffset: entry + 12 };
      interrupts.push(new DriverInterrupt("msix", vector, irq, this.cpu, this.#link, this.#controller, place));
    }
    const control = this.config.read16(capability + MSIX_CONTROL);
    this.config.write16(capability + MSIX_CONTROL, control | MSIX_CONTROL_ENABLE);
    return interrupts;
  }

  #msi(): Interrupt {
    const capability = this.config.findCapability(CAPABILITY_MSI);
    if (capability === 0) throw new RangeError(`${this.name} has no MSI`);
    const irq = this.#controller.allocate(this.cpu.index);
    this.config.write32(capability + MSI_ADDRESS_LOW, (MSI_WINDOW | (this.cpu.index << 12)) >>> 0);
    this.config.write32(capability + MSI_ADDRESS_HIGH, 0);
    this.config.write16(capability + MSI_DATA, irq);
    this.config.write16(capability + MSI_CONTROL, this.config.read16(capability + MSI_CONTROL) | MSI_CONTROL_ENABLE);
    return new DriverInterrupt("msi", 0, irq, this.cpu, this.#link, this.#controller, undefined);
  }

  #intx(): Interrupt {
    const irq = this.#tables.functionIndex;
    this.#controller.direct(irq, this.cpu.index);
    return new DriverInterrupt("intx", 0, irq, this.cpu, this.#link, this.#controller, undefined);
  }
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
    const command = this.read16(COMMAND);
    this.write16(COMMAND, enabled ? command | COMMAND_BUS_MASTER : command & ~COMMAND_BUS_MASTER);
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
