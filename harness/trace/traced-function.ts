import { setBusMaster } from "../../emulator/driver/pci-function.ts";
import type {
  Bar,
  Config,
  Cpu,
  Dma,
  DmaAllocOptions,
  DmaBuffer,
  Interrupt,
  InterruptKind,
  PciFunction,
} from "../../emulator/pcie/driver-view.ts";
import { CpuLog } from "./cpu-log.ts";
import type { TraceLog } from "./trace-log.ts";
import { CONFIG_READ, CONFIG_WRITE, DMA_MAP, INTERRUPT_TAKEN } from "./trace-ring.ts";
import { TracedBar } from "./traced-bar.ts";
import { TracedBuffer } from "./traced-buffer.ts";
import { TracedCpu } from "./traced-cpu.ts";

/** The functions of one CPU, with everything that its driver does through them noted. */
export function tracedFunctions(functions: readonly PciFunction[], log: TraceLog): PciFunction[] {
  const [first] = functions;
  if (first === undefined) return [];
  const cpuLog = new CpuLog(log, first.cpu.index);
  const cpu = new TracedCpu(first.cpu, cpuLog);
  return functions.map((inner, device) => new TracedFunction(inner, cpu, cpuLog, device));
}

class TracedFunction implements PciFunction {
  readonly name: string;
  readonly cpu: Cpu;
  readonly config: Config;
  readonly dma: Dma;
  readonly #inner: PciFunction;
  readonly #log: CpuLog;
  readonly #device: number;
  readonly #bars: Bar[] = [];

  constructor(inner: PciFunction, cpu: Cpu, log: CpuLog, device: number) {
    this.name = inner.name;
    this.cpu = cpu;
    this.config = new TracedConfig(inner.config, log, device);
    this.dma = new TracedDma(inner.dma, log, device);
    this.#inner = inner;
    this.#log = log;
    this.#device = device;
  }

  bar(index: number): Bar {
    this.#bars[index] ??= new TracedBar(this.#inner.bar(index), this.#log, this.#device);
    return this.#bars[index] as Bar;
  }

  interrupts(kind: InterruptKind, count: number): Interrupt[] {
    return this.#inner
      .interrupts(kind, count)
      .map((interrupt) => new TracedInterrupt(interrupt, this.#log, this.#device));
  }
}

/** Accesses that a driver asks for; what a capability search reads is not each of them. */
class TracedConfig implements Config {
  readonly #config: Config;
  readonly #log: CpuLog;
  readonly #device: number;

  constructor(config: Config, log: CpuLog, device: number) {
    this.#config = config;
    this.#log = log;
    this.#device = device;
  }

  read8(offset: number): number {
    return this.#read(offset, 1, this.#config.read8(offset));
  }

  read16(offset: number): number {
    return this.#read(offset, 2, this.#config.read16(offset));
  }

  read32(offset: number): number {
    return this.#read(offset, 4, this.#config.read32(offset));
  }

  write8(offset: number, value: number): void {
    this.#log.note(CONFIG_WRITE, this.#device, 1, 0, offset, value, 0);
    this.#config.write8(offset, value);
  }

  write16(offset: number, value: number): void {
    this.#log.note(CONFIG_WRITE, this.#device, 2, 0, offset, value, 0);
    this.#config.write16(offset, value);
  }

  write32(offset: number, value: number): void {
    this.#log.note(CONFIG_WRITE, this.#device, 4, 0, offset, value | 0, 0);
    this.#config.write32(offset, value);
  }

  setBusMaster(enabled: boolean): void {
    setBusMaster(this, enabled);
  }

  findCapability(id: number): number {
    return this.#config.findCapability(id);
  }

  functionLevelReset(): void {
    this.#config.functionLevelReset();
  }

  #read(offset: number, byteLength: number, value: number): number {
    this.#log.note(CONFIG_READ, this.#device, byteLength, 0, offset, value | 0, 0);
    return value;
  }
}

class TracedDma implements Dma {
  readonly #dma: Dma;
  readonly #log: CpuLog;
  readonly #device: number;

  constructor(dma: Dma, log: CpuLog, device: number) {
    this.#dma = dma;
    this.#log = log;
    this.#device = device;
  }

  get mappingCount(): number {
    return this.#dma.mappingCount;
  }

  alloc(byteLength: number, options?: DmaAllocOptions): DmaBuffer {
    return this.#mapped(this.#dma.alloc(byteLength, options), options?.label);
  }

  open(iova: number): DmaBuffer {
    return new TracedBuffer(this.#dma.open(iova), this.#log, this.#device);
  }

  map(buffer: SharedArrayBuffer, options?: DmaAllocOptions): DmaBuffer {
    return this.#mapped(this.#dma.map(buffer, options), options?.label);
  }

  #mapped(buffer: DmaBuffer, label = ""): DmaBuffer {
    this.#log.noteText(
      DMA_MAP,
      this.#device,
      buffer.byteLength,
      buffer.iovaHigh,
      buffer.iovaLow,
      0,
      0,
      label === "" ? "DMA buffer" : label,
    );
    return new TracedBuffer(buffer, this.#log, this.#device);
  }
}

/** An interrupt whose waits and handlers are noted. */
export class TracedInterrupt implements Interrupt {
  readonly kind: InterruptKind;
  readonly vector: number;
  readonly inner: Interrupt;
  readonly #log: CpuLog;
  readonly #device: number;

  constructor(interrupt: Interrupt, log: CpuLog, device: number) {
    this.kind = interrupt.kind;
    this.vector = interrupt.vector;
    this.inner = interrupt;
    this.#log = log;
    this.#device = device;
  }

  get count(): number {
    return this.inner.count;
  }

  poll(): boolean {
    const isTaken = this.inner.poll();
    if (isTaken) this.#log.note(INTERRUPT_TAKEN, this.#device, 0, this.vector, 0, 0, 0);
    return isTaken;
  }

  wait(limitMs?: number): boolean {
    const what = `interrupt ${this.vector}`;
    this.#log.wait("interrupt", this.#device, what);
    const hasCome = this.inner.wait(limitMs);
    this.#log.wake("interrupt", this.#device, !hasCome, what, this.vector);
    return hasCome;
  }

  mask(): void {
    this.inner.mask();
  }

  unmask(): void {
    this.inner.unmask();
  }

  handle(handler: (() => void) | undefined): void {
    if (handler === undefined) {
      this.inner.handle(undefined);
      return;
    }
    this.inner.handle(() => {
      this.#log.enterHandler(this.#device, this.vector);
      try {
        handler();
      } finally {
        this.#log.exitHandler(this.#device, this.vector);
      }
    });
  }
}
