import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const controlCorr: RaceProgram = {
  name: "control-corr",
  protocol: "Two reads of one location by one CPU never go back in time: coherence.",
  source: "herd7 CoRR",
  fails: "never",
  build(m) {
    const x = m.word("x");
    m.mayRace(x, "coherence is asked for, not order");
    m.cpu("writer", function* (cpu) {
      yield cpu.write32(x, 1);
      yield cpu.write32(x, 2);
    });
    m.cpu("reader", function* (cpu) {
      const first = yield cpu.read32(x);
      const second = yield cpu.read32(x);
      m.assert(second >= first, "a later read returned an older value");
    });
  },
};
