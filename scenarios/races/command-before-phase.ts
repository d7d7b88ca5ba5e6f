import { isSet, type RaceProgram } from "../../harness/explore/race-program.ts";

export const commandBeforePhase: RaceProgram = {
  name: "command-before-phase",
  protocol:
    "The card writes the command identifier, then the status with the phase; the driver reads the identifier too early. Fixed: dmaRmb.",
  source: "nvme FreeBSD D30995; Linux nvme b69e2ef24b7b",
  fails: ["relaxed"],
  build(m, isFixed) {
    const [command, status] = [m.word("cqe.cid"), m.word("cqe.status")];
    m.device("nvme", function* (nvme) {
      yield nvme.dmaWrite32(command, 42);
      yield nvme.dmaWrite32(status, 1);
    });
    m.cpu("driver", function* (cpu) {
      yield cpu.poll32(status, isSet);
      if (isFixed) yield cpu.dmaRmb();
      m.assert((yield cpu.read32(command)) === 42, "the completion does not map to a command");
    });
  },
};
