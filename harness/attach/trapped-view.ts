import type { Bar } from "../../emulator/pcie/driver-view.ts";

/** The one of JavaScript, whatever a driver's thread has in its place. */
const { DataView: View } = globalThis;

type Accessor = (...values: never[]) => unknown;

/**
 * A BAR as a `DataView` whose accesses cross to the card with their width. A byte order that is not the bus's (the default
 * of a DataView is big-endian) swaps the bytes of the value, as a processor of that order would.
 */
export function trappedView(bar: Bar, buffer: SharedArrayBuffer, byteOffset?: number, byteLength?: number): DataView {
  const view = new View(buffer, byteOffset, byteLength);
  const accessors = accessorsOf(bar, view);
  return new Proxy(view, {
    get(target, key) {
      if (typeof key === "string" && key in accessors) return accessors[key];
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function" || key === "constructor") return value;
      return (): never => {
        throw new TypeError(`${String(key)} of a trapped BAR: registers are whole numbers of up to 64 bits`);
      };
    },
  });
}

function accessorsOf(bar: Bar, view: DataView): Readonly<Record<string, Accessor>> {
  // Converts between a value and what the bus has, by memory of its own.
  const scratch = new View(new ArrayBuffer(8));
  const at = (offset: number, byteLength: number): number => {
    if (!(Number.isInteger(offset) && offset >= 0 && offset + byteLength <= view.byteLength))
      throw new RangeError("Offset is outside the bounds of the DataView");
    return view.byteOffset + offset;
  };
  const read = (offset: number, byteLength: 1 | 2 | 4 | 8): void => {
    const place = at(offset, byteLength);
    if (byteLength === 1) scratch.setUint8(0, bar.read8(place));
    else if (byteLength === 2) scratch.setUint16(0, bar.read16(place), true);
    else if (byteLength === 4) scratch.setUint32(0, bar.read32(place), true);
    else scratch.setBigUint64(0, bar.read64(place), true);
  };
  const write = (offset: number, byteLength: 1 | 2 | 4 | 8): void => {
    const place = at(offset, byteLength);
    if (byteLength === 1) bar.write8(place, scratch.getUint8(0));
    else if (byteLength === 2) bar.write16(place, scratch.getUint16(0, true));
    else if (byteLength === 4) bar.write32(place, scratch.getUint32(0, true));
    else bar.write64(place, scratch.getBigUint64(0, true));
  };
  const pair = (name: WholeNumber, byteLength: 1 | 2 | 4 | 8): Record<string, Accessor> => ({
    [`get${name}`]: (offset: number, isLittleEndian?: boolean) => {
      read(offset, byteLength);
      return scratch[`get${name}`](0, isLittleEndian);
    },
    [`set${name}`]: (offset: number, value: never, isLittleEndian?: boolean) => {
      scratch[`set${name}`](0, value, isLittleEndian);
      write(offset, byteLength);
    },
  });
  return {
    ...pair("Uint8", 1),
    ...pair("Int8", 1),
    ...pair("Uint16", 2),
    ...pair("Int16", 2),
    ...pair("Uint32", 4),
    ...pair("Int32", 4),
    ...pair("BigUint64", 8),
    ...pair("BigInt64", 8),
  };
}

type WholeNumber = "Uint8" | "Int8" | "Uint16" | "Int16" | "Uint32" | "Int32" | "BigUint64" | "BigInt64";
