import fc from "fast-check";
import type { Bar, Config, Dma, DmaAllocOptions, DmaBuffer, PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { Rng } from "../../../emulator/run/rng.ts";
import { EDGE_WORDS, lieWord } from "./lies.ts";
import { RawMemory } from "./raw-memory.ts";

/**
 * A lie of the card: the n-th word that its driver reads, of registers, configuration space or DMA memory, is another one. What lies in
 * memory stays: whoever reads twice reads two things. Only in memory that the driver reads past the accessors ({@link at}) the
 * lie is written where it is read. Structured-cloneable.
 */
export interface Lie {
  /** From 1 on, since the driver was handed the function: words, or with {@link at} accesses to the card and waits. */
  readonly nth: number;
  readonly word: number;
  /** The word is taken as a mask of bits that are turned over, or of the lower half alone; otherwise it is what is read. */
  readonly how?: "flip" | "low-half";
  /** The card writes the word into raw memory: a byte, in the order in which the driver took the `bytes` of its buffers. */
  readonly at?: number;
}

export interface DeceiverOptions {
  /** Told one by one. */
  readonly lies?: readonly Lie[];
  /** Told by chance as well: how likely at each read, from which seed, and at most how many. */
  readonly probability?: number;
  readonly seed?: number;
  readonly limit?: number;
}

/**
 * Stands between a driver and what its card says, and lies. Memory is not touched, nor what the driver writes, but where it has
 * taken raw memory: there the card writes.
 */
export class Deceiver {
  /** What was told so far, as lies that tell the same again. */
  readonly told: Lie[] = [];
  readonly #lies: ReadonlyMap<number, Lie>;
  readonly #memory: RawMemory = new RawMemory();
  readonly #written: ReadonlyMap<number, Lie>;
  #stepCount = 0;
  readonly #rng: Rng;
  readonly #probability: number;
  readonly #limit: number;
  #readCount = 0;

  constructor({ lies = [], probability = 0, seed = 1, limit = Number.POSITIVE_INFINITY }: DeceiverOptions) {
    const byNth = (list: readonly Lie[]): ReadonlyMap<number, Lie> => new Map(list.map((each) => [each.nth, each]));
    this.#lies = byNth(lies.filter(({ at }) => at === undefined));
    this.#written = byNth(lies.filter(({ at }) => at !== undefined));
    this.#rng = new Rng(seed);
    this.#probability = probability;
    this.#limit = limit;
  }

  /** The function as the driver gets it. */
  around(pci: PciFunction): PciFunction {
    const bars = new Map<number, Bar>();
    return {
      name: pci.name,
      cpu: pci.cpu,
      config: this.#config(pci.config),
      dma: this.#dma(pci.dma),
      bar: (index) => {
        const known = bars.get(index) ?? this.#bar(pci.bar(index));
        bars.set(index, known);
        return known;
      },
      interrupts: (kind, count) => pci.interrupts(kind, count),
    };
  }

  /** The driver accesses its card, or waits: before it does, the card may write into raw memory. */
  step(): void {
    const nth = ++this.#stepCount;
    const planned = this.#written.get(nth);
    if (planned !== undefined) this.#write(nth, planned.at as number, (value) => applied(planned, value));
    if (this.#memory.wordCount > 0 && this.#isDrawn())
      this.#write(nth, 4 * this.#rng.below(this.#memory.wordCount), (value) => lieWord(value, this.#rng));
  }

  #write(nth: number, at: number, lie: (value: number) => number): void {
    const value = this.#memory.read(at);
    if (value === undefined) return;
    const word = lie(value) >>> 0;
    if (word === value) return;
    this.#memory.write(at, word);
    this.told.push({ nth, word, at });
  }

  #isDrawn(): boolean {
    return this.#probability > 0 && this.#rng.chance(this.#probability) && this.told.length < this.#limit;
  }

  /** What the driver reads instead of `value`. */
  #say(value: number, bits: 8 | 16 | 32): number {
    const nth = ++this.#readCount;
    const planned = this.#lies.get(nth);
    let word = planned === undefined ? value : applied(planned, value);
    if (this.#isDrawn()) word = lieWord(value, this.#rng);
    const said = bits === 32 ? word >>> 0 : word & (2 ** bits - 1);
    if (said !== value) this.told.push({ nth, word: said });
    return said;
  }

  #say64(value: bigint): bigint {
    const low = this.#say(Number(value & 0xffff_ffffn), 32);
    return (BigInt(this.#say(Number(value >> 32n), 32)) << 32n) | BigInt(low);
  }

  /** What was copied out, word by word. */
  #sayBytes(target: Uint8Array, offset: number, byteLength: number): void {
    const view = new DataView(target.buffer, target.byteOffset + offset, byteLength);
    const wordsEnd = byteLength & ~3;
    for (let at = 0; at < wordsEnd; at += 4) view.setUint32(at, this.#say(view.getUint32(at, true), 32), true);
    for (let at = wordsEnd; at < byteLength; at++) view.setUint8(at, this.#say(view.getUint8(at), 8));
  }

  #bar(bar: Bar): Bar {
    return {
      index: bar.index,
      byteLength: bar.byteLength,
      mappedOffset: bar.mappedOffset,
      read32: (offset) => this.#say(bar.read32(offset), 32),
      read16: (offset) => this.#say(bar.read16(offset), 16),
      read8: (offset) => this.#say(bar.read8(offset), 8),
      read64: (offset) => this.#say64(bar.read64(offset)),
      write32: (offset, value) => bar.write32(offset, value),
      write16: (offset, value) => bar.write16(offset, value),
      write8: (offset, value) => bar.write8(offset, value),
      write64: (offset, value) => bar.write64(offset, value),
      writeRelaxed32: (offset, value) => bar.writeRelaxed32(offset, value),
      writeCombining32: (offset, value) => bar.writeCombining32(offset, value),
      map: () => bar.map(),
    };
  }

  #config(config: Config): Config {
    return {
      read8: (offset) => this.#say(config.read8(offset), 8),
      read16: (offset) => this.#say(config.read16(offset), 16),
      read32: (offset) => this.#say(config.read32(offset), 32),
      write8: (offset, value) => config.write8(offset, value),
      write16: (offset, value) => config.write16(offset, value),
      write32: (offset, value) => config.write32(offset, value),
      setBusMaster: (enabled) => config.setBusMaster(enabled),
      findCapability: (id) => config.findCapability(id),
      functionLevelReset: () => config.functionLevelReset(),
    };
  }

  #dma(dma: Dma): Dma {
    return {
      alloc: (byteLength, options) => this.#buffer(dma.alloc(byteLength, options), options),
      open: (iova) => this.#buffer(dma.open(iova)),
      map: (memory, options) => {
        const buffer = dma.map(memory, options);
        // The driver has had it all the time.
        if (isWritable(options)) this.#memory.take(buffer);
        return this.#buffer(buffer, options);
      },
      get mappingCount() {
        return dma.mappingCount;
      },
    };
  }

  #buffer(buffer: DmaBuffer, options?: DmaAllocOptions): DmaBuffer {
    const memory = this.#memory;
    return {
      byteLength: buffer.byteLength,
      iova: buffer.iova,
      iovaHigh: buffer.iovaHigh,
      iovaLow: buffer.iovaLow,
      get bytes() {
        if (isWritable(options)) memory.take(buffer);
        return buffer.bytes;
      },
      read8: (offset) => this.#say(buffer.read8(offset), 8),
      read16: (offset) => this.#say(buffer.read16(offset), 16),
      read32: (offset) => this.#say(buffer.read32(offset), 32),
      readAcquire32: (offset) => this.#say(buffer.readAcquire32(offset), 32),
      write8: (offset, value) => buffer.write8(offset, value),
      write16: (offset, value) => buffer.write16(offset, value),
      write32: (offset, value) => buffer.write32(offset, value),
      writeRelease32: (offset, value) => buffer.writeRelease32(offset, value),
      compareExchange32: (offset, expected, value) => this.#say(buffer.compareExchange32(offset, expected, value), 32),
      lock: (offset) => buffer.lock(offset),
      unlock: (offset) => buffer.unlock(offset),
      copyFrom: (offset, source, sourceOffset, byteLength) => buffer.copyFrom(offset, source, sourceOffset, byteLength),
      copyTo: (offset, target, targetOffset, byteLength) => {
        buffer.copyTo(offset, target, targetOffset, byteLength);
        this.#sayBytes(target, targetOffset, Math.min(byteLength, target.length - targetOffset));
      },
      free: () => {
        memory.giveBack(buffer);
        buffer.free();
      },
    };
  }
}

/** The card may write there: what it only reads the IOMMU keeps from it. */
function isWritable(options: DmaAllocOptions | undefined): boolean {
  return options?.direction !== "to-device";
}

function applied({ word, how }: Lie, value: number): number {
  if (how === "flip") return value ^ word;
  return how === "low-half" ? (value & 0xffff_0000) | (word & 0xffff) : word;
}

/** Lies as a fast-check value, which shrinks to the fewest and simplest that still deceive. `reads`: how far into a run. */
export function lies(options: { readonly reads: number; readonly maxLength?: number }): fc.Arbitrary<readonly Lie[]> {
  const nth = fc.integer({ min: 1, max: options.reads });
  const edge = fc.constantFrom(...EDGE_WORDS);
  return fc.array(
    fc.oneof(
      fc.record({ nth, word: edge }),
      fc.record({ nth, word: edge, how: fc.constant("low-half" as const) }),
      fc.record({ nth, word: fc.nat(31).map((bit) => (1 << bit) >>> 0), how: fc.constant("flip" as const) }),
      fc.record({ nth, word: fc.nat(0xffff_ffff) }),
    ),
    { maxLength: options.maxLength ?? 4 },
  );
}
