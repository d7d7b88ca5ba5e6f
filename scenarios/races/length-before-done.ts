import { isSet, type RaceProgram } from "../../harness/explore/race-program.ts";

export const lengthBeforeDone: RaceProgram = {
  name: "length-before-done",
  protocol:
    "The card writes the length of a frame, then the DD bit; the driver polls DD and reads a length from before. Fixed: dmaRmb.",
  source: "idpf 396f0165672c; ena FreeBSD D46349; cxgb4 def4771f4bf4",
  fails: ["relaxed"],
  build(m, isFixed) {
    const [length, done] = [m.word("desc.length"), m.word("desc.dd")];
    m.device("nic", function* (nic) {
      yield nic.dmaWrite32(length, 64);
      yield nic.dmaWrite32(done, 1);
    });
    m.cpu("driver", function* (cpu) {
      yield cpu.poll32(done, isSet);
      if (isFixed) yield cpu.dmaRmb();
      m.assert((yield cpu.read32(length)) === 64, "DD is seen, the length is not");
    });
  },
};
