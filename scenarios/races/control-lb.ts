import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const controlLb: RaceProgram = {
  name: "control-lb",
  protocol: "Load buffering: Arm permits it, this engine never makes a store visible before an earlier load.",
  source: "herd7 LB",
  fails: "never",
  build(m) {
    const [x, y] = [m.word("x"), m.word("y")];
    for (const word of [x, y]) m.mayRace(word, "what is asked is whether loads are put off");
    m.cpu("P0", function* (cpu) {
      m.outcome[0] = yield cpu.read32(x);
      yield cpu.write32(y, 1);
    });
    m.cpu("P1", function* (cpu) {
      m.outcome[1] = yield cpu.read32(y);
      yield cpu.write32(x, 1);
    });
    m.finally(() => m.assert(m.outcome[0] === 0 || m.outcome[1] === 0, "both loads saw stores that come after them"));
  },
};
