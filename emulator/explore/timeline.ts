/** Landings that can still be looked behind. Older ones are as if they had always been there. */
const LANDING_LIMIT = 64;
/** Older versions of a location that a load may still be offered; herd7's shapes need two. */
const VERSION_LIMIT = 4;

/**
 * Coherent memory (host memory, then the registers of each device) and the recent past of it. Every landing gets a tick
 * and leaves the bytes it replaced in a ring, so that a load can be given what was there a few landings ago: any byte
 * range, however the stores to it were cut.
 */
export class Timeline {
  readonly bytes: Uint8Array;
  /** Ticks are counted from 1: tick 0 is what was there at the beginning. */
  tick = 0;
  /** Words of the last {@link load}, and the tick at which what it returned had landed. */
  low = 0;
  high = 0;
  loadedTick = 0;
  readonly #ticks = new Int32Array(LANDING_LIMIT);
  readonly #addresses = new Int32Array(LANDING_LIMIT);
  readonly #lengths = new Int32Array(LANDING_LIMIT);
  readonly #oldLow = new Int32Array(LANDING_LIMIT);
  readonly #oldHigh = new Int32Array(LANDING_LIMIT);
  /** Landings ever made in this run; the newest is at (count - 1) modulo the limit. */
  #count = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  reset(): void {
    this.tick = 0;
    this.#count = 0;
  }

  /** Up to 8 bytes land in one go. */
  land(address: number, byteLength: number, low: number, high: number): void {
    this.load(address, byteLength, 0);
    this.#log(address, byteLength, this.low, this.high);
    this.#store(address, byteLength, low, high);
  }

  /** A longer write lands: its bytes are taken from `from`. A load is never offered what was there before. */
  landBytes(address: number, from: Uint8Array, fromOffset: number, byteLength: number): void {
    this.#log(address, byteLength, 0, 0);
    for (let index = 0; index < byteLength; index++) this.bytes[address + index] = from[fromOffset + index] as number;
  }

  /** Something that is not memory has changed at these addresses: whoever waits for it looks again. */
  touch(address: number, byteLength: number): void {
    this.#log(address, byteLength, 0, 0);
  }

  /** Sets what is there at the beginning of a run: no landing. */
  initialise(address: number, byteLength: number, value: number): void {
    this.#store(address, byteLength, value, value < 0 ? -1 : 0);
  }

  /** The tick of the newest landing in a byte range that is later than `sinceTick`; 0 when there is none. */
  changedSince(address: number, byteLength: number, sinceTick: number): number {
    const end = address + byteLength;
    const oldest = this.#count > LANDING_LIMIT ? this.#count - LANDING_LIMIT : 0;
    for (let number = this.#count - 1; number >= oldest; number--) {
      const at = number % LANDING_LIMIT;
      const tick = this.#ticks[at] as number;
      if (tick <= sinceTick) return 0;
      const start = this.#addresses[at] as number;
      if (start < end && address < start + (this.#lengths[at] as number)) return tick;
    }
    // What has left the ring may have been here: a look too many does no harm.
    return oldest > 0 ? (this.#ticks[oldest % LANDING_LIMIT] as number) : 0;
  }

  /** How many older versions of a byte range were still current at some moment after `floorTick`. */
  olderVersions(address: number, byteLength: number, floorTick: number): number {
    const end = address + byteLength;
    const oldest = this.#count > LANDING_LIMIT ? this.#count - LANDING_LIMIT : 0;
    let versions = 0;
    for (let number = this.#count - 1; number >= oldest; number--) {
      const at = number % LANDING_LIMIT;
      if ((this.#ticks[at] as number) <= floorTick) break;
      const start = this.#addresses[at] as number;
      const length = this.#lengths[at] as number;
      if (start >= end || address >= start + length) continue;
      if (length > 8) break;
      if (++versions === VERSION_LIMIT) break;
    }
    return versions;
  }

  /** Loads a byte range as it was `version` landings (in this range) ago; 0 is now. */
  load(address: number, byteLength: number, version: number): void {
    this.#fetch(address, byteLength);
    if (version === 0) return;
    this.loadedTick = this.#undo(address, byteLength, version);
  }

  /** The tick at which the newest version of a byte range landed, as far as it is remembered. */
  newestTick(address: number, byteLength: number): number {
    return this.changedSince(address, byteLength, 0);
  }

  /** Lays a store of `length` bytes at `start` over the loaded words. */
  overlay(address: number, byteLength: number, start: number, length: number, low: number, high: number): void {
    const from = Math.max(start, address);
    const to = Math.min(start + length, address + byteLength);
    for (let byte = from; byte < to; byte++) this.#setByte(byte - address, byteOf(low, high, byte - start));
  }

  #fetch(address: number, byteLength: number): void {
    const bytes = this.bytes;
    if (byteLength === 4 || byteLength === 8) {
      this.low = word(bytes, address);
      this.high = byteLength === 8 ? word(bytes, address + 4) : 0;
      return;
    }
    this.low = (bytes[address] as number) | (byteLength === 2 ? (bytes[address + 1] as number) << 8 : 0);
    this.high = 0;
  }

  #store(address: number, byteLength: number, low: number, high: number): void {
    const bytes = this.bytes;
    bytes[address] = low;
    if (byteLength === 1) return;
    bytes[address + 1] = low >>> 8;
    if (byteLength === 2) return;
    bytes[address + 2] = low >>> 16;
    bytes[address + 3] = low >>> 24;
    if (byteLength === 4) return;
    for (let index = 0; index < 4; index++) bytes[address + 4 + index] = high >>> (8 * index);
  }

  #log(address: number, byteLength: number, oldLow: number, oldHigh: number): void {
    const at = this.#count++ % LANDING_LIMIT;
    this.#ticks[at] = ++this.tick;
    this.#addresses[at] = address;
    this.#lengths[at] = byteLength;
    this.#oldLow[at] = oldLow;
    this.#oldHigh[at] = oldHigh;
  }

  /** Takes `version` landings back out of the loaded words; returns the tick of the one below. */
  #undo(address: number, byteLength: number, version: number): number {
    const end = address + byteLength;
    const oldest = this.#count > LANDING_LIMIT ? this.#count - LANDING_LIMIT : 0;
    let left = version;
    for (let number = this.#count - 1; number >= oldest; number--) {
      const at = number % LANDING_LIMIT;
      const start = this.#addresses[at] as number;
      const length = this.#lengths[at] as number;
      if (start >= end || address >= start + length) continue;
      if (left-- === 0) return this.#ticks[at] as number;
      const from = Math.max(start, address);
      const to = Math.min(start + length, end);
      for (let byte = from; byte < to; byte++) {
        const old = byteOf(this.#oldLow[at] as number, this.#oldHigh[at] as number, byte - start);
        this.#setByte(byte - address, old);
      }
    }
    return 0;
  }

  #setByte(index: number, value: number): void {
    const shift = 8 * (index & 3);
    if (index < 4) this.low = (this.low & ~(0xff << shift)) | (value << shift);
    else this.high = (this.high & ~(0xff << shift)) | (value << shift);
  }
}

/** Byte `index` of two little-endian words. */
function byteOf(low: number, high: number, index: number): number {
  return ((index < 4 ? low : high) >>> (8 * (index & 3))) & 0xff;
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** The longest access that fits: 8, 4, 2 bytes or one. */
export function pieceLength(rest: number): number {
  if (rest >= 8) return 8;
  if (rest >= 4) return 4;
  return rest >= 2 ? 2 : 1;
}
