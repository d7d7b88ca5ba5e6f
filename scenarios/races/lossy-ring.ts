import type { Machine } from "../../emulator/explore/machine.ts";

const CHUNK_COUNT = 4;
/** The card writes a lap and one: the chunk that the reader begins with is overwritten. */
const WRITTEN_COUNT = 5;

/**
 * How a reader makes sure that what it has copied was there to the end: not at all, by the generation of the chunk itself,
 * or by that of the chunk before it, with a barrier in front or without.
 */
export type LookBack = "none" | "same-chunk" | "sentinel-unfenced" | "sentinel";

/**
 * A ring that the card overwrites without asking: frames of one chunk, each a payload and then the generation of the lap.
 * The first frame is there when the reader begins. One that finds out that it was lapped has lost frames and stops; one
 * that does not must have read what the card wrote. It reads up to `readCount` frames.
 */
export function lossyRing(m: Machine, lookBack: LookBack, readCount: number = 2): void {
  const payloads: number[] = [];
  const generations: number[] = [];
  for (let chunk = 0; chunk < CHUNK_COUNT; chunk++) {
    payloads.push(m.word(`payload[${chunk}]`, chunk === 0 ? 1 : 0));
    generations.push(m.word(`generation[${chunk}]`, chunk === 0 ? 1 : 0));
  }
  const payload = (chunk: number): number => payloads[chunk] as number;
  const generation = (chunk: number): number => generations[chunk] as number;
  m.cpu("reader", function* (cpu) {
    let sentinel = CHUNK_COUNT - 1;
    let sentinelGeneration = 0;
    for (let frame = 0; frame < readCount; frame++) {
      const chunk = frame % CHUNK_COUNT;
      const expected = 1 + Math.floor(frame / CHUNK_COUNT);
      const seen = yield cpu.poll32(generation(chunk), (value) => value !== expected - 1);
      if (seen !== expected) return;
      yield cpu.dmaRmb();
      if (lookBack !== "none")
        cpu.beginRacy("what the card has overwritten meanwhile is thrown away after the look back");
      const copied = yield cpu.read32(payload(chunk));
      cpu.endRacy(true);
      if (lookBack === "same-chunk" || lookBack === "sentinel") yield cpu.dmaRmb();
      if (lookBack === "same-chunk") {
        if ((yield cpu.read32(generation(chunk))) !== expected) return;
      } else if (lookBack !== "none") {
        if ((yield cpu.read32(generation(sentinel))) !== sentinelGeneration) return;
      }
      m.assert(copied === frame + 1, "a frame was read that the card had overwritten, and passed for good");
      sentinel = chunk;
      sentinelGeneration = expected;
    }
  });
  m.device("nic", function* (nic) {
    for (let frame = 1; frame < WRITTEN_COUNT; frame++) {
      const chunk = frame % CHUNK_COUNT;
      yield nic.dmaWrite32(payload(chunk), frame + 1);
      yield nic.dmaWrite32(generation(chunk), 1 + Math.floor(frame / CHUNK_COUNT));
    }
  });
}
