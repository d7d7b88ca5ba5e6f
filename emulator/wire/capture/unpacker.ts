import * as nodeZlib from "node:zlib";

/** How a file is packed; told by its first bytes. */
export type Compression = "gzip" | "zstd";

/** The decompressors of a zlib module: zstd is there from Node 22.15 and 23.8 on. */
export interface ZlibModule {
  createGunzip(): nodeZlib.Gunzip;
  createZstdDecompress?(): nodeZlib.Gunzip;
}

/**
 * Why this Node cannot unpack the format, in a sentence that says what to do; undefined when it can. `version` is that
 * of Node.
 */
export function whyNotUnpackable(
  compression: Compression,
  zlib: ZlibModule = nodeZlib,
  version: string = process.versions.node,
): string | undefined {
  if (compression === "gzip" || zlib.createZstdDecompress !== undefined) return undefined;
  return `this is zstd, which Node ${version} cannot unpack; Node 22.15 or later can, or unpack it with "zstd -d" first.`;
}

/** zlib's decompressor behind one promise a write, so that what came out before an error is known to the byte. */
export class Unpacker {
  readonly #compression: Compression;
  #stream: nodeZlib.Gunzip;
  #outputs: Uint8Array[] = [];
  #error: Error | undefined;
  #isEnded = false;
  /** Settles the write or end in progress. */
  #settle: () => void = () => {};

  /** The caller has asked {@link whyNotUnpackable}. */
  constructor(compression: Compression) {
    this.#compression = compression;
    this.#stream = this.#open();
  }

  /** What `input` unpacks to; nothing behind the last gzip member, where tapes leave zeros. Rejects with zlib's error. */
  async write(input: Uint8Array): Promise<Uint8Array[]> {
    let rest = input;
    while (!this.#isEnded && rest.length > 0) {
      const stream = this.#stream;
      const consumedBefore = stream.bytesWritten;
      const piece = rest;
      await this.#settled((done) => stream.write(piece, done));
      if (!this.#isEnded || this.#compression === "gzip") break;
      // zlib goes from one gzip member to the next by itself, but stops behind a zstd frame.
      rest = rest.subarray(stream.bytesWritten - consumedBefore);
      stream.destroy();
      this.#isEnded = false;
      this.#stream = this.#open();
    }
    return this.#take();
  }

  /** Unpacks what is left. Rejects with Z_BUF_ERROR when the input stopped inside a member or frame. */
  async end(): Promise<Uint8Array[]> {
    if (!this.#isEnded) await this.#settled(() => this.#stream.end());
    return this.#take();
  }

  close(): void {
    this.#stream.destroy();
  }

  #open(): nodeZlib.Gunzip {
    const zlib: ZlibModule = nodeZlib;
    const stream = this.#compression === "zstd" ? zlib.createZstdDecompress?.() : zlib.createGunzip();
    if (stream === undefined) throw new Error(whyNotUnpackable(this.#compression));
    stream.on("data", (output: Uint8Array) => this.#outputs.push(output));
    stream.on("end", () => {
      // Reached in the middle of a write too: behind the last member zlib takes no more and calls nobody back.
      this.#isEnded = true;
      this.#settle();
    });
    stream.on("error", (error: Error) => {
      this.#error = error;
      this.#settle();
    });
    return stream;
  }

  #settled(start: (done: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = () => {
        if (this.#error === undefined) resolve();
        else reject(this.#error);
      };
      if (this.#error === undefined) start(() => this.#settle());
      else this.#settle();
    });
  }

  #take(): Uint8Array[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }
}
