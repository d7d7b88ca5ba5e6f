import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const maskNotFlushed: RaceProgram = {
  name: "mask-not-flushed",
  protocol:
    "Close masks the interrupt by a posted write and frees at once; the card interrupts before the write arrives. Fixed: read back, then synchronizeIrq.",
  source: "Linux device-io.rst, the qla1280 example",
  fails: "all",
  build(m, isFixed) {
    const freed = m.word("freed");
    const vector = m.vector();
    const nic = m.device("nic", function* (nic) {
      if ((yield nic.readRegister32(MASK)) === 0) nic.postMessage(vector);
    });
    const MASK = nic.register("MASK");
    m.cpu("close", function* (cpu) {
      yield cpu.mmioWrite32(MASK, 1);
      if (isFixed) {
        yield cpu.mmioRead32(MASK);
        yield cpu.synchronizeIrq(vector);
      }
      yield cpu.write32(freed, 1);
    });
    m.handle(vector, m.idleCpu("irq cpu"), "isr", function* (cpu) {
      m.assert((yield cpu.read32(freed)) === 0, "the handler ran after its data was freed");
    });
  },
};
