import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const phaseNotFlipped: RaceProgram = {
  name: "phase-not-flipped",
  protocol: "The driver does not flip the phase when the completion queue wraps, and takes an old entry for a new one.",
  source: "the phase tag of NVMe completion queues",
  fails: "all",
  build(m, isFixed) {
    const command = m.words("cqe.cid", 3);
    const phaseOf = m.words("cqe.phase", 3);
    const nic = m.device("nvme", function* (nvme) {
      for (let entry = 0; entry < 4; entry++) {
        // The slot is free when the driver's head has passed it.
        yield nvme.waitRegister32(HEAD, (head) => entry - head < 3);
        yield nvme.dmaWrite32(command + 4 * (entry % 3), entry + 1);
        yield nvme.dmaWrite32(phaseOf + 4 * (entry % 3), entry < 3 ? 1 : 0);
      }
    });
    const HEAD = nic.register("CQ head");
    m.cpu("driver", function* (cpu) {
      for (let entry = 0; entry < 4; entry++) {
        const phase = entry < 3 || !isFixed ? 1 : 0;
        yield cpu.poll32(phaseOf + 4 * (entry % 3), (seen) => seen === phase);
        yield cpu.dmaRmb();
        m.assert((yield cpu.read32(command + 4 * (entry % 3))) === entry + 1, "an old completion passed for a new one");
        yield cpu.mmioWrite32(HEAD, entry + 1);
      }
    });
  },
};
