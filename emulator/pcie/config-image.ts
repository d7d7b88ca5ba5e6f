/**
 * A stretch of configuration space at rest: for each bit its value after reset and what a configuration write does to
 * it, in the classes of the PCI Express Base Specification 3.0 (7.4): HwInit and RO bits are in no mask, RW bits in
 * `writable`, RW1C bits in `writeOneToClear`; the S of RWS and RW1CS is `survivesFunctionReset`.
 */

/** One, two or four bytes: the widths of a configuration request. */
export type ConfigWidth = 1 | 2 | 4;

/** Four arrays of one length, little-endian like the space itself. Whoever made the image owns it. */
export interface ConfigImage {
  readonly values: Uint8Array;
  readonly writable: Uint8Array;
  readonly writeOneToClear: Uint8Array;
  /** Sticky bits, and the settings of the link that 6.6.2 exempts from a function-level reset. */
  readonly survivesFunctionReset: Uint8Array;
}

/** What one register says about its bits; a mask that is left out is zero. */
export interface BitClasses {
  readonly value?: number;
  readonly writable?: number;
  readonly writeOneToClear?: number;
  readonly survivesFunctionReset?: number;
}

/** An image of zeros that no write changes: what reserved space reads as (PCI 3.0, 6.1). */
export function blankImage(byteLength: number): ConfigImage {
  return {
    values: new Uint8Array(byteLength),
    writable: new Uint8Array(byteLength),
    writeOneToClear: new Uint8Array(byteLength),
    survivesFunctionReset: new Uint8Array(byteLength),
  };
}

/** Declares the register of `width` bytes at `offset` of the image, in place of what was declared there. */
export function declareRegister(image: ConfigImage, offset: number, width: ConfigWidth, classes: BitClasses): void {
  storeLittleEndian(image.values, offset, width, classes.value ?? 0);
  storeLittleEndian(image.writable, offset, width, classes.writable ?? 0);
  storeLittleEndian(image.writeOneToClear, offset, width, classes.writeOneToClear ?? 0);
  storeLittleEndian(image.survivesFunctionReset, offset, width, classes.survivesFunctionReset ?? 0);
}

/** Copies `part` into `whole` at byte `offset`. */
export function placeImage(whole: ConfigImage, offset: number, part: ConfigImage): void {
  whole.values.set(part.values, offset);
  whole.writable.set(part.writable, offset);
  whole.writeOneToClear.set(part.writeOneToClear, offset);
  whole.survivesFunctionReset.set(part.survivesFunctionReset, offset);
}

/** The unsigned number of `width` bytes at `offset`. The caller has checked the range. */
export function loadLittleEndian(bytes: Uint8Array, offset: number, width: ConfigWidth): number {
  let value = 0;
  for (let index = width - 1; index >= 0; index--) value = (value << 8) | (bytes[offset + index] as number);
  return value >>> 0;
}

/** Stores the low `width` bytes of `value` at `offset`. The caller has checked the range. */
export function storeLittleEndian(bytes: Uint8Array, offset: number, width: ConfigWidth, value: number): void {
  for (let index = 0; index < width; index++) bytes[offset + index] = value >>> (8 * index);
}
