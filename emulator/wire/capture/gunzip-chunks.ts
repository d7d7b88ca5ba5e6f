import type { ChunkSource } from "./chunk-source.ts";
import { Inflater } from "./inflater.ts";

/** Compressed bytes that are handed to zlib at once; what comes out of them is at most about 1000 times as much. */
const SLICE_BYTE_LENGTH = 4096;
/** CRC and length at the end of a gzip member: handed over last, so that a wrong one takes no data with it. */
const GZIP_TRAILER_BYTE_LENGTH = 8;

/**
 * The unpacked bytes of a gzip file, to the last one before a damage. zlib drops what it has unpacked in the call that
 * meets an error; on an error the file is therefore unpacked a second time, byte by byte around the place.
 */
export class GunzipChunks implements ChunkSource {
  damage: string | undefined;
  readonly #reopen: (() => Promise<ChunkSource>) | undefined;
  #inflater = new Inflater();
  #slices: CompressedSlices;
  #outputs: Uint8Array[] = [];
  #deliveredByteCount = 0;
  #isAtEnd = false;

  /** Owns `compressed`. `reopen` gives the file from its start again; left out for a pipe. */
  constructor(compressed: ChunkSource, reopen?: () => Promise<ChunkSource>) {
    this.#slices = new CompressedSlices(compressed);
    this.#reopen = reopen;
  }

  async read(): Promise<Uint8Array | null> {
    while (this.#outputs.length === 0 && !this.#isAtEnd) await this.#advance();
    const output = this.#outputs.shift() ?? null;
    if (output !== null) this.#deliveredByteCount += output.length;
    return output;
  }

  async close(): Promise<void> {
    this.#inflater.close();
    await this.#slices.close();
  }

  async #advance(): Promise<void> {
    const sliceFileOffset = this.#slices.fileOffset;
    const slice = await this.#slices.next();
    try {
      this.#outputs = slice === null ? await this.#inflater.end() : await this.#inflater.write(slice);
      this.#isAtEnd = slice === null;
    } catch (error) {
      this.#isAtEnd = true;
      this.damage = describeDamage(error, this.#slices.fileOffset);
      if (slice !== null && this.#reopen !== undefined) await this.#rescue(this.#reopen, sliceFileOffset);
    }
  }

  /** Unpacks again up to the error and keeps what was not delivered yet. */
  async #rescue(reopen: () => Promise<ChunkSource>, damagedSliceFileOffset: number): Promise<void> {
    await this.close();
    this.#inflater = new Inflater();
    this.#slices = new CompressedSlices(await reopen());
    let unpackedByteCount = 0;
    try {
      for (;;) {
        const isNear = this.#slices.fileOffset >= damagedSliceFileOffset;
        const slice = await this.#slices.next(isNear ? 1 : SLICE_BYTE_LENGTH);
        if (slice === null) return;
        for (const output of await this.#inflater.write(slice)) {
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

/** Cuts a compressed file into small slices, and keeps the last eight bytes for a slice of their own. */
class CompressedSlices {
  /** Where in the compressed file the next slice begins. */
  fileOffset = 0;
  readonly #source: ChunkSource;
  #held: Uint8Array = new Uint8Array(0);
  #isAtEnd = false;

  constructor(source: ChunkSource) {
    this.#source = source;
  }

  /** At most `byteLength` bytes; null at the end. */
  async next(byteLength: number = SLICE_BYTE_LENGTH): Promise<Uint8Array | null> {
    while (!this.#isAtEnd && this.#held.length <= GZIP_TRAILER_BYTE_LENGTH) {
      const chunk = await this.#source.read();
      if (chunk === null) this.#isAtEnd = true;
      else this.#held = concatenate(this.#held, chunk);
    }
    const usable = this.#held.length - GZIP_TRAILER_BYTE_LENGTH;
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

function describeDamage(error: unknown, compressedByteCount: number): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "Z_BUF_ERROR") return `the gzip stream is cut off after ${compressedByteCount} compressed bytes.`;
  const reason = error instanceof Error ? error.message : String(error);
  return `the gzip stream is damaged within its first ${compressedByteCount} compressed bytes (zlib: ${reason}).`;
}
