import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const twoStage: RaceProgram = {
  name: "two-stage",
  protocol:
    "The writer updates two words, each under a lock of its own; a reader between them sees the first without the second. Fixed: one lock for both.",
  source: "SCTBench twostage_bad",
  fails: "all",
  build(m, isFixed) {
    const [first, second] = [m.word("first"), m.word("second")];
    const firstLock = m.word("firstLock");
    const secondLock = isFixed ? firstLock : m.word("secondLock");
    m.cpu("writer", function* (cpu) {
      yield cpu.lock(firstLock);
      yield cpu.write32(first, 1);
      if (!isFixed) yield cpu.unlock(firstLock);
      if (!isFixed) yield cpu.lock(secondLock);
      yield cpu.write32(second, 2);
      yield cpu.unlock(secondLock);
    });
    m.cpu("reader", function* (cpu) {
      yield cpu.lock(firstLock);
      const seenFirst = yield cpu.read32(first);
      if (!isFixed) yield cpu.unlock(firstLock);
      if (!isFixed) yield cpu.lock(secondLock);
      const seenSecond = yield cpu.read32(second);
      yield cpu.unlock(secondLock);
      m.assert(seenFirst === 0 || seenSecond === seenFirst + 1, "the first stage is seen without the second");
    });
  },
};
