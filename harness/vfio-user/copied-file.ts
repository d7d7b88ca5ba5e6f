import { fstatSync, readSync, writeSync } from "node:fs";
import type { MemoryView } from "../../emulator/memory/memory-view.ts";

/** A client's memory in a file that may become shorter at any time: by calls, which then fail where a mapping would kill. */
export class CopiedFile {
  readonly #descriptor: number;
  readonly #fileOffset: number;
  readonly #close: () => void;

  /** `fileOffset` is where the range begins in the file. `close` gives the descriptor back. */
  constructor(descriptor: number, fileOffset: number, close: () => void) {
    this.#descriptor = descriptor;
    this.#fileOffset = fileOffset;
    this.#close = close;
  }

  /** Reads bytes at `at` of the range. False: the file does not have all of them, or cannot be read. */
  read(at: number, into: MemoryView, offset: number, byteLength: number): boolean {
    try {
      return readSync(this.#descriptor, into.bytes, offset, byteLength, this.#fileOffset + at) === byteLength;
    } catch {
      return false;
    }
  }

  /** Writes bytes, the word at `flagOffset` last if that is not below 0. False: the file no longer reaches so far, or cannot be written. */
  write(at: number, from: MemoryView, offset: number, byteLength: number, flagOffset: number): boolean {
    try {
      // A write behind the end would make the file longer. One that shortens it between these calls gets what it asks for.
      if (fstatSync(this.#descriptor).size < this.#fileOffset + at + byteLength) return false;
      if (flagOffset < 0) return this.#put(at, from, offset, byteLength);
      const behind = flagOffset + 4;
      return (
        this.#put(at, from, offset, flagOffset) &&
        this.#put(at + behind, from, offset + behind, byteLength - behind) &&
        this.#put(at + flagOffset, from, offset + flagOffset, 4)
      );
    } catch {
      return false;
    }
  }

  close(): void {
    this.#close();
  }

  #put(at: number, from: MemoryView, offset: number, byteLength: number): boolean {
    return (
      byteLength === 0 ||
      writeSync(this.#descriptor, from.bytes, offset, byteLength, this.#fileOffset + at) === byteLength
    );
  }
}
