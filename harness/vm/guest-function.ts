import { Iommu } from "../../emulator/memory/iommu.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { DeviceHost } from "../../emulator/run/device-host.ts";
import type { Machine } from "../../emulator/run/machine.ts";
import type { GuestCpu } from "./v86-internals.ts";

/** Bus 0, device 6, function 0: the first that the emulator's own devices leave free, and wired to INTA. */
const BUS_DEVICE_FUNCTION = 6 << 3;
const CONFIG_BYTES = 256;
const FIRST_BAR = 0x10;
const BEHIND_BARS = 0x28;
/** The emulator dispatches memory-mapped I/O by blocks of 128 KiB. */
export const BLOCK_BYTES: number = 128 << 10;
/** Words of the emulator's local APIC: interrupt requests, and behind those in service their trigger modes, one bit a vector. */
const APIC_REQUESTS = 16;
const APIC_TRIGGER_MODES = 32;
/** Vectors below belong to the processor's exceptions. */
const FIRST_VECTOR = 0x10;
const VECTOR_COUNT = 256;
/** The guest's memory as a segment of host memory: behind the arena, which nobody allocates from. */
const GUEST_SEGMENT = 1;

/**
 * One simulated PCI function on the emulated PC's bus. Configuration accesses, register accesses and DMA of the guest go
 * to the endpoint and come from it; INTx follows its line. The device runs folded into the guest's accesses, and
 * {@link advance} moves its timers and wires while the guest does something else.
 */
export class GuestFunction {
  readonly #cpu: GuestCpu;
  readonly #machine: Machine;
  readonly #endpoint: Endpoint;
  readonly #host: DeviceHost;
  readonly #space: Int32Array;
  readonly #bases: number[] = [];
  readonly #iommu: Iommu;
  #memoryBuffer: ArrayBufferLike = new ArrayBuffer(0);
  #isAsserted = false;
  #sequence = 0;
  /** By vector: messages that were handed on. */
  readonly #arrived = new Int32Array(VECTOR_COUNT);

  /** `machine` has this one function, an IOMMU window from address 0 over all of the guest's memory, and the wall clock. */
  constructor(cpu: GuestCpu, machine: Machine) {
    const [endpoint] = machine.endpoints;
    const [tables] = machine.tables.functions;
    if (endpoint === undefined || tables === undefined) throw new RangeError("a guest's machine has one function");
    this.#cpu = cpu;
    this.#machine = machine;
    this.#endpoint = endpoint;
    this.#host = machine.host;
    this.#iommu = new Iommu(tables.iommu);
    this.#space = this.#register();
    this.#interceptConfiguration();
    this.#followBars();
    this.#followMemory();
  }

  /** Lets the device do what is due. Returns how many milliseconds it has nothing to do, at most 100. */
  advance(): number {
    this.#host.wake();
    this.#settle();
    const aheadMs = (this.#host.nextEventNs() - (this.#host.clock.now[0] as number)) / 1e6;
    return Math.max(0, Math.min(100, aheadMs));
  }

  #settle(): void {
    this.#followMemory();
    this.#host.settle();
    this.#handMessagesOn();
    const asserted = this.#machine.interrupts.isAsserted(0);
    if (asserted === this.#isAsserted) return;
    this.#isAsserted = asserted;
    if (asserted) this.#cpu.devices.pci.raise_irq(BUS_DEVICE_FUNCTION);
    else this.#cpu.devices.pci.lower_irq(BUS_DEVICE_FUNCTION);
  }

  /**
   * MSI and MSI-X messages: the data of one is the vector, and there is one processor to take it. The emulator has no way
   * in for them, so the request is set where its local APIC keeps it, as an edge; it is looked at before the next slice.
   */
  #handMessagesOn(): void {
    const { interrupts } = this.#machine;
    const sequence = interrupts.sequenceOf(0);
    if (sequence === this.#sequence) return;
    this.#sequence = sequence;
    const apic = new Int32Array(this.#cpu.wasm_memory.buffer, this.#cpu.get_apic_addr(), APIC_TRIGGER_MODES + 8);
    for (let vector = FIRST_VECTOR; vector < VECTOR_COUNT; vector++) {
      const count = interrupts.countOf(vector);
      if (count === this.#arrived[vector]) continue;
      this.#arrived[vector] = count;
      const bit = 1 << (vector & 31);
      const at = vector >> 5;
      apic[APIC_TRIGGER_MODES + at] = (apic[APIC_TRIGGER_MODES + at] as number) & ~bit;
      apic[APIC_REQUESTS + at] = (apic[APIC_REQUESTS + at] as number) | bit;
    }
  }

  // ---- configuration space -----------------------------------------------------------------------------------------

  #register(): Int32Array {
    const space = Array.from({ length: CONFIG_BYTES }, (_, offset) => this.#endpoint.configRead(offset, 1));
    const { bars, name } = this.#endpoint.declaration;
    const sizes = Array.from({ length: 6 }, (_, index) => {
      const bar = bars.find((each) => each.index === index);
      return bar === undefined ? undefined : { size: bar.byteLength };
    });
    return this.#cpu.devices.pci.register_device({
      name,
      pci_id: BUS_DEVICE_FUNCTION,
      pci_space: space,
      pci_bars: sizes,
    });
  }

  /** The endpoint's configuration space is the truth; the emulator's copy is what the guest reads. */
  #interceptConfiguration(): void {
    const { pci } = this.#cpu.devices;
    for (const [name, byteLength] of [
      ["pci_write8", 1],
      ["pci_write16", 2],
      ["pci_write32", 4],
    ] as const) {
      const original = pci[name];
      pci[name] = (address: number, value: number): void => {
        if (((address >> 8) & 0xffff) !== BUS_DEVICE_FUNCTION) {
          original.call(pci, address, value);
          return;
        }
        this.#configWrite(address & 0xff, byteLength, value >>> 0);
      };
    }
  }

