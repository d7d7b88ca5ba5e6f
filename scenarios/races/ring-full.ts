import type { RaceProgram } from "../../harness/explore/race-program.ts";

export const ringFull: RaceProgram = {
  name: "ring-full",
  protocol:
    "The space test lets the driver fill all three slots: head equals tail, and the card takes the ring for empty. Fixed: one slot stays free.",
  source: "essedma, openwrt #1070",
  fails: "all",
  build(m, isFixed) {
    const ring = m.words("ring", 3);
    const done = m.word("done");
    const room = isFixed ? 2 : 3;
    const nic = m.device("nic", function* (nic) {
      for (let taken = 0; taken < 4; taken++) {
        yield nic.waitRegister32(TAIL, (tail) => tail !== taken % 3);
        const frame = yield nic.dmaRead32(ring + 4 * (taken % 3));
        m.assert(frame === taken + 1, "the card sent a slot that was overwritten or not filled");
        yield nic.dmaWrite32(done, taken + 1);
      }
    });
    const TAIL = nic.register("TAIL");
    m.cpu("driver", function* (cpu) {
      for (let posted = 0; posted < 4; posted++) {
        yield cpu.poll32(done, (count) => posted - count < room);
        yield cpu.write32(ring + 4 * (posted % 3), posted + 1);
        yield cpu.mmioWrite32(TAIL, (posted + 1) % 3);
      }
      yield cpu.poll32(done, (count) => count === 4);
    });
  },
};
