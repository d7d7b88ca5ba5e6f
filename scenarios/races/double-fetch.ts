import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const doubleFetch: RaceProgram = {
  name: "double-fetch",
  protocol: "The back end checks a shared length and fetches it a second time to use it. Fixed: use what was checked.",
  source: "XSA-155, CVE-2015-8550",
  fails: "all",
  build(m, isFixed) {
    const length = m.word("length", 4);
    m.mayRace(length, "the guest may change it at any time, which the back end has to bear");
    m.cpu("backend", function* (cpu) {
      const checked = yield cpu.read32(length);
      if (checked > 8) return;
      const used = isFixed ? checked : yield cpu.read32(length);
      m.assert(used <= 8, "a length was used that was never checked");
    });
    m.cpu("guest", function* (cpu) {
      yield cpu.write32(length, 99);
    });
  },
};
