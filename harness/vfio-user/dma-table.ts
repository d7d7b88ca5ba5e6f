import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { CopiedFile } from "./copied-file.ts";
import { DMA_FLAG_READ, type DMA_FLAG_WRITE, EEXIST, EINVAL, ENOENT, ENOSPC, RequestError } from "./protocol.ts";
import type { SharedMemory } from "./shared-memory.ts";

/** One range of the client's memory that the device may reach. */
export interface DmaRange {
  readonly address: number;
  readonly byteLength: number;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** The memory itself where it was handed over and cannot shrink, in views as {@link SharedMemory} has them. */
  readonly slices?: readonly MemoryView[];
  /** The file that was handed over where it may shrink. Neither: the range is reached by messages. */
  readonly file?: CopiedFile;
  /** Gives the memory back. */
  release?(): void;
}

/** Ranges that a client may have mapped at once: what the protocol takes for granted. */
const MAX_RANGES = 65_535;

/** What a client let the device into, by address. */
export class DmaTable {
  /** By address, rising; no two overlap. */
  readonly #ranges: DmaRange[] = [];

  get count(): number {
    return this.#ranges.length;
  }

  /** Throws RequestError: EINVAL for a range that is none, EEXIST for one that overlaps another, ENOSPC for one too many. */
  add(range: DmaRange): void {
    const { address, byteLength } = range;
    if (byteLength <= 0 || !Number.isSafeInteger(address + byteLength)) {
      throw new RequestError(EINVAL, `DMA range ${rangeName(range)} is none`);
    }
    const at = this.#firstBehind(address);
    const [below, above] = [this.#ranges[at - 1], this.#ranges[at]];
    const clash =
      below !== undefined && below.address + below.byteLength > address
        ? below
        : above !== undefined && above.address < address + byteLength
          ? above
          : undefined;
    if (clash !== undefined) {
      throw new RequestError(EEXIST, `DMA range ${rangeName(range)} overlaps ${rangeName(clash)}`);
    }
    if (this.#ranges.length === MAX_RANGES) throw new RequestError(ENOSPC, `more than ${MAX_RANGES} DMA ranges`);
    this.#ranges.splice(at, 0, range);
  }

  /** Takes out all ranges that lie in [address, address + byteLength). Throws RequestError ENOENT when there is none, EINVAL when one is cut. */
  remove(address: number, byteLength: number): void {
    if (byteLength <= 0) throw new RequestError(EINVAL, "unmapping no bytes");
    const end = address + byteLength;
    const hit = this.#ranges.filter((range) => range.address < end && range.address + range.byteLength > address);
    if (hit.length === 0) throw new RequestError(ENOENT, `no DMA range in ${rangeName({ address, byteLength })}`);
    const cut = hit.find((range) => range.address < address || range.address + range.byteLength > end);
    if (cut !== undefined) {
      throw new RequestError(EINVAL, `unmapping ${rangeName({ address, byteLength })} would cut ${rangeName(cut)}`);
    }
    this.#ranges.splice(this.#ranges.indexOf(hit[0] as DmaRange), hit.length);
    for (const range of hit) range.release?.();
  }

  clear(): void {
    for (const range of this.#ranges.splice(0)) range.release?.();
  }

  /** The range that holds all of an access and permits it, or undefined. */
  find(address: number, byteLength: number, flag: typeof DMA_FLAG_READ | typeof DMA_FLAG_WRITE): DmaRange | undefined {
    const range = this.#ranges[this.#firstBehind(address) - 1];
    if (range === undefined || address + byteLength > range.address + range.byteLength) return undefined;
    return (flag === DMA_FLAG_READ ? range.canRead : range.canWrite) ? range : undefined;
  }

  /** Index of the first range that begins behind `address`. */
  #firstBehind(address: number): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle] as DmaRange).address <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** "0x1000–0x1fff". */
function rangeName({ address, byteLength }: Pick<DmaRange, "address" | "byteLength">): string {
  return `0x${address.toString(16)}–0x${(address + byteLength - 1).toString(16)}`;
}
