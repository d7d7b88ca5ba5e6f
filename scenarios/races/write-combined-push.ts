import { isSet, type RaceProgram } from "../../harness/explore/race-program.ts";

export const writeCombinedPush: RaceProgram = {
  name: "write-combined-push",
  protocol:
    "A descriptor is pushed through write-combining memory; the doorbell overtakes what is still in the buffer. Fixed: wmb (sfence).",
  source: "Linux device-io.rst, ioremap_wc; BlueFlame and LLQ pushes",
  fails: "all",
  build(m, isFixed) {
    const nic = m.device("nic", function* (nic) {
      yield nic.waitRegister32(DOORBELL, isSet);
      m.assert((yield nic.readRegister32(FIRST)) === 1, "the first word was not there yet");
      m.assert((yield nic.readRegister32(SECOND)) === 2, "the second word was not there yet");
    });
    const [FIRST, SECOND, DOORBELL] = [nic.register("WQE[0]"), nic.register("WQE[1]"), nic.register("DB")];
    m.cpu("driver", function* (cpu) {
      yield cpu.combiningWrite32(FIRST, 1);
      yield cpu.combiningWrite32(SECOND, 2);
      if (isFixed) yield cpu.wmb();
      yield cpu.mmioWrite32(DOORBELL, 1);
    });
  },
};
