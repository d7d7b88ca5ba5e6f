import { isSet, type RaceProgram } from "../../harness/explore/race-program.ts";

export const eventIndex: RaceProgram = {
  name: "event-index",
  protocol:
    "The driver enables notifications, then checks the used index; the back end updates the index, then checks whether notifications are wanted. Fixed: mb on both sides.",
  source: "DPDK vhost 159793ac867b; ACRN 9b24620e16dd",
  fails: ["tso", "relaxed"],
  build(m, isFixed) {
    const noInterrupt = m.word("noInterrupt", 1);
    const [used, interrupt] = [m.word("used"), m.word("interrupt")];
    m.cpu("driver", function* (cpu) {
      yield cpu.write32(noInterrupt, 0);
      if (isFixed) yield cpu.mb();
      if ((yield cpu.read32(used)) === 0) yield cpu.poll32(interrupt, isSet);
    });
    m.cpu("backend", function* (cpu) {
      yield cpu.write32(used, 1);
      if (isFixed) yield cpu.mb();
      if ((yield cpu.read32(noInterrupt)) === 0) yield cpu.write32(interrupt, 1);
    });
  },
};
