import { isClear, type RaceProgram } from "../../harness/explore/race-program.ts";

export const queueStopNoRecheck: RaceProgram = {
  name: "queue-stop-no-recheck",
  protocol:
    "A full queue is stopped after the cleaner has looked for a stopped queue: nobody wakes it. Fixed: look again after stopping.",
  source: "tulip, 2002-02",
  fails: "all",
  build(m, isFixed) {
    const [free, stopped] = [m.word("free"), m.word("stopped")];
    m.cpu("xmit", function* (cpu) {
      if ((yield cpu.read32(free)) !== 0) return;
      yield cpu.write32(stopped, 1);
      yield cpu.mb();
      if (isFixed && (yield cpu.read32(free)) !== 0) yield cpu.write32(stopped, 0);
      else yield cpu.poll32(stopped, isClear);
    });
    m.cpu("clean", function* (cpu) {
      yield cpu.write32(free, 1);
      yield cpu.mb();
      if ((yield cpu.read32(stopped)) !== 0) yield cpu.write32(stopped, 0);
    });
  },
};
