import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const lostUpdate: RaceProgram = {
  name: "lost-update",
  protocol: "Two CPUs read a counter and write it back, one more. Fixed: one atomic add.",
  source: "SCTBench account_bad; the first example of Loom",
  fails: "all",
  build(m, isFixed) {
    const counter = m.word("counter");
    for (const name of ["first", "second"]) {
      m.cpu(name, function* (cpu) {
        if (isFixed) yield cpu.add32(counter, 1);
        else yield cpu.write32(counter, (yield cpu.read32(counter)) + 1);
      });
    }
    m.finally(() => m.assert(m.peek32(counter) === 2, "an update of the counter is lost"));
  },
};
