import type { FileHandle } from "node:fs/promises";

const READ_BYTE_LENGTH = 256 * 1024;

/** The bytes of a file in order, in pieces. */
export interface ChunkSource {
  /** The next piece, good until the next call; null at the end of what can be had. */
  read(): Promise<Uint8Array | null>;
  /** After `read` gave null: a sentence on why that was not the proper end; undefined when it was. */
  readonly damage: string | undefined;
  /** How far the file on the disk has been read, in its own bytes, packed or not: for progress. */
  readonly fileOffset: number;
  close(): Promise<void>;
}

/** The file as it lies on the disk, through one buffer. Owns the handle. */
export class FileChunks implements ChunkSource {
  readonly damage: string | undefined = undefined;
  fileOffset = 0;
  readonly #file: FileHandle;
  readonly #buffer = new Uint8Array(READ_BYTE_LENGTH);
  /** A piece that was read ahead to see what the file is. */
  #readAhead: Uint8Array | null = null;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#readAhead !== null) {
      const chunk = this.#readAhead;
      this.#readAhead = null;
      return chunk;
    }
    const { bytesRead } = await this.#file.read(this.#buffer, 0, this.#buffer.length, null);
    this.fileOffset += bytesRead;
    return bytesRead === 0 ? null : this.#buffer.subarray(0, bytesRead);
  }

  /** The first bytes, at least `byteLength` of them unless the file is shorter; `read` gives them again. */
  async peek(byteLength: number): Promise<Uint8Array> {
    let count = 0;
    while (count < byteLength) {
      // A pipe may give less than was asked for without being at its end.
      const { bytesRead } = await this.#file.read(this.#buffer, count, this.#buffer.length - count, null);
      if (bytesRead === 0) break;
      count += bytesRead;
    }
    this.fileOffset += count;
    const start = this.#buffer.subarray(0, count);
    if (count > 0) this.#readAhead = start;
    return start;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
