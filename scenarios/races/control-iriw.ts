import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const controlIriw: RaceProgram = {
  name: "control-iriw",
  protocol: "Two readers with rmb agree on the order of two independent writes: memory is multi-copy atomic.",
  source: "herd7 IRIW with read fences",
  fails: "never",
  build(m) {
    const [x, y] = [m.word("x"), m.word("y")];
    for (const word of [x, y]) m.mayRace(word, "what is asked is in which order the writes are seen");
    m.cpu("x writer", function* (cpu) {
      yield cpu.write32(x, 1);
    });
    m.cpu("y writer", function* (cpu) {
      yield cpu.write32(y, 1);
    });
    for (const [at, first, second] of [
      [0, x, y],
      [2, y, x],
    ] as const) {
      m.cpu(`reader ${at / 2}`, function* (cpu) {
        m.outcome[at] = yield cpu.read32(first);
        yield cpu.rmb();
        m.outcome[at + 1] = yield cpu.read32(second);
      });
    }
    const isSplit = (at: number): boolean => m.outcome[at] === 1 && m.outcome[at + 1] === 0;
    m.finally(() => m.assert(!isSplit(0) || !isSplit(2), "the readers saw the writes in different orders"));
  },
};