  #configWrite(offset: number, byteLength: 1 | 2 | 4, value: number): void {
    this.#endpoint.configWrite(offset, byteLength, value);
    this.#host.settle();
    this.#copySpace();
    if (offset >= FIRST_BAR && offset < BEHIND_BARS) this.#followBars();
    this.#settle();
  }

  #copySpace(): void {
    const space = this.#space;
    for (let offset = 0; offset < CONFIG_BYTES; offset += 4)
      space[offset >> 2] = this.#endpoint.configRead(offset, 4) | 0;
  }

  // ---- registers ---------------------------------------------------------------------------------------------------

  /** Answers where firmware and kernel have put the BARs. Between sizing and placing a BAR holds ones, and answers nowhere. */
  #followBars(): void {
    const { io, memory_size: memorySizes } = this.#cpu;
    const memorySize = memorySizes[0] as number;
    for (const bar of this.#endpoint.declaration.bars) {
      if (bar.byteLength % BLOCK_BYTES !== 0) continue;
      const base = this.#endpoint.config.barAddress(bar.index);
      const isPlaced = base >= memorySize && base + bar.byteLength <= 0xfec0_0000;
      if (!isPlaced || this.#bases[bar.index] === base) continue;
      this.#bases[bar.index] = base;
      const at = (address: number): number => (address >>> 0) - base;
      io.mmap_register(
        base,
        bar.byteLength,
        (address) => this.#read(bar.index, at(address), 1) & 0xff,
        (address, value) => this.#write(bar.index, at(address), 1, value & 0xff),
        (address) => this.#read(bar.index, at(address), 4) | 0,
        (address, value) => this.#write(bar.index, at(address), 4, value | 0),
      );
    }
  }

  #read(bar: number, offset: number, byteLength: number): number {
    this.#followMemory();
    // The device's time is the wall's: what was due before this read has happened.
    this.#host.wake();
    this.#host.settle();
    const low = this.#endpoint.read(bar, offset, byteLength);
    this.#settle();
    return low;
  }

  #write(bar: number, offset: number, byteLength: number, value: number): void {
    this.#followMemory();
    this.#endpoint.write(bar, offset, byteLength, value, 0);
    this.#settle();
  }

  // ---- memory ------------------------------------------------------------------------------------------------------

  /**
   * The guest's memory is part of the emulator's WebAssembly memory, which gets another buffer whenever it grows.
   * Code that the emulator compiled from a page is not told of DMA into it: guests run nothing that a card wrote.
   */
  #followMemory(): void {
    const { buffer } = this.#cpu.wasm_memory;
    if (buffer === this.#memoryBuffer) return;
    this.#memoryBuffer = buffer;
    const memoryAt = this.#cpu.mem8.byteOffset;
    const byteLength = this.#cpu.memory_size[0] as number;
    this.#machine.memory.install(GUEST_SEGMENT, buffer);
    const isMapped = this.#iommu.mappings().length > 0;
    // A mapping made anew makes the device forget the views that it kept.
    if (isMapped) this.#iommu.unmap(0);
    this.#iommu.map(GUEST_SEGMENT, memoryAt, byteLength, { iova: 0, label: "guest memory" });
  }
}
