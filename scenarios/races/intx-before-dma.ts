import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const intxBeforeDma: RaceProgram = {
  name: "intx-before-dma",
  protocol:
    "A legacy interrupt line is not ordered with the DMA write of the status it announces. Fixed: a register read in the handler pushes the write.",
  source: "Linux device-io.rst, the note on readb",
  fails: "all",
  build(m, isFixed) {
    const status = m.word("status");
    const vector = m.vector();
    const nic = m.device(
      "nic",
      function* (nic) {
        yield nic.dmaWrite32(status, 1);
        yield nic.setLine(vector, true);
      },
      { onWrite: () => m.state.setLine(vector, false) },
    );
    const ACK = nic.register("ACK");
    m.handle(vector, m.idleCpu("driver"), "isr", function* (cpu) {
      if (isFixed) yield cpu.mmioRead32(ACK);
      m.assert((yield cpu.read32(status)) === 1, "the interrupt came before the status it stands for");
      yield cpu.mmioWrite32(ACK, 1);
      yield cpu.mmioRead32(ACK);
    });
  },
};
