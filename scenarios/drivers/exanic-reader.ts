/**
 * How to read a ring that nobody stops from being overwritten. The card writes a frame as chunks of 120 bytes, each with an
 * info word behind it that says in which generation, in which lap of the ring, it was written. It asks nobody whether the
 * place is free. So the reader
 *
 * 1. looks at the generation of the next chunk: the one it expects means data, the one before means none yet, and any other
 *    that the card has lapped the reader and everything in between is lost;
 * 2. copies the payload;
 * 3. looks back. What it has copied may have been overwritten meanwhile. The card writes one chunk after the other, so if
 *    the chunk *before* the copied ones, the sentinel, still has its old generation, then the card has not come as far as
 *    the copied ones either. If it has not, the copy is worth nothing.
 *
 * Step 3 was missing in libexanic for years: cisco/exanic-software#44 found corrupt frames with a good status in it, and the
 * published cure is the sentinel. It must be an older chunk than the copied ones: the card writes payload first and info
 * last, so a chunk that is being overwritten still has its old generation. See scenarios/EXANIC-LAPPED.md for the story.
 *
 * Nothing here allocates.
 */

import type { Cpu, DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import * as reg from "./exanic-registers.ts";

/** What {@link ExanicReader.receive} returns instead of a length. The first three are the card's (enum rx_frame_status). */
export const FRAME_ABORTED = -1;
export const FRAME_CORRUPT = -2;
export const FRAME_HARDWARE_OVERFLOW = -3;
/** The card has lapped the reader: frames are lost, nobody knows how many. */
export const FRAME_LAPPED = -256;
/** The frame is longer than the caller's memory. */
export const FRAME_TRUNCATED = -257;

/** A frame whose rest does not come within this will never end: the port was disabled in the middle of it. On the wire it takes 1 µs. */
const REST_LIMIT_NS = 1_000_000_000;
/** Polls between two looks at the time. */
const POLLS_PER_LOOK = 256;
const LAST_GENERATION = 0xff;

export class ExanicReader {
  /** Of the last frame: the card's clock when it began, as int32, and the rule that brought it here. */
  timestamp = 0;
  matchedFilter = 0;
  /** How often the card has lapped this reader. */
  lappedCount = 0;
  /** The chunk to be read next, and the generation in which it will hold something new. */
  nextChunk = 0;
  generation = 0;
  readonly #memory: DmaBuffer;
  readonly #cpu: Cpu;
  /** The last chunk of the frame before, and the generation that it had. */
  #sentinel = 0;
  #sentinelGeneration = 0;
  readonly #chunkCount: number;

  /** Over a receive region. Begins behind what is there already. */
  constructor(memory: DmaBuffer, cpu: Cpu) {
    this.#memory = memory;
    this.#cpu = cpu;
    this.#chunkCount = memory.byteLength / reg.RX_CHUNK_BYTES;
    this.#catchUp();
  }

  /**
   * Copies the next frame, FCS included, to the start of `target`: its length, 0 when there is none, or one of the negative
   * numbers above. After any of these the next call goes on with the next frame.
   */
  receive(target: Uint8Array): number {
    // An acquire: no load of the payload may be earlier than this one (volatile in C, on a machine that keeps loads in order).
    let state = this.#memory.readAcquire32(this.#stateAt(this.nextChunk)) | 0;
    if (generationOf(state) !== this.generation) return this.#nothingOrLapped(state);
    this.#cpu.beginRacy("the card overwrites without asking; what was copied is believed after the look back only");
    for (let size = 0; ; ) {
      const chunk = this.nextChunk;
      const payloadAt = chunk * reg.RX_CHUNK_BYTES;
      this.#advance();
      const length = lengthOf(state);
      const byteLength = length === 0 ? reg.RX_PAYLOAD_BYTES : length;
      // No chunk has more, and no frame more than the ring: a card that says so is not to be believed in anything.
      if (byteLength > reg.RX_PAYLOAD_BYTES || size > this.#memory.byteLength)
        throw brokenChunk(chunk, byteLength, size);
      const fits = size + byteLength <= target.length;
      if (fits) this.#memory.copyTo(payloadAt, target, size, byteLength);
      size += byteLength;
      if (length !== 0) {
        this.timestamp = this.#memory.read32(payloadAt + reg.RX_TIMESTAMP_AT) | 0;
        this.#cpu.endRacy(true);
        if (!this.stillThere(chunk, generationOf(state))) return this.#lapped();
        this.matchedFilter = (state >>> 16) & 0xff;
        const error = state & 0x0f;
        if (error !== 0) return -error;
        return fits ? size : FRAME_TRUNCATED;
      }
      // The frame is still coming in. The card cuts through: its first bytes are here before its last are on the wire.
      state = this.#awaitNext();
      if (generationOf(state) === this.generation) continue;
      this.#cpu.endRacy(false);
      return this.#lapped();
    }
  }

  /** Whether {@link receive} would not return 0. */
  isReady(): boolean {
    const generation = generationOf(this.#memory.readAcquire32(this.#stateAt(this.nextChunk)));
    return generation !== ((this.generation - 1) & LAST_GENERATION);
  }

  /** Whether the chunk behind the next one is there and the next one is not: then its write is lost, as the card goes in order. */
  isNextMissing(): boolean {
    if (this.isReady()) return false;
    const isLast = this.nextChunk + 1 === this.#chunkCount;
    const generation = isLast ? (this.generation + 1) & LAST_GENERATION : this.generation;
    return this.generationAt(isLast ? 0 : this.nextChunk + 1) === generation;
  }

  /**
   * Step 3: whether the frame that was copied, up to `chunk`, was there to the end. The chunk becomes the sentinel of the
   * next frame.
   */
  protected stillThere(chunk: number, generation: number): boolean {
    const sentinel = this.#sentinel;
    const sentinelGeneration = this.#sentinelGeneration;
    this.#sentinel = chunk;
    this.#sentinelGeneration = generation;
    this.fence();
    return this.generationAt(sentinel) === sentinelGeneration;
  }

  /** The look back must not be made before the copy is: loads may be reordered (smp_rmb; nothing to do on x86). */
  protected fence(): void {
    this.#cpu.dmaRmb();
  }

  protected generationAt(chunk: number): number {
    return generationOf(this.#memory.read32(this.#stateAt(chunk)));
  }

  #nothingOrLapped(state: number): number {
    return generationOf(state) === ((this.generation - 1) & LAST_GENERATION) ? 0 : this.#lapped();
  }

  #awaitNext(): number {
    const before = (this.generation - 1) & LAST_GENERATION;
    const at = this.#stateAt(this.nextChunk);
    let deadlineNs = Number.POSITIVE_INFINITY;
    let isLate = false;
    for (let polls = 1; ; polls++) {
      const state = this.#memory.readAcquire32(at) | 0;
      if (generationOf(state) !== before) return state;
      this.#cpu.relax();
      if (polls % POLLS_PER_LOOK !== 0) continue;
      // Whoever is held up between the last poll and the look at the time polls once more.
      if (isLate) break;
      isLate = this.#cpu.nowNs() > deadlineNs;
      if (polls === POLLS_PER_LOOK) deadlineNs = this.#cpu.nowNs() + REST_LIMIT_NS;
    }
    throw new Error(`chunk ${this.nextChunk} of the receive region never came: was the port disabled within a frame?`);
  }

  #lapped(): number {
    this.lappedCount++;
    this.#catchUp();
    return FRAME_LAPPED;
  }

  /**
   * Goes to where the card is: behind the newest end of a frame. Chunks from 0 on have one generation up to the newest, and
   * the one before from there on, so the border is found by halving. The card writes on meanwhile; what that spoils is
   * noticed by the next frame.
   */
  #catchUp(): void {
    const newest = this.#newestChunk();
    let end = newest;
    let state = this.#memory.readAcquire32(this.#stateAt(end));
    for (let back = 1; lengthOf(state) === 0 && back < this.#chunkCount; back++) {
      end = end === 0 ? this.#chunkCount - 1 : end - 1;
      state = this.#memory.readAcquire32(this.#stateAt(end));
    }
    this.#sentinel = end;
    this.#sentinelGeneration = generationOf(state);
    this.nextChunk = end;
    this.generation = generationOf(state);
    this.#advance();
  }

  #newestChunk(): number {
    const first = generationOf(this.#memory.readAcquire32(this.#stateAt(0)));
    let low = 0;
    let high = this.#chunkCount;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (generationOf(this.#memory.readAcquire32(this.#stateAt(middle))) === first) low = middle;
      else high = middle;
    }
    return low;
  }

  #advance(): void {
    if (++this.nextChunk < this.#chunkCount) return;
    this.nextChunk = 0;
    this.generation = (this.generation + 1) & LAST_GENERATION;
  }

  #stateAt(chunk: number): number {
    return chunk * reg.RX_CHUNK_BYTES + reg.RX_STATE_AT;
  }
}

function brokenChunk(chunk: number, byteLength: number, size: number): Error {
  return new Error(
    `chunk ${chunk} of the receive region says that it holds ${byteLength} bytes, behind ${size} of the same frame; a chunk has ${reg.RX_PAYLOAD_BYTES}. Close the driver and probe again`,
  );
}

function generationOf(state: number): number {
  return state >>> 24;
}

function lengthOf(state: number): number {
  return (state >>> 8) & 0xff;
}
