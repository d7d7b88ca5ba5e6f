import { isSet, type RaceProgram } from "../../harness/explore/race-program.ts";

export const stopAgainstIo: RaceProgram = {
  name: "stop-against-io",
  protocol:
    "An I/O path checks `stopping`, then takes a reference; the stop path frees when the last reference is gone. Fixed: take the reference first.",
  source: "SCTBench bluetooth_driver_bad",
  fails: "all",
  build(m, isFixed) {
    const stopping = m.word("stopping");
    const pending = m.word("pending", 1);
    const drained = m.word("drained");
    const freed = m.word("freed");
    m.cpu("io", function* (cpu) {
      if (isFixed) yield cpu.add32(pending, 1);
      const mayRun = (yield cpu.read32(stopping)) === 0;
      if (!isFixed && mayRun) yield cpu.add32(pending, 1);
      if (mayRun) m.assert((yield cpu.read32(freed)) === 0, "the device is used after it was freed");
      if ((mayRun || isFixed) && (yield cpu.add32(pending, -1)) === 1) yield cpu.write32(drained, 1);
    });
    m.cpu("stop", function* (cpu) {
      yield cpu.write32(stopping, 1);
      if ((yield cpu.add32(pending, -1)) === 1) yield cpu.write32(drained, 1);
      yield cpu.poll32(drained, isSet);
      yield cpu.write32(freed, 1);
    });
  },
};
