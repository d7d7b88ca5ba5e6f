import type { Bar } from "../../emulator/pcie/driver-view.ts";

/** Arrays of 32-bit words, which is how drivers that know no accessors look at registers. */
export type WordArray = Uint32Array | Int32Array;
type WordArrayConstructor = new (buffer: ArrayBufferLike, byteOffset?: number, length?: number) => WordArray;
type Method = (...values: never[]) => unknown;

const INDEX = /^(?:0|[1-9]\d*)$/;
const WORD_BYTES = 4;

/**
 * A BAR as a `Uint32Array` that a driver indexes, each access of which crosses to the card as `read32` and `write32` do:
 * reads have their side effects and no write is lost. For drivers that know no accessors.
 *
 * Single elements, `at`, `set`, `slice` and `subarray` touch the words that they name, in rising order. What goes through
 * all of an array (iteration, `forEach`, `fill`, `sort`, …) would read or write every register of the card: TypeError.
 * `Atomics` take no such array, and its `buffer` is the memory that it would be, into which the card does not look.
 */
export function trappedWords(bar: Bar, buffer: SharedArrayBuffer = new SharedArrayBuffer(bar.byteLength)): Uint32Array {
  return trappedArray(Uint32Array, bar, buffer);
}

/** The same of any type of words and of a part of the BAR. Throws RangeError as the constructors of arrays do. */
export function trappedArray<Words extends WordArrayConstructor>(
  type: Words,
  bar: Bar,
  buffer: SharedArrayBuffer,
  byteOffset: number = 0,
  length?: number,
): InstanceType<Words> {
  const words = new type(buffer, byteOffset, length);
  const isSigned = words instanceof Int32Array;
  const read = (index: number): number => {
    const value = bar.read32(words.byteOffset + index * WORD_BYTES);
    return isSigned ? value | 0 : value;
  };
  const write = (index: number, value: unknown): void =>
    bar.write32(words.byteOffset + index * WORD_BYTES, Number(value) >>> 0);
  const methods = methodsOf(words, read, write, (from, to) =>
    trappedArray(type, bar, buffer, words.byteOffset + from * WORD_BYTES, to - from),
  );
  return new Proxy(words, {
    get(target, key) {
      // Beyond its end an array has nothing, and a bus nobody who answers.
      if (typeof key === "string" && INDEX.test(key))
        return Number(key) < target.length ? read(Number(key)) : undefined;
      const own = methods[key as string];
      if (own !== undefined && typeof key === "string") return own;
      // Getters of typed arrays take no proxy for themselves.
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" && key !== "constructor" ? refused(String(key)) : value;
    },
    set(target, key, value) {
      if (typeof key !== "string" || !INDEX.test(key)) return Reflect.set(target, key, value, target);
      if (Number(key) < target.length) write(Number(key), value);
      return true;
    },
  }) as InstanceType<Words>;
}

/** Methods that name the words which they touch. */
function methodsOf(
  words: WordArray,
  read: (index: number) => number,
  write: (index: number, value: unknown) => void,
  part: (from: number, to: number) => WordArray,
): Readonly<Record<string, Method>> {
  const range = (from = 0, to: number = words.length): [number, number] => {
    const [first, end] = [from, to].map((at) => Math.min(Math.max(at < 0 ? words.length + at : at, 0), words.length));
    return [first as number, Math.max(first as number, end as number)];
  };
  return {
    at: (index: number) => {
      const place = index < 0 ? words.length + index : index;
      return place >= 0 && place < words.length ? read(Math.trunc(place)) : undefined;
    },
    set: (values: ArrayLike<number>, offset = 0) => {
      if (offset < 0 || offset + values.length > words.length) throw new RangeError("offset is out of bounds");
      for (let index = 0; index < values.length; index++) write(offset + index, values[index]);
    },
    slice: (from?: number, to?: number) => {
      const [first, end] = range(from, to);
      const copy = Array.from({ length: end - first }, (_, index) => read(first + index));
      return words instanceof Int32Array ? Int32Array.from(copy) : Uint32Array.from(copy);
    },
    subarray: (from?: number, to?: number) => part(...range(from, to)),
  };
}

function refused(name: string): () => never {
  return () => {
    throw new TypeError(
      `${name} of a trapped BAR: it would touch every register of the card; index the words that are meant`,
    );
  };
}
