import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const threeSetters: RaceProgram = {
  name: "three-setters",
  protocol:
    "Three CPUs set a, then b; a checker that looks in between sees one without the other. Fixed: all of them under a lock.",
  source: "SCTBench reorder_4_bad",
  fails: "all",
  build(m, isFixed) {
    const [a, b, lock] = [m.word("a"), m.word("b"), m.word("lock")];
    for (const name of ["setter 0", "setter 1", "setter 2"]) {
      m.cpu(name, function* (cpu) {
        if (isFixed) yield cpu.lock(lock);
        yield cpu.write32(a, 1);
        yield cpu.wmb();
        yield cpu.write32(b, -1);
        if (isFixed) yield cpu.unlock(lock);
      });
    }
    m.cpu("checker", function* (cpu) {
      if (isFixed) yield cpu.lock(lock);
      const seenA = yield cpu.read32(a);
      const seenB = yield cpu.read32(b);
      if (isFixed) yield cpu.unlock(lock);
      m.assert(
        (seenA === 0 && seenB === 0) || (seenA === 1 && seenB === -1),
        "one of the two is seen without the other",
      );
    });
  },
};
