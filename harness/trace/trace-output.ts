import { once } from "node:events";
import { closeSync, openSync, writeSync } from "node:fs";
import type { Writable } from "node:stream";

const PIECE_CHARACTERS = 1 << 16;

/** Where a trace is written to, piece by piece: no more than a piece is kept. */
export interface TraceOutput {
  write(chunk: string | Uint8Array): void;
  /** Resolves when there is room for more. */
  flush(): Promise<void>;
  /** Writes what is left, and gives the file back. */
  close(): Promise<void>;
}

/** A file, written at once, so that it holds what there was when a process ends badly. */
export class FileOutput implements TraceOutput {
  readonly #fd: number;
  #text = "";

  /** Throws what the file system throws. */
  constructor(path: string) {
    this.#fd = openSync(path, "w");
  }

  write(chunk: string | Uint8Array): void {
    if (typeof chunk !== "string") {
      this.writeOut();
      writeAll(this.#fd, chunk);
      return;
    }
    this.#text += chunk;
    if (this.#text.length >= PIECE_CHARACTERS) this.writeOut();
  }

  /** Everything so far is in the file. */
  writeOut(): void {
    if (this.#text === "") return;
    const bytes = Buffer.from(this.#text, "utf8");
    this.#text = "";
    writeAll(this.#fd, bytes);
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    this.closeNow();
  }

  closeNow(): void {
    this.writeOut();
    closeSync(this.#fd);
  }
}

/** Standard output, or any other stream; it is not ended. */
export class StreamOutput implements TraceOutput {
  readonly #stream: Writable;
  #text = "";

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  write(chunk: string | Uint8Array): void {
    if (typeof chunk === "string") {
      this.#text += chunk;
      return;
    }
    this.#writeOut();
    // The writer goes on to use its memory.
    this.#stream.write(Buffer.from(chunk));
  }

  async flush(): Promise<void> {
    if (this.#text.length < PIECE_CHARACTERS && !this.#stream.writableNeedDrain) return;
    this.#writeOut();
    if (this.#stream.writableNeedDrain) await once(this.#stream, "drain");
  }

  async close(): Promise<void> {
    this.#writeOut();
    if (this.#stream.writableNeedDrain) await once(this.#stream, "drain");
  }

  #writeOut(): void {
    if (this.#text !== "") this.#stream.write(this.#text);
    this.#text = "";
  }
}

/** Text in memory. */
export class TextOutput implements TraceOutput {
  text = "";

  write(chunk: string | Uint8Array): void {
    this.text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("latin1");
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}
