/**
 * A stand-in for a byte array that throws when anything outside `offset` to `offset + byteLength` is read: proof that a
 * parser keeps inside its frame.
 */
export function boundedBytes(bytes: Uint8Array, offset: number, byteLength: number): Uint8Array {
  return new Proxy(bytes, {
    get(target, key) {
      const index = typeof key === "string" && /^-?\d+$/.test(key) ? Number(key) : undefined;
      if (index !== undefined && (index < offset || index >= offset + byteLength)) {
        throw new Error(`read of byte ${index} outside ${offset}–${offset + byteLength - 1}`);
      }
      return Reflect.get(target, key, target);
    },
  });
}
