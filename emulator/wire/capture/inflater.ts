import { createGunzip, type Gunzip } from "node:zlib";

/** zlib's gunzip behind one promise a write, so that what came out before an error is known to the byte. */
export class Inflater {
  readonly #gunzip: Gunzip = createGunzip();
  #outputs: Uint8Array[] = [];
  #error: Error | undefined;
  #isEnded = false;
  /** Settles the write or end in progress. */
  #settle: () => void = () => {};

  constructor() {
    this.#gunzip.on("data", (output: Uint8Array) => this.#outputs.push(output));
    this.#gunzip.on("end", () => {
      // Reached in the middle of a write too: behind the last member zlib takes no more and calls nobody back.
      this.#isEnded = true;
      this.#settle();
    });
    this.#gunzip.on("error", (error: Error) => {
      this.#error = error;
      this.#settle();
    });
  }

  /** What `input` unpacks to; nothing behind the last member, where tools leave padding. Rejects with zlib's error. */
  async write(input: Uint8Array): Promise<Uint8Array[]> {
    if (!this.#isEnded) await this.#settled((done) => this.#gunzip.write(input, done));
    return this.#take();
  }

  /** Unpacks what is left. Rejects with Z_BUF_ERROR when the input stopped inside a member. */
  async end(): Promise<Uint8Array[]> {
    if (!this.#isEnded) await this.#settled(() => this.#gunzip.end());
    return this.#take();
  }

  close(): void {
    this.#gunzip.destroy();
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
