import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const seqlockReader: RaceProgram = {
  name: "seqlock-reader",
  protocol:
    "The reader of a seqlock looks at the sequence again without an rmb before it, and takes a torn value for a whole one. Fixed: rmb.",
  source: "LKMM seqlock pattern; clock read of mlx5",
  fails: ["relaxed"],
  build(m, isFixed) {
    const sequence = m.word("sequence");
    const [low, high] = [m.word("low"), m.word("high")];
    m.mayRace(sequence, "odd while the writer is at it; the reader looks twice");
    m.cpu("writer", function* (cpu) {
      yield cpu.write32(sequence, 1);
      yield cpu.wmb();
      yield cpu.write32(low, 1);
      yield cpu.write32(high, 1);
      yield cpu.wmb();
      yield cpu.write32(sequence, 2);
    });
    m.cpu("reader", function* (cpu) {
      const before = yield cpu.read32(sequence);
      yield cpu.rmb();
      cpu.beginRacy("what is torn is thrown away after the second look");
      const seenLow = yield cpu.read32(low);
      const seenHigh = yield cpu.read32(high);
      cpu.endRacy(true);
      if (isFixed) yield cpu.rmb();
      const after = yield cpu.read32(sequence);
      m.assert(before !== after || before % 2 === 1 || seenLow === seenHigh, "a torn value passed for a whole one");
    });
  },
};
