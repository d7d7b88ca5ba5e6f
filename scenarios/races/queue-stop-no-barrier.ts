import { isClear, type RaceProgram } from "../../harness/explore/race-program.ts";

export const queueStopNoBarrier: RaceProgram = {
  name: "queue-stop-no-barrier",
  protocol:
    "The queue is stopped and looked at again, but the store and the load pass each other, on both sides. Fixed: mb.",
  source: "tg3 1b2a720506cc",
  fails: ["tso", "relaxed"],
  build(m, isFixed) {
    const [free, stopped] = [m.word("free"), m.word("stopped")];
    m.cpu("xmit", function* (cpu) {
      if ((yield cpu.read32(free)) !== 0) return;
      yield cpu.write32(stopped, 1);
      if (isFixed) yield cpu.mb();
      if ((yield cpu.read32(free)) !== 0) yield cpu.write32(stopped, 0);
      else yield cpu.poll32(stopped, isClear);
    });
    m.cpu("clean", function* (cpu) {
      yield cpu.write32(free, 1);
      if (isFixed) yield cpu.mb();
      if ((yield cpu.read32(stopped)) !== 0) yield cpu.write32(stopped, 0);
    });
  },
};
