/**
 * One piece of memory seen as bytes and as 32-bit little-endian words. Host memory segments, on-card buffers and frames
 * are all handed about as (view, byte offset, byte length): no sub-array is ever made on the data plane.
 */
export class MemoryView {
  // `declare`: a field that is made by its first assignment has one type for the engine, which then trusts it. One that is
  // declared holds undefined first, and each access checks what it is.
  declare readonly bytes: Uint8Array;
  declare readonly words: Int32Array;

  /** Views all of `buffer`; its length must be a multiple of 4. */
  constructor(buffer: ArrayBufferLike) {
    if (buffer.byteLength % 4 !== 0) throw new RangeError(`memory of ${buffer.byteLength} bytes: want a multiple of 4`);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
  }

  /** Private memory, zeroed. */
  static ofSize(byteLength: number): MemoryView {
    return new MemoryView(new ArrayBuffer((byteLength + 3) & ~3));
  }

  /** Memory that threads share, zeroed. */
  static shared(byteLength: number): MemoryView {
    return new MemoryView(new SharedArrayBuffer((byteLength + 3) & ~3));
  }

  get byteLength(): number {
    return this.bytes.byteLength;
  }
}

/** Above this, a copy by the engine's own memmove pays for the sub-array that it needs (32 bytes of garbage). */
const SMALL_COPY_BYTES = 4096;

/**
 * Copies `byteLength` bytes. A loop over words where both sides are aligned alike: TypedArray.set would need a
 * sub-array, which is garbage for every frame.
 */
export function copyMemory(
  to: MemoryView,
  toOffset: number,
  from: MemoryView,
  fromOffset: number,
  byteLength: number,
): void {
  if (byteLength > SMALL_COPY_BYTES) {
    to.bytes.set(from.bytes.subarray(fromOffset, fromOffset + byteLength), toOffset);
    return;
  }
  let done = 0;
  if (((toOffset | fromOffset) & 3) === 0) {
    const toWords = to.words;
    const fromWords = from.words;
    const toIndex = toOffset >> 2;
    const fromIndex = fromOffset >> 2;
    const wordCount = byteLength >> 2;
    let index = 0;
    // Four at a time: the loop's own work costs as much as the copying. Cut to int32, here and elsewhere on the data plane:
    // a sum that is not is checked for overflow.
    for (; ((index + 3) | 0) < wordCount; index = (index + 4) | 0) {
      const word = (fromIndex + index) | 0;
      const target = (toIndex + index) | 0;
      toWords[target] = fromWords[word] as number;
      toWords[(target + 1) | 0] = fromWords[(word + 1) | 0] as number;
      toWords[(target + 2) | 0] = fromWords[(word + 2) | 0] as number;
      toWords[(target + 3) | 0] = fromWords[(word + 3) | 0] as number;
    }
    for (; index < wordCount; index = (index + 1) | 0) {
      toWords[(toIndex + index) | 0] = fromWords[(fromIndex + index) | 0] as number;
    }
    done = wordCount << 2;
  }
  if (done === byteLength) return;
  const toBytes = to.bytes;
  const fromBytes = from.bytes;
  for (let index = done; index < byteLength; index++)
    toBytes[toOffset + index] = fromBytes[fromOffset + index] as number;
}

/** Copies whole words but for the one at `exceptOffset` (all offsets and the length are multiples of 4). */
export function copyWordsExcept(
  to: MemoryView,
  toOffset: number,
  from: MemoryView,
  fromOffset: number,
  byteLength: number,
  exceptOffset: number,
): void {
  const behind = exceptOffset + 4;
  copyMemory(to, toOffset, from, fromOffset, exceptOffset);
  copyMemory(to, toOffset + behind, from, fromOffset + behind, byteLength - behind);
}
