import fc from "fast-check";

/** Bodies with a two-byte length in front of each. */
export function prefixed(bodies: readonly Uint8Array[]): Uint8Array {
  const bytes: number[] = [];
  for (const body of bodies) bytes.push(body.length >>> 8, body.length & 0xff, ...body);
  return Uint8Array.from(bytes);
}

/** The stream cut at any places: chunks of any size, empty ones too, each somewhere in an array of its own. */
export const cutsOf = (
  cuts: readonly number[],
  stream: Uint8Array,
): { bytes: Uint8Array; offset: number; byteLength: number }[] => {
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort(
    (left, right) => left - right,
  );
  return places.slice(1).map((end, index) => {
    const start = places[index] as number;
    const offset = index % 3;
    const bytes = new Uint8Array(offset + end - start + 2).fill(0xee);
    bytes.set(stream.subarray(start, end), offset);
    return { bytes, offset, byteLength: end - start };
  });
};

export const anyCuts: fc.Arbitrary<number[]> = fc.oneof(
  fc.array(fc.nat(), { maxLength: 12 }),
  // Every byte alone.
  fc.constant(Array.from({ length: 2000 }, (_, index) => index)),
);
