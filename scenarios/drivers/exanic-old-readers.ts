/**
 * Readers that are wrong, kept for the story that scenarios/EXANIC-LAPPED.md tells and for the tests that must find them.
 * They differ from the right one in step 3 alone.
 */

import { ExanicReader } from "./exanic-reader.ts";

/** As exanic_receive_frame was before cisco/exanic-software#44: what was copied is believed. */
export class BelievingReader extends ExanicReader {
  protected override stillThere(): boolean {
    return true;
  }
}

/**
 * Looks at the copied chunk itself once more, as exanic_receive_chunk_recheck does. The card writes the payload before the
 * info word: while it overwrites the chunk, the old generation is still there.
 */
export class SameChunkReader extends ExanicReader {
  protected override stillThere(chunk: number, generation: number): boolean {
    this.fence();
    return this.generationAt(chunk) === generation;
  }
}

/** The sentinel without the barrier before it: right where loads keep their order, as on x86, and wrong on Arm. */
export class UnfencedReader extends ExanicReader {
  protected override fence(): void {}
}
