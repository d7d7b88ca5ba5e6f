import type { MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { Rng } from "../../../emulator/run/rng.ts";

/** Values at which lengths, indices and counts are believed once too often. */
export const EDGE_WORDS: readonly number[] = [
  0, 1, 0x7f, 0x80, 0xff, 0x100, 0x5ea, 0x7ff, 0x800, 0x801, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000,
  0xffff_fffe, 0xffff_ffff,
];

/** One word of what a card says, made into something else: an edge, a few bits, or anything. */
export function lieWord(word: number, rng: Rng): number {
  switch (rng.below(4)) {
    case 0:
      return EDGE_WORDS[rng.below(EDGE_WORDS.length)] as number;
    case 1:
      return (word ^ (1 << rng.below(32))) >>> 0;
    case 2: {
      // The lower half alone: where descriptors have lengths, and the bit that says that they are done stays.
      const edge = (EDGE_WORDS[rng.below(EDGE_WORDS.length)] as number) & 0xffff;
      return ((word & 0xffff_0000) | edge) >>> 0;
    }
    default:
      return rng.nextU32();
  }
}

/** Makes a descriptor say something else, in place, one word of it or several. */
export function lie(memory: MemoryView, byteLength: number, rng: Rng): void {
  const wordCount = byteLength >> 2;
  if (wordCount === 0) {
    for (let at = 0; at < byteLength; at++) memory.bytes[at] = rng.below(256);
    return;
  }
  for (let lies = rng.between(1, Math.min(wordCount, 4)); lies > 0; lies--) {
    // The last words are the ones that matter, in descriptors as in chunks of a stream.
    const word = rng.below(2) === 0 ? wordCount - 1 - rng.below(Math.min(wordCount, 4)) : rng.below(wordCount);
    memory.words[word] = lieWord((memory.words[word] as number) >>> 0, rng);
  }
}
