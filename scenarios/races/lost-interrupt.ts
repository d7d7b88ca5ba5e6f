import { isSet, type RaceProgram } from "../../harness/explore/race-program.ts";

export const lostInterrupt: RaceProgram = {
  name: "lost-interrupt",
  protocol:
    "The driver rings, finds no completion, unmasks and sleeps; the card completes in between, while masked, and sends no interrupt. Fixed: one look after unmasking, behind a read that pushes the unmask to the card.",
  source: "the classic of interrupt-driven completion; Linux NAPI re-polls after napi_complete for it",
  fails: "all",
  build(m, isFixed) {
    const completion = m.word("completion[0]");
    const vector = m.vector();
    const nic = m.device("nic", function* (nic) {
      yield nic.waitRegister32(TDT, isSet);
      yield nic.dmaWrite32(completion, 1);
      if ((yield nic.readRegister32(IMS)) !== 0) yield nic.message(vector);
    });
    const [TDT, IMS] = [nic.register("TDT"), nic.register("IMS")];
    m.cpu("driver", function* (cpu) {
      yield cpu.mmioWrite32(TDT, 1);
      if ((yield cpu.read32(completion)) !== 0) return;
      yield cpu.mmioWrite32(IMS, 1);
      if (isFixed) {
        yield cpu.mmioRead32(IMS);
        if ((yield cpu.read32(completion)) !== 0) return;
      }
      yield cpu.waitInterrupt(vector);
    });
  },
};
