import type { Bar, DmaBuffer, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { TestbedError } from "../../emulator/run/testbed-error.ts";
import { trappedView } from "./trapped-view.ts";
import { trappedArray } from "./trapped-words.ts";

/** Arrays whose elements are no registers. */
const DEAF = [
  "Uint8Array",
  "Int8Array",
  "Uint8ClampedArray",
  "Uint16Array",
  "Int16Array",
  "BigUint64Array",
  "BigInt64Array",
  "Float32Array",
  "Float64Array",
] as const;
type ConstructorName = (typeof DEAF)[number] | "Uint32Array" | "Int32Array" | "DataView";

export interface UserspaceAddonOptions {
  /**
   * `mapped` (default): the BAR is memory, at which the card looks; what that cannot do is printed when it is mapped.
   * `trapped`: arrays of 32-bit words that the driver makes over the BAR reach the card at each access; see
   * {@link UserspaceAddon.install}.
   */
  readonly access?: "mapped" | "trapped";
  /** "0000:03:00.0" and so on, one for each function, in their order. Without them any address is the first function's. */
  readonly addresses?: readonly string[];
}

/**
 * What a userspace driver in JavaScript has its native addon for: a BAR by its PCI address, memory for DMA, and where the
 * card finds it. The driver's own source stays as it is; a few lines give these functions the names of its addon:
 *
 * ```ts
 * const addon = new UserspaceAddon(functions);
 * const native = {
 *   mapDevice: (address: string) => addon.mapBar(address),
 *   allocate: (byteLength: number) => addon.dmaMemory(byteLength),
 *   virtualToPhysical: (memory: ArrayBufferView | SharedArrayBuffer) => addon.physicalAddress(memory),
 * };
 * const driver = requireWithAddon("./driver.cjs", "native", native);
 * ```
 */
export class UserspaceAddon {
  readonly #functions: readonly PciFunction[];
  readonly #access: "mapped" | "trapped";
  readonly #addresses: readonly string[];
  readonly #memory = new Map<ArrayBufferLike, DmaBuffer>();
  /** By the buffer that stands for it. */
  readonly #bars = new Map<ArrayBufferLike, Bar>();

  constructor(functions: readonly PciFunction[], options: UserspaceAddonOptions = {}) {
    this.#functions = functions;
    this.#access = options.access ?? "mapped";
    this.#addresses = options.addresses ?? [];
  }

  /**
   * A BAR, as mmap of its resource file gives it, with bus mastering enabled: `new Uint32Array(buffer)` are its registers.
   * Throws RangeError for an address or a BAR that is not there.
   */
  mapBar(address: string, index = 0): SharedArrayBuffer {
    const pci = this.#functionAt(address);
    pci.config.setBusMaster(true);
    const bar = pci.bar(index);
    if (this.#access === "mapped") return bar.map();
    const buffer = new SharedArrayBuffer(bar.byteLength);
    this.#bars.set(buffer, bar);
    return buffer;
  }

  /** Zeroed memory for DMA, a buffer of its own. May be asked for at any time, without a turn of the event loop. */
  dmaMemory(byteLength: number, address = ""): SharedArrayBuffer {
    const buffer = this.#functionAt(address).dma.alloc(byteLength, { separate: true });
    // A driver without an IOMMU has one physical address for all its cards.
    for (const other of this.#functions)
      if (other !== this.#functionAt(address)) other.dma.map(buffer.bytes.buffer, { iova: buffer.iova });
    this.#memory.set(buffer.bytes.buffer, buffer);
    return buffer.bytes.buffer;
  }

  /** Where the card finds a buffer of {@link dmaMemory}, or the first byte of a view of one. Throws RangeError for other memory. */
  physicalAddress(memory: ArrayBufferView | ArrayBufferLike): bigint {
    const isView = ArrayBuffer.isView(memory);
    const found = this.#memory.get(isView ? memory.buffer : memory);
    if (found === undefined) throw new RangeError("this memory was not allocated for DMA: no card finds it");
    return BigInt(found.iova + (isView ? memory.byteOffset : 0));
  }

  /**
   * For `trapped`: makes `new Uint32Array(bar)`, `new Int32Array(bar)` and `new DataView(bar)` give registers in this thread,
   * where `bar` is a buffer of {@link mapBar}; also of a part of it. Other arrays over such a buffer would be dead memory,
   * and are refused with TestbedError. Everything else stays as it is. Returns what takes it back.
   */
  install(): () => void {
    if (this.#access === "mapped") return () => {};
    const bars = this.#bars;
    const before = new Map<ConstructorName, unknown>();
    const replace = (name: ConstructorName, make: (bar: Bar, values: unknown[]) => object): void => {
      const original = globalThis[name] as new (...values: unknown[]) => object;
      before.set(name, original);
      (globalThis as Record<string, unknown>)[name] = new Proxy(original, {
        construct(target, values: unknown[], newTarget) {
          const bar = bars.get(values[0] as ArrayBufferLike);
          return bar === undefined ? (Reflect.construct(target, values, newTarget) as object) : make(bar, values);
        },
      });
    };
    const { Uint32Array: Unsigned, Int32Array: Signed } = globalThis;
    replace("Uint32Array", (bar, values) => trappedArray(Unsigned, bar, ...(values as [SharedArrayBuffer])));
    replace("Int32Array", (bar, values) => trappedArray(Signed, bar, ...(values as [SharedArrayBuffer])));
    replace("DataView", (bar, values) => trappedView(bar, ...(values as [SharedArrayBuffer])));
    for (const name of DEAF)
      replace(name, (bar) => {
        throw new TestbedError(
          `${name} over a trapped BAR of ${bar.byteLength} bytes: the card hears Uint32Array, Int32Array and DataView`,
        );
      });
    return () => {
      for (const [name, original] of before) (globalThis as Record<string, unknown>)[name] = original;
    };
  }

  #functionAt(address: string): PciFunction {
    const index = this.#addresses.length === 0 || address === "" ? 0 : this.#addresses.indexOf(address);
    const pci = this.#functions[index];
    if (pci === undefined)
      throw new RangeError(`there is no PCI function at ${address}; there is ${this.#addresses.join(", ")}`);
    return pci;
  }
}
