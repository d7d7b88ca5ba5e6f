import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const futexLostWakeup: RaceProgram = {
  name: "futex-lost-wakeup",
  protocol:
    "The waiter checks a flag, then sleeps on another word, which nobody changes: a wake-up between the two is lost. Fixed: sleep on the flag, whose value is compared again.",
  source: "Atomics.wait without a second look at the value; a lost condition-variable signal",
  fails: "all",
  build(m, isFixed) {
    const flag = m.word("flag");
    const sleepers = m.word("sleepers");
    const slept = isFixed ? flag : sleepers;
    m.cpu("waiter", function* (cpu) {
      if ((yield cpu.atomicLoad32(flag)) === 0) yield cpu.futexWait(slept, 0);
    });
    m.cpu("setter", function* (cpu) {
      yield cpu.atomicStore32(flag, 1);
      yield cpu.futexNotify(slept);
    });
  },
};
