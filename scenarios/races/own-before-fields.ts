import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const ownBeforeFields: RaceProgram = {
  name: "own-before-fields",
  protocol:
    "The driver hands a transmit descriptor over before its address is visible. Fixed: dmaWmb before the OWN bit.",
  source: "the dma_wmb example of Linux memory-barriers.txt; STM32H5 HAL #37; zephyr #107088 (e1000)",
  fails: ["relaxed"],
  build(m, isFixed) {
    const [address, own] = [m.word("desc.address"), m.word("desc.own")];
    m.cpu("driver", function* (cpu) {
      yield cpu.write32(address, 0x1000);
      if (isFixed) yield cpu.dmaWmb();
      yield cpu.write32(own, 1);
    });
    m.device("nic", function* (nic) {
      if ((yield nic.dmaRead32(own)) === 0) return;
      m.assert((yield nic.dmaRead32(address)) === 0x1000, "the card fetched a descriptor that was not written yet");
    });
  },
};
