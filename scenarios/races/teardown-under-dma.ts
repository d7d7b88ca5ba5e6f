import { isSet, type RaceProgram } from "../../harness/explore/race-program.ts";

export const teardownUnderDma: RaceProgram = {
  name: "teardown-under-dma",
  protocol:
    "Close disables the queue and gives the buffer to somebody else while the card is still writing. Fixed: poll until the card says that it is idle.",
  source: "receive buffers freed before the queue is disabled; FreeBSD ixgbe D10255",
  fails: "all",
  build(m, isFixed) {
    const buffer = m.word("buffer");
    const nic = m.device("nic", function* (nic) {
      for (let frame = 0; frame < 2; frame++)
        if ((yield nic.readRegister32(DISABLE)) === 0) yield nic.dmaWrite32(buffer, 5);
      yield nic.writeRegister32(IDLE, 1);
    });
    const [DISABLE, IDLE] = [nic.register("DISABLE"), nic.register("IDLE")];
    m.cpu("close", function* (cpu) {
      yield cpu.mmioWrite32(DISABLE, 1);
      if (isFixed) yield cpu.pollRegister32(IDLE, isSet);
      yield cpu.write32(buffer, 99);
    });
    m.finally(() => m.assert(m.peek32(buffer) === 99, "the card wrote into a buffer that was somebody else's"));
  },
};
