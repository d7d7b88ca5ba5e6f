import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const sharedMaskRegister: RaceProgram = {
  name: "shared-mask-register",
  protocol:
    "Two CPUs read the mask register, set a bit each and write it back without a lock. Fixed: a lock, and a read back before it is let go.",
  source: "unlocked IMR update from two contexts",
  fails: "all",
  build(m, isFixed) {
    const lock = m.word("lock");
    const IMR = m.device("nic").register("IMR");
    for (const bit of [1, 2]) {
      m.cpu(`cpu ${bit}`, function* (cpu) {
        if (isFixed) yield cpu.lock(lock);
        yield cpu.mmioWrite32(IMR, (yield cpu.mmioRead32(IMR)) | bit);
        // A posted write may leave after the unlock: the read back makes sure that it has arrived.
        if (isFixed) yield cpu.mmioRead32(IMR);
        if (isFixed) yield cpu.unlock(lock);
      });
    }
    m.finally(() => m.assert(m.peek32(IMR) === 3, "a bit of the mask is lost"));
  },
};
