import type { ChunkSource } from "./chunk-source.ts";
import { type Compression, Unpacker } from "./unpacker.ts";

/**
 * Compressed bytes that are handed to zlib at once, because all that comes out of them is held: of gzip at most about
 * 1000 times as much, of zstd 32,000 times (a block of four bytes may stand for 128 KiB). 4 MB and 32 MB at the worst.
 */
const SLICE_BYTE_LENGTH = { gzip: 4096, zstd: 1024 } as const;
/** CRC and length at the end of a gzip member, or the checksum of a zstd frame: handed over last, so that a wrong one
 * takes no data with it. */
const TRAILER_BYTE_LENGTH = { gzip: 8, zstd: 4 } as const;

/**
 * The unpacked bytes of a gzip or zstd file, to the last one before a damage, all members or frames of it. zlib drops what it has unpacked in the call that
 * meets an error; on an error the file is therefore unpacked a second time, byte by byte around the place.
 */
export class UnpackedChunks implements ChunkSource {
  damage: string | undefined;
  readonly #compression: Compression;
  readonly #reopen: (() => Promise<ChunkSource>) | undefined;
  #unpacker: Unpacker;
  #slices: CompressedSlices;
  #outputs: Uint8Array[] = [];
  #deliveredByteCount = 0;
  #isAtEnd = false;

  /** Owns `compressed`. `reopen` gives the file from its start again; left out for a pipe. */
  constructor(compression: Compression, compressed: ChunkSource, reopen?: () => Promise<ChunkSource>) {
    this.#compression = compression;
    this.#unpacker = new Unpacker(compression);
    this.#slices = new CompressedSlices(compressed, TRAILER_BYTE_LENGTH[compression]);
    this.#reopen = reopen;
  }

  get fileOffset(): number {
    return this.#slices.fileOffset;
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#outputs.length === 0 && !this.#isAtEnd) await this.#advance();
    const output = this.#outputs.shift() ?? null;
    if (output !== null) this.#deliveredByteCount += output.length;
    return output;
  }

  async close(): Promise<void> {
    this.#unpacker.close();
    await this.#slices.close();
  }

  async #advance(): Promise<void> {
    const sliceFileOffset = this.#slices.fileOffset;
    const slice = await this.#slices.next(SLICE_BYTE_LENGTH[this.#compression]);
    try {
      this.#outputs = slice === null ? await this.#unpacker.end() : await this.#unpacker.write(slice);
      this.#isAtEnd = slice === null;
    } catch (error) {
      this.#isAtEnd = true;
      this.damage = describeDamage(this.#compression, error, this.#slices.fileOffset);
      if (slice !== null && this.#reopen !== undefined) await this.#rescue(this.#reopen, sliceFileOffset);
    }
  }

  /** Unpacks again up to the error and keeps what was not delivered yet. */
  async #rescue(reopen: () => Promise<ChunkSource>, damagedSliceFileOffset: number): Promise<void> {
    await this.close();
    this.#unpacker = new Unpacker(this.#compression);
    this.#slices = new CompressedSlices(await reopen(), TRAILER_BYTE_LENGTH[this.#compression]);
    let unpackedByteCount = 0;
    try {
      for (;;) {
        const isNear = this.#slices.fileOffset >= damagedSliceFileOffset;
        const slice = await this.#slices.next(isNear ? 1 : SLICE_BYTE_LENGTH[this.#compression]);
        if (slice === null) return;
        for (const output of await this.#unpacker.write(slice)) {
          const knownByteCount = Math.min(output.length, Math.max(0, this.#deliveredByteCount - unpackedByteCount));
          unpackedByteCount += output.length;
          if (knownByteCount < output.length) this.#outputs.push(output.subarray(knownByteCount));
        }
      }
    } catch {
      // The same error, met again where it was expected.
    }
  }
}

/** Cuts a compressed file into small slices, and keeps the bytes of a trailer at the end for a slice of their own. */
class CompressedSlices {
  /** Where in the compressed file the next slice begins. */
  fileOffset = 0;
  readonly #source: ChunkSource;
  readonly #trailerByteLength: number;
  #held: Uint8Array = new Uint8Array(0);
  #isAtEnd = false;

  constructor(source: ChunkSource, trailerByteLength: number) {
    this.#source = source;
    this.#trailerByteLength = trailerByteLength;
  }

  /** At most `byteLength` bytes; null at the end. */
  async next(byteLength: number): Promise<Uint8Array | null> {
    while (!this.#isAtEnd && this.#held.length <= this.#trailerByteLength) {
      const chunk = await this.#source.read();
      if (chunk === null) this.#isAtEnd = true;
      else this.#held = concatenate(this.#held, chunk);
    }
    const usable = this.#held.length - this.#trailerByteLength;
    const take = Math.min(byteLength, usable > 0 ? usable : this.#held.length);
    if (take === 0) return null;
    const slice = this.#held.slice(0, take);
    this.#held = this.#held.subarray(take);
    this.fileOffset += take;
    return slice;
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function describeDamage(compression: Compression, error: unknown, compressedByteCount: number): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "Z_BUF_ERROR")
    return `the ${compression} stream is cut off after ${compressedByteCount} compressed bytes.`;
  const reason = error instanceof Error ? error.message : String(error);
  return `the ${compression} stream is damaged within its first ${compressedByteCount} compressed bytes (zlib: ${reason}).`;
}
