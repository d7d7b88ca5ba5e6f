import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const lockOrder: RaceProgram = {
  name: "lock-order",
  protocol: "One CPU takes lock A, then B; the other B, then A. Fixed: both in one order.",
  source: "SCTBench deadlock01_bad",
  fails: "all",
  build(m, isFixed) {
    const [a, b] = [m.word("lock A"), m.word("lock B")];
    m.cpu("first", function* (cpu) {
      yield cpu.lock(a);
      yield cpu.lock(b);
      yield cpu.unlock(b);
      yield cpu.unlock(a);
    });
    m.cpu("second", function* (cpu) {
      yield cpu.lock(isFixed ? a : b);
      yield cpu.lock(isFixed ? b : a);
      yield cpu.unlock(b);
      yield cpu.unlock(a);
    });
  },
};
