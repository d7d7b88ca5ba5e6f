import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const storeBuffering: RaceProgram = {
  name: "store-buffering",
  protocol:
    "Each CPU announces itself, then looks whether the other has: Dekker's algorithm. Fixed: mb between store and load.",
  source: "herd7 SB; Peterson's lock",
  fails: ["tso", "relaxed"],
  build(m, isFixed) {
    const [x, y] = [m.word("x"), m.word("y")];
    m.cpu("P0", function* (cpu) {
      yield cpu.write32(x, 1);
      if (isFixed) yield cpu.mb();
      m.outcome[0] = yield cpu.read32(y);
    });
    m.cpu("P1", function* (cpu) {
      yield cpu.write32(y, 1);
      if (isFixed) yield cpu.mb();
      m.outcome[1] = yield cpu.read32(x);
    });
    m.finally(() => m.assert(m.outcome[0] !== 0 || m.outcome[1] !== 0, "neither CPU saw the other"));
  },
};
