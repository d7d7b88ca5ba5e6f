import { closeSync, openSync, writeSync } from "node:fs";
import type { Clock } from "../../emulator/clock/clock.ts";
import { FRAME_BAD_FCS } from "../../emulator/pcie/device-model.ts";
import { crc32 } from "../../emulator/wire/crc32.ts";

const BUFFER_BYTES = 1 << 16;
/** The longest line: time 20, place 7, number 20, length 7, hash 9, mark 8. */
const LINE_BYTES = 96;
const HEADER = "# seconds since the start, place, number of the frame there, bytes without FCS, CRC-32 of them\n";

/**
 * One line for every frame at the card ("wire") and at the consumer ("driver"):
 *
 * ```
 * 0.000012345 wire 17 342 9a0b63d1
 * ```
 *
 * Written from one thread in virtual time, the file of a replay is the same to the byte whenever it is run. Lines are
 * put together in a buffer and written when it is full; nothing is allocated.
 */
export class FrameEventLog {
  readonly #file: number;
  readonly #clock: Clock;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  /** `[0]`: when the replay began, in whole nanoseconds. */
  readonly #startNs = new Float64Array(1);
  #at = 0;
  #wireCount = 0;
  #driverCount = 0;

  /** @throws Error of the file system when the file cannot be written. */
  constructor(path: string, clock: Clock) {
    this.#file = openSync(path, "w");
    this.#clock = clock;
    this.#at = this.#buffer.write(HEADER, 0, "latin1");
  }

  /** The replay begins at `startNs[0]`. */
  begin(startNs: Float64Array): void {
    this.#startNs[0] = startNs[0] as number;
  }

  /** A frame arrives at the card. */
  wire(bytes: Uint8Array, offset: number, byteLength: number, flags: number): void {
    this.#write(" wire ", this.#wireCount++, bytes, offset, byteLength, (flags & FRAME_BAD_FCS) !== 0);
  }

  /** A frame is handed to the consumer. */
  driver(bytes: Uint8Array, offset: number, byteLength: number): void {
    this.#write(" driver ", this.#driverCount++, bytes, offset, byteLength, false);
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #write(
    place: string,
    index: number,
    bytes: Uint8Array,
    offset: number,
    byteLength: number,
    hasBadFcs: boolean,
  ): void {
    if (this.#at + LINE_BYTES > BUFFER_BYTES) this.#flush();
    const elapsedNs = Math.round((this.#clock.now[0] as number) - (this.#startNs[0] as number));
    const seconds = Math.floor(elapsedNs / 1e9);
    this.#digits(seconds, 1);
    this.#text(".");
    this.#digits(elapsedNs - seconds * 1e9, 9);
    this.#text(place);
    this.#digits(index, 1);
    this.#text(" ");
    this.#digits(byteLength, 1);
    this.#text(" ");
    this.#hex(crc32(bytes, offset, byteLength));
    this.#text(hasBadFcs ? " bad FCS\n" : "\n");
  }

  #digits(value: number, count: number): void {
    let digits = 1;
    for (let power = 10; power <= value || digits < count; power *= 10) digits++;
    let rest = value;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const next = Math.floor(rest / 10);
      this.#buffer[at] = 48 + rest - next * 10;
      rest = next;
    }
    this.#at += digits;
  }

  #hex(word: number): void {
    for (let shift = 28; shift >= 0; shift -= 4) {
      const digit = (word >>> shift) & 15;
      this.#buffer[this.#at++] = digit < 10 ? 48 + digit : 87 + digit;
    }
  }

  #text(text: string): void {
    for (let index = 0; index < text.length; index++) this.#buffer[this.#at++] = text.charCodeAt(index);
  }

  #flush(): void {
    for (let written = 0; written < this.#at; )
      written += writeSync(this.#file, this.#buffer, written, this.#at - written);
    this.#at = 0;
  }
}
