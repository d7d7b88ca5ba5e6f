import { isSet, type RaceProgram } from "../../harness/explore/race-program.ts";

export const availRing: RaceProgram = {
  name: "avail-ring",
  protocol: "The guest fills a ring entry, then moves the index; the host sees the index and an old entry. Fixed: rmb.",
  source: "kvmtool 15c4e1ef906e",
  fails: ["relaxed"],
  build(m, isFixed) {
    const [entry, available] = [m.word("ring[0]"), m.word("avail.idx")];
    m.cpu("guest", function* (cpu) {
      yield cpu.write32(entry, 3);
      yield cpu.wmb();
      yield cpu.write32(available, 1);
    });
    m.cpu("host", function* (cpu) {
      yield cpu.poll32(available, isSet);
      if (isFixed) yield cpu.rmb();
      m.assert((yield cpu.read32(entry)) === 3, "the index is seen, the entry is not");
    });
  },
};
