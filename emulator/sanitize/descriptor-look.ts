import type { DescriptorRingView } from "./ownership.ts";

/** What a load of a descriptor shows. */
export const NO_SIGN = 0;
export const NOT_DONE = 1;
const DONE = 2;

/** What was loaded from byte `first` of a descriptor on, up to 8 bytes, says of it. */
export function shownBy(
  view: DescriptorRingView,
  first: number,
  byteLength: number,
  low: number,
  high: number,
): number {
  let shown = NO_SIGN;
  for (let word = first & ~3; word < first + byteLength; word += 4) {
    let bits = view.doneBits(word);
    for (let byte = 0; bits !== 0; byte++, bits >>>= 8) {
      const at = word + byte - first;
      if (at < 0 || at >= byteLength || (bits & 0xff) === 0) continue;
      const loaded = at < 4 ? low >>> (8 * at) : high >>> (8 * (at - 4));
      if ((loaded & bits & 0xff) !== 0) return DONE;
      shown = NOT_DONE;
    }
  }
  return shown;
}
