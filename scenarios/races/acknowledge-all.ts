import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const acknowledgeAll: RaceProgram = {
  name: "acknowledge-all",
  protocol:
    "The handler acknowledges every cause instead of those it has read: one that came in between is lost. Fixed: write back what was read.",
  source: "a classic of write-1-to-clear registers",
  fails: "all",
  build(m, isFixed) {
    const vector = m.vector();
    const nic = m.device(
      "nic",
      function* (nic) {
        for (const cause of [1, 2]) {
          yield nic.setRegisterBits32(ISR, cause);
          yield nic.message(vector);
        }
      },
      { onWrite: (_offset, _byteLength, value) => nic.poke32(ISR, nic.peek32(ISR) & ~value) },
    );
    const ISR = nic.register("ISR");
    m.handle(vector, m.idleCpu("driver"), "isr", function* (cpu) {
      const causes = yield cpu.mmioRead32(ISR);
      m.outcome[0] = (m.outcome[0] as number) | causes;
      yield cpu.mmioWrite32(ISR, isFixed ? causes : 0xff);
    });
    m.finally(() => m.assert(m.outcome[0] === 3, "a cause was acknowledged that nobody had seen"));
  },
};
