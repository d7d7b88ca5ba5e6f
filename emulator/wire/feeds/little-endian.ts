/**
 * Little-endian integers read in place, for feeds whose hosts are x86. 64-bit fields are read as two words, or as a Number
 * where the value is known to stay below 2^53. The caller answers for the bytes being there.
 */

export function u16le(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

/** A word with its sign: what stays an integer in every engine. */
export function i32le(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

export function u32le(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at) >>> 0;
}

/** A signed 64-bit integer as a Number: exact between −2^53 and 2^53, rounded beyond. */
export function i64le(bytes: Uint8Array, at: number): number {
  return i32le(bytes, at + 4) * 0x1_0000_0000 + (i32le(bytes, at) >>> 0);
}

export function put16le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

export function put32le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
