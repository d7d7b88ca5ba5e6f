import { LengthPrefixFramer } from "./length-prefix-framer.ts";

/**
 * Reads Nasdaq's BinaryFILE ("BinaryFILE", version 1.00), in which a day of ITCH is stored: length u16 big-endian and
 * message, again and again; a length of 0 ends the session. The file is given in chunks of any size; nothing is allocated
 * a message.
 *
 * ```ts
 * for await (const chunk of createReadStream(path)) {
 *   file.push(chunk, 0, chunk.length);
 *   while (file.next()) book.apply(file.bytes, file.messageOffset, file.messageByteLength);
 * }
 * if (!file.isEnded) console.log(file.whyNotWhole);
 * ```
 */
export class BinaryFileReader {
  messages = 0;
  /** The length of 0 was met: the file is whole. */
  isEnded = false;
  /** Bytes behind the end of the session, which are not read. */
  bytesBehindEnd = 0;
  readonly #framer = new LengthPrefixFramer();

  /** After {@link next}: where the message lies; good until the next call. */
  get bytes(): Uint8Array {
    return this.#framer.bytes;
  }

  get messageOffset(): number {
    return this.#framer.bodyOffset;
  }

  get messageByteLength(): number {
    return this.#framer.bodyByteLength;
  }

  /** Sequence of the message that {@link next} moved to: the file has them from 1 without a gap. */
  get sequence(): number {
    return this.messages;
  }

  /** Gives the next bytes of the file. @throws Error when the chunk before was not read to its end. */
  push(bytes: Uint8Array, offset: number, byteLength: number): void {
    if (this.isEnded) this.bytesBehindEnd += byteLength;
    else this.#framer.push(bytes, offset, byteLength);
  }

  /** Moves to the next message; false when more of the file is needed, or the session has ended. */
  next(): boolean {
    if (this.isEnded || !this.#framer.next()) return false;
    if (this.#framer.bodyByteLength > 0) {
      this.messages++;
      return true;
    }
    this.isEnded = true;
    this.bytesBehindEnd = this.#framer.pendingByteLength;
    return false;
  }

  /** What is wrong with the file so far, for reports, or an empty text when it has ended as it should (allocates). */
  get whyNotWhole(): string {
    if (this.isEnded && this.messages === 0 && this.bytesBehindEnd > 0) {
      return (
        "The file begins with a length of 0, which ends the session, and has more behind it. Some tools write 0 in front " +
        "of every message (the sample files of RITCH do): that is no BinaryFILE. Convert it, with lengths."
      );
    }
    if (this.isEnded && this.bytesBehindEnd > 0) {
      return `${this.bytesBehindEnd} bytes stand behind the end of the session and were not read.`;
    }
    if (this.isEnded) return "";
    const cut = this.#framer.pendingByteLength;
    const rest = cut > 0 ? `, and the last ${cut} bytes are the beginning of a message` : "";
    return `The file stops after ${this.messages} messages without the end of the session${rest}: it was cut.`;
  }
}
