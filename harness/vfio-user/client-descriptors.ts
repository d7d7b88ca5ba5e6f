import { fstatSync, readlinkSync, statfsSync } from "node:fs";
import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { Libc } from "../native/libc.ts";
import type { EventSignal } from "./client-interrupts.ts";
import { CopiedFile } from "./copied-file.ts";
import { type DescriptorUse, OVERLAP_BYTES, type SharedMemory, SLICE_BYTES } from "./shared-memory.ts";

/** More address space than this is not given away for one range. */
const MAX_MAPPED_BYTES = 2 ** 40;
/** The file system of memfd_create(2) and /dev/shm (linux/magic.h). Files of huge pages cannot be written by calls. */
const TMPFS_MAGIC = 0x0102_1994;

/** What a client's descriptors are used for: its memory and its event descriptors. */
export class ClientDescriptors implements DescriptorUse {
  readonly #libc: Libc;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /**
   * Touching mapped memory behind a file's end kills the process (SIGBUS), so only what nobody can shorten is mapped. Any
   * other file in memory is read and written by calls, which then fail. One that lies elsewhere could keep a call waiting,
   * on a disk or in a file system that the client makes itself: it is not touched at all.
   */
  share(descriptor: number, fileOffset: number, byteLength: number, canWrite: boolean): SharedMemory {
    const kind = this.#libc.kindOf(descriptor);
    if (kind === "elsewhere") return { form: "messages" };
    // Asked in this order: of a file that is sealed the size holds from now on.
    const { size } = fstatSync(descriptor);
    if (fileOffset + byteLength > size) throw new Error(`its file has ${size} bytes`);
    if (!this.#libc.isOpenFor(descriptor, canWrite)) throw new Error("it is not open for what the range permits");
    const mapped =
      kind === "sealed" && byteLength <= MAX_MAPPED_BYTES
        ? this.#map(descriptor, fileOffset, byteLength, canWrite)
        : undefined;
    if (mapped !== undefined) return mapped;
    if (statfsSync(`/proc/self/fd/${descriptor}`).type !== TMPFS_MAGIC) return { form: "messages" };
    const file = new CopiedFile(descriptor, fileOffset, () => this.#libc.close(descriptor));
    return { form: "copied", file };
  }

  /** Of anything else a write could wait, or be somebody's data. */
  signal(descriptor: number): EventSignal {
    if (readlinkSync(`/proc/self/fd/${descriptor}`) !== "anon_inode:[eventfd]") throw new Error("it is no eventfd");
    return {
      signal: () => this.#libc.signal(descriptor),
      close: () => this.#libc.close(descriptor),
    };
  }

  close(descriptor: number): void {
    this.#libc.close(descriptor);
  }

  /** Undefined when it cannot be mapped: sealed against writing, or of pages so large that the range begins in one. */
  #map(descriptor: number, fileOffset: number, byteLength: number, canWrite: boolean): SharedMemory | undefined {
    try {
      const cut = { sliceBytes: SLICE_BYTES, overlapBytes: OVERLAP_BYTES };
      const mapped = this.#libc.mapSlices(descriptor, fileOffset, byteLength, canWrite, cut);
      const release = (): void => this.#libc.unmap(mapped);
      return { form: "mapped", slices: mapped.slices.map((slice) => new MemoryView(slice)), release };
    } catch {
      return undefined;
    }
  }
}
