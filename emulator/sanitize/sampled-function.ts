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
} from "../pcie/driver-view.ts";
import type { FindingRecorder } from "../registers/finding-text.ts";
import type { RaceSampler } from "./race-sampler.ts";
import { SampledBar } from "./sampled-bar.ts";
import { SampledBuffer } from "./sampled-buffer.ts";
import { SampledCpu } from "./sampled-cpu.ts";

/** What is known of a function besides. */
export interface SampledParts {
  /** Who is told of its races. */
  readonly findings: FindingRecorder;
  /** The arena; what does not lie in it has no marks. */
  readonly arena: SharedArrayBuffer;
  /** "rx ring 0": what the mapping at this IOVA is called. */
  labelAt(iova: number): string;
}

/** The functions of a CPU of a threaded run as its driver is to hold them while data races are looked for. */
export function sampledFunctions(
  functions: readonly PciFunction[],
  parts: readonly SampledParts[],
  sampler: RaceSampler,
): PciFunction[] {
  const [first] = functions;
  if (first === undefined) return [];
  // One CPU has all of them.
  const cpu = new SampledCpu(first.cpu, sampler);
  return functions.map((inner, index) => {
    const own = parts[index];
    return own === undefined ? inner : sampledFunction(inner, cpu, sampler, own);
  });
}

function sampledFunction(inner: PciFunction, cpu: Cpu, sampler: RaceSampler, parts: SampledParts): PciFunction {
  const bars: (Bar | undefined)[] = [];
  return {
    name: inner.name,
    cpu,
    config: new SampledConfig(inner.config, sampler),
    dma: sampledDma(inner.dma, sampler, parts),
    bar: (index) => {
      bars[index] ??= new SampledBar(inner.bar(index), sampler);
      return bars[index];
    },
    interrupts: (kind, count) => {
      const interrupts = inner.interrupts(kind, count);
      // Setting them up reads configuration space.
      sampler.answered();
      return interrupts.map((interrupt) => new SampledInterrupt(interrupt, sampler));
    },
  };
}

function sampledDma(inner: Dma, sampler: RaceSampler, { findings, arena, labelAt }: SampledParts): Dma {
  const sampled = (buffer: DmaBuffer): SampledBuffer => {
    const { bytes } = buffer;
    const label = labelAt(buffer.iova) || "DMA buffer";
    return new SampledBuffer(buffer, sampler, bytes.buffer === arena ? bytes.byteOffset : -1, label, findings);
  };
  return {
    alloc: (byteLength: number, options?: DmaAllocOptions) => {
      const buffer = sampled(inner.alloc(byteLength, options));
      sampler.allocated(buffer.base, byteLength);
      return buffer;
    },
    open: (iova) => sampled(inner.open(iova)),
    map: (buffer, options) => sampled(inner.map(buffer, options)),
    get mappingCount() {
      return inner.mappingCount;
    },
  };
}

/** Configuration space: non-posted, so each access pushes what the card has written. */
class SampledConfig implements Config {
  readonly #inner: Config;
  readonly #sampler: RaceSampler;

  constructor(inner: Config, sampler: RaceSampler) {
    this.#inner = inner;
    this.#sampler = sampler;
  }

  read8(offset: number): number {
    return this.#answered(this.#inner.read8(offset));
  }

  read16(offset: number): number {
    return this.#answered(this.#inner.read16(offset));
  }

  read32(offset: number): number {
    return this.#answered(this.#inner.read32(offset));
  }

  write8(offset: number, value: number): void {
    this.#inner.write8(offset, value);
    this.#sampler.answered();
  }

  write16(offset: number, value: number): void {
    this.#inner.write16(offset, value);
    this.#sampler.answered();
  }

  write32(offset: number, value: number): void {
    this.#inner.write32(offset, value);
    this.#sampler.answered();
  }

  setBusMaster(enabled: boolean): void {
    this.#inner.setBusMaster(enabled);
    this.#sampler.answered();
  }

  findCapability(id: number): number {
    return this.#answered(this.#inner.findCapability(id));
  }

  functionLevelReset(): void {
    this.#inner.functionLevelReset();
    this.#sampler.answered();
  }

  #answered(value: number): number {
    this.#sampler.answered();
    return value;
  }
}

/** A message pushes what the card has written; so does a line here, which nobody lets overtake. */
class SampledInterrupt implements Interrupt {
  readonly kind: InterruptKind;
  readonly vector: number;
  readonly #inner: Interrupt;
  readonly #sampler: RaceSampler;

  constructor(inner: Interrupt, sampler: RaceSampler) {
    this.kind = inner.kind;
    this.vector = inner.vector;
    this.#inner = inner;
    this.#sampler = sampler;
  }

  get count(): number {
    const { count } = this.#inner;
    this.#sampler.answered();
    return count;
  }

  poll(): boolean {
    const hasArrived = this.#inner.poll();
    if (hasArrived) this.#sampler.answered();
    else this.#sampler.readBarrier();
    return hasArrived;
  }

  wait(limitMs?: number): boolean {
    this.#sampler.paused();
    const hasArrived = this.#inner.wait(limitMs);
    if (hasArrived) this.#sampler.answered();
    else this.#sampler.readBarrier();
    return hasArrived;
  }

  mask(): void {
    this.#inner.mask();
    this.#sampler.changedThread();
  }

  unmask(): void {
    this.#inner.unmask();
    this.#sampler.changedThread();
  }

  handle(handler: (() => void) | undefined): void {
    const sampler = this.#sampler;
    this.#inner.handle(
      handler === undefined
        ? undefined
        : () => {
            const wasRacy = sampler.isRacy;
            sampler.changedThread();
            sampler.answered();
            try {
              handler();
            } finally {
              sampler.changedThread();
              sampler.isRacy = wasRacy;
            }
          },
    );
  }
}
