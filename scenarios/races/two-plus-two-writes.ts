import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const twoPlusTwoWrites: RaceProgram = {
  name: "two-plus-two-writes",
  protocol: "Two CPUs write two words in opposite orders; both first writes survive. Fixed: wmb.",
  source: "herd7 2+2W",
  fails: ["relaxed"],
  build(m, isFixed) {
    const [x, y] = [m.word("x"), m.word("y")];
    for (const word of [x, y])
      m.mayRace(word, "two writers and no reader: what is asked is which of the writes is last");
    m.cpu("P0", function* (cpu) {
      yield cpu.write32(x, 1);
      if (isFixed) yield cpu.wmb();
      yield cpu.write32(y, 2);
    });
    m.cpu("P1", function* (cpu) {
      yield cpu.write32(y, 1);
      if (isFixed) yield cpu.wmb();
      yield cpu.write32(x, 2);
    });
    m.finally(() => m.assert(m.peek32(x) !== 1 || m.peek32(y) !== 1, "both first writes survive"));
  },
};
