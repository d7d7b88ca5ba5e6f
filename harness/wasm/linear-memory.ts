import { Arena } from "../../emulator/memory/arena.ts";
import type { DmaBuffer, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { WasmDriverError } from "./wasm-errors.ts";

const PAGE_SHIFT = 12;
const PAGE_BYTES: number = 1 << PAGE_SHIFT;
/** BARs that a function may have (PCI 3.0, 6.2.5). */
const BAR_SLOTS = 6;
/** A label or an option's name that has no end before this has none. */
const LONGEST_TEXT_BYTES = 4096;

/** See {@link LinearMemory.save}. */
export interface LinearMemoryState {
  readonly program: Uint8Array;
  readonly heap: readonly { readonly address: number; readonly bytes: Uint8Array }[];
  readonly heapPages: Int32Array;
  readonly owners: Int32Array;
  readonly buffers: readonly (DmaBuffer | undefined)[];
}

/**
 * The memory of a driver in WebAssembly, from address 0: its program's data and stack, a heap of its own, and behind that
 * DMA buffers and the BARs, in pages. What an address belongs to is one look into a table.
 */
export class LinearMemory {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** By page: 0 the driver's own, n + 1 for DMA buffer n, -1 - n for BAR n. */
  readonly owners: Int32Array;
  /** By number; undefined when it was given back. A DMA address is an address of this memory: see OwnMemory. */
  readonly buffers: (DmaBuffer | undefined)[] = [];
  /** By BAR: where it begins, -1 where there is none. */
  readonly barStarts: Int32Array = new Int32Array(BAR_SLOTS).fill(-1);
  readonly #pci: PciFunction;
  readonly #heapBase: number;
  readonly #heapStart: number;
  /** Counts pages from the heap's beginning; the memory behind its tables is not used. */
  readonly #heap: Arena;
  readonly #heapLengths = new Map<number, number>();

  /** `heapBase`: where the program's data and stack end. The heap is what is left of the memory that the testbed leaves to the driver. */
  constructor(buffer: SharedArrayBuffer, heapBase: number, heapBytes: number, pci: PciFunction) {
    this.bytes = new Uint8Array(buffer);
    this.owners = new Int32Array(buffer.byteLength >>> PAGE_SHIFT);
    this.#pci = pci;
    this.#heapBase = heapBase;
    this.#heapStart = Math.ceil(heapBase / PAGE_BYTES) * PAGE_BYTES;
    this.#heap = Arena.create(heapBytes);
    for (let index = 0; index < BAR_SLOTS; index++) {
      const bar = barOf(pci, index);
      if (bar === undefined) continue;
      if (bar.mappedOffset === 0)
        throw new WasmDriverError(
          `${pci.name} was plugged into a testbed with memory of its own: plug it in with { ownMemory: program.ownMemory }`,
        );
      this.barStarts[index] = bar.mappedOffset;
      this.#own(bar.mappedOffset, bar.byteLength, -1 - index);
    }
  }

  /** Zeroed memory of the driver alone; 0 when there is none left. */
  alloc(byteLength: number): number {
    const wanted = Math.max(1, byteLength >>> 0);
    try {
      const address = this.#heapStart + this.#heap.alloc(wanted);
      this.bytes.fill(0, address, address + wanted);
      this.#heapLengths.set(address, wanted);
      return address;
    } catch (error) {
      if (error instanceof RangeError) return 0;
      throw error;
    }
  }

  free(address: number): void {
    if (address === 0) return;
    if (!this.#heapLengths.delete(address))
      throw new WasmDriverError(`sb_free(${hex(address)}): nothing that sb_alloc gave begins there`);
    this.#heap.free(address - this.#heapStart);
  }

  /** Zeroed memory that the device reaches; 0 when there is none left. */
  dmaAlloc(byteLength: number, align: number, label: string): number {
    let buffer: DmaBuffer;
    try {
      buffer = this.#pci.dma.alloc(byteLength >>> 0, { align: Math.max(PAGE_BYTES, align >>> 0), label });
    } catch (error) {
      if (error instanceof RangeError && /no run of/.test(error.message)) return 0;
      throw error;
    }
    const free = this.buffers.indexOf(undefined);
    const number = free < 0 ? this.buffers.length : free;
    this.buffers[number] = buffer;
    this.#own(buffer.iova, buffer.byteLength, number + 1);
    return buffer.iova;
  }

  dmaFree(address: number): void {
    const owner = this.owners[address >>> PAGE_SHIFT] ?? 0;
    const buffer = owner > 0 ? this.buffers[owner - 1] : undefined;
    if (buffer === undefined || buffer.iova !== address >>> 0)
      throw new WasmDriverError(`sb_dma_free(${hex(address)}): nothing that sb_dma_alloc gave begins there`);
    buffer.free();
    this.buffers[owner - 1] = undefined;
    this.#own(buffer.iova, buffer.byteLength, 0);
  }

  /** What {@link owners} says of an address. */
  ownerOf(address: number): number {
    return this.owners[address >>> PAGE_SHIFT] as number;
  }

  /** A zero-terminated text, or as much of it as the limit allows; empty for NULL. */
  text(address: number, byteLimit: number = Number.POSITIVE_INFINITY): string {
    if (address === 0) return "";
    const from = address >>> 0;
    const mark = this.bytes.indexOf(0, from);
    // With a limit no end is needed behind it.
    const end = mark < 0 || mark - from > byteLimit ? Math.min(from + byteLimit, this.bytes.length) : mark;
    if ((mark < 0 && byteLimit === Number.POSITIVE_INFINITY) || end - from > LONGEST_TEXT_BYTES)
      throw new WasmDriverError(`a text at ${hex(address)} without an end`);
    // A decoder takes no shared memory.
    return new TextDecoder().decode(this.bytes.slice(from, end));
  }

  /** As before the program ran for the first time. Only the driver's own memory: the rest is the testbed's. */
  clear(): void {
    this.bytes.fill(0, 0, this.#heapBase);
  }

  /** What the driver keeps in its own memory, and what it holds. DMA buffers' contents are the testbed's to keep. */
  save(): LinearMemoryState {
    return {
      program: this.bytes.slice(0, this.#heapBase),
      heap: [...this.#heapLengths].map(([address, byteLength]) => {
        return { address, bytes: this.bytes.slice(address, address + byteLength) };
      }),
      heapPages: new Int32Array(this.#heap.tables.pages).slice(),
      owners: this.owners.slice(),
      buffers: this.buffers.slice(),
    };
  }

  restore({ program, heap, heapPages, owners, buffers }: LinearMemoryState): void {
    this.bytes.set(program);
    this.#heapLengths.clear();
    for (const { address, bytes } of heap) {
      this.bytes.set(bytes, address);
      this.#heapLengths.set(address, bytes.length);
    }
    new Int32Array(this.#heap.tables.pages).set(heapPages);
    this.owners.set(owners);
    this.buffers.splice(0, this.buffers.length, ...buffers);
  }

  #own(start: number, byteLength: number, owner: number): void {
    this.owners.fill(owner, start >>> PAGE_SHIFT, Math.ceil((start + byteLength) / PAGE_BYTES));
  }
}

/** An address as people write it. */
export function hex(address: number): string {
  return `0x${(address >>> 0).toString(16).padStart(8, "0")}`;
}

function barOf(pci: PciFunction, index: number): ReturnType<PciFunction["bar"]> | undefined {
  try {
    return pci.bar(index);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
