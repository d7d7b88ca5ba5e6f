import type { Bar } from "../../emulator/pcie/driver-view.ts";

type Method = (...values: unknown[]) => unknown;

const INDEX = /^(?:0|[1-9]\d*)$/;

/**
 * A BAR as a `Uint32Array` that a driver indexes, each access of which crosses to the card as `read32` and `write32` do:
 * reads have their side effects and no write is lost. For drivers that know no accessors. Whole words only: its `buffer` is
 * the memory that it would be, into which the card does not look.
 */
export function trappedWords(bar: Bar, buffer: SharedArrayBuffer = new SharedArrayBuffer(bar.byteLength)): Uint32Array {
  const words = new Uint32Array(buffer);
  return new Proxy(words, {
    get(target, key) {
      if (typeof key === "string" && INDEX.test(key)) {
        const index = Number(key);
        // Beyond its end an array has nothing, and a bus nobody who answers.
        return index < target.length ? bar.read32(index * 4) : undefined;
      }
      // Methods and getters of typed arrays take no proxy for themselves.
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? trappedMethod(value as Method, target, bar) : value;
    },
    set(target, key, value) {
      if (typeof key !== "string" || !INDEX.test(key)) return Reflect.set(target, key, value, target);
      const index = Number(key);
      if (index < target.length) bar.write32(index * 4, Number(value) >>> 0);
      return true;
    },
  });
}

/** Methods work on words that are read from the card now, and whose changes are written to it. */
function trappedMethod(method: Method, target: Uint32Array, bar: Bar): Method {
  if (method.name === "fill" || method.name === "set" || method.name === "copyWithin" || method.name === "subarray") {
    return (): never => {
      throw new TypeError(`${method.name} of a trapped BAR: it is accessed word by word`);
    };
  }
  return (...values: unknown[]): unknown => {
    const now = Uint32Array.from(target, (_, index) => bar.read32(index * 4));
    return method.apply(now, values);
  };
}
