import { isSet, type RaceProgram } from "../../harness/explore/race-program.ts";

export const relaxedDoorbell: RaceProgram = {
  name: "relaxed-doorbell",
  protocol:
    "A doorbell written by writel_relaxed overtakes the descriptor. Fixed: writel, which waits for the stores before it.",
  source: "Linux memory-barriers.txt, writel_relaxed; hns3, netdev 2020-09-14",
  fails: ["relaxed"],
  build(m, isFixed) {
    const descriptor = m.word("desc");
    const nic = m.device("nic", function* (nic) {
      yield nic.waitRegister32(TAIL, isSet);
      m.assert((yield nic.dmaRead32(descriptor)) === 7, "the doorbell arrived before the descriptor");
    });
    const TAIL = nic.register("TAIL");
    m.cpu("driver", function* (cpu) {
      yield cpu.write32(descriptor, 7);
      if (isFixed) yield cpu.mmioWrite32(TAIL, 1);
      else yield cpu.mmioWriteRelaxed32(TAIL, 1);
    });
  },
};
