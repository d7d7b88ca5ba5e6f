import { fstatSync } from "node:fs";
import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { Libc } from "../native/libc.ts";
import type { EventSignal } from "./client-interrupts.ts";
import type { DescriptorUse, MappedMemory } from "./session.ts";

const PAGE_BYTES = 4096;

/** What a client's descriptors are used for: its memory, mapped, and its event descriptors. */
export class ClientDescriptors implements DescriptorUse {
  readonly #libc: Libc;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /**
   * A file that is shorter than what is to be mapped is refused: touching memory behind a file's end kills the process.
   * One that its owner shortens later would too; nobody can guard against that.
   */
  map(descriptor: number, fileOffset: number, byteLength: number, canWrite: boolean): MappedMemory {
    const { size } = fstatSync(descriptor);
    if (fileOffset + byteLength > size) throw new Error(`its file has ${size} bytes`);
    // Whole pages around what is asked for.
    const offset = fileOffset % PAGE_BYTES;
    const wholeBytes = Math.ceil((offset + byteLength) / PAGE_BYTES) * PAGE_BYTES;
    const mapped = this.#libc.mapFile(descriptor, fileOffset - offset, wholeBytes, canWrite);
    return { memory: new MemoryView(mapped.buffer), offset, release: () => this.#libc.unmap(mapped) };
  }

  signal(descriptor: number): EventSignal {
    return {
      signal: () => this.#libc.signal(descriptor),
      close: () => this.#libc.close(descriptor),
    };
  }

  close(descriptor: number): void {
    this.#libc.close(descriptor);
  }
}
