import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const messagePassing: RaceProgram = {
  name: "message-passing",
  protocol:
    "A CPU writes data, then a flag; the reader, which has its rmb, sees the flag without the data. Fixed: wmb.",
  source: "herd7 MP; LKMM MP+o-o+o-rmb-o",
  fails: ["relaxed"],
  build(m, isFixed) {
    const [data, flag] = [m.word("data"), m.word("flag")];
    m.cpu("writer", function* (cpu) {
      yield cpu.write32(data, 1);
      if (isFixed) yield cpu.wmb();
      yield cpu.write32(flag, 1);
    });
    m.cpu("reader", function* (cpu) {
      if ((yield cpu.read32(flag)) === 0) return;
      yield cpu.rmb();
      m.assert((yield cpu.read32(data)) === 1, "the flag is seen, the data is not");
    });
  },
};
