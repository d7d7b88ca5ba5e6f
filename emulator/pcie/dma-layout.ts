/**
 * How a device's own records lie in host memory: descriptors, completions, events. Declared once for people who look at
 * its DMA; the model itself does not read it.
 */

/** Bits of a little-endian word of a record. */
export interface DmaField {
  /** Of the word, from the beginning of the record. */
  readonly offset: number;
  readonly byteLength: 1 | 2 | 4 | 8;
  /** Bits of the word, both ends included; all of it when absent. */
  readonly high?: number;
  readonly low?: number;
}

/** One kind of record. */
export interface DmaLayout {
  /** "transmit data descriptor". */
  readonly name: string;
  readonly byteLength: number;
  readonly fields: Readonly<Record<string, DmaField>>;
  /** What tells it from others that may lie in its place. Absent: it is this one if no other is. */
  readonly when?: { readonly field: DmaField; readonly values: readonly number[] };
}

/** A ring as its registers show it, for whoever follows how full it is: what lies between head and tail. */
export interface RingDeclaration {
  /** Without its number: "transmit queue". */
  readonly name: string;
  readonly count: number;
  readonly bar: number;
  /** Names of the registers in the table of the BAR: where the ring is filled, and where it is emptied, counted in entries. */
  readonly tail: string;
  readonly head: string;
  readonly size: RingSize;
}

/** How many entries a ring has. */
export type RingSize =
  | { readonly register: string; readonly unit: "bytes"; readonly entryBytes: number }
  | { readonly register: string; readonly unit: "log2" };

/** The value of a field of the record at `at`: a Number, or a BigInt for more than 32 bits. Throws RangeError outside of the view. */
export function dmaFieldOf(view: DataView, at: number, field: DmaField): number | bigint {
  const { offset, byteLength, high = 8 * byteLength - 1, low = 0 } = field;
  if (byteLength === 8) {
    const bits = (view.getBigUint64(at + offset, true) >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
    return high - low < 32 ? Number(bits) : bits;
  }
  const word =
    byteLength === 4
      ? view.getUint32(at + offset, true)
      : byteLength === 2
        ? view.getUint16(at + offset, true)
        : view.getUint8(at + offset);
  return Math.floor(word / 2 ** low) % 2 ** (high - low + 1);
}

/** The layout of the record at `at`; undefined when none fits, or it does not lie in the view as a whole. */
export function layoutOf(layouts: readonly DmaLayout[], view: DataView, at: number): DmaLayout | undefined {
  return layouts.find(({ byteLength, when }) => {
    if (at + byteLength > view.byteLength) return false;
    return when === undefined || when.values.includes(Number(dmaFieldOf(view, at, when.field)));
  });
}
