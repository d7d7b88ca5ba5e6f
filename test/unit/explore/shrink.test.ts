import { expect, test } from "vitest";
import { Schedule } from "../../../emulator/explore/schedule.ts";
import { VIOLATION } from "../../../emulator/explore/verdict.ts";
import type { RaceProgram } from "../../../harness/explore/race-program.ts";
import { Session } from "../../../harness/explore/session.ts";
import { shrink } from "../../../harness/explore/shrink.ts";
import { atOnce } from "../../../harness/explore/work.ts";

/** Fails in one way in the ordinary order, and in another when B comes first. */
const TWO_BUGS: RaceProgram = {
  name: "two-bugs",
  protocol: "",
  source: "",
  fails: "all",
  build(m) {
    const word = m.word("word");
    m.cpu("A", function* (cpu) {
      const seen = yield cpu.read32(word);
      m.assert(seen === 0, `A has seen ${seen}`);
      m.assert(false, "always");
    });
    m.cpu("B", function* (cpu) {
      yield cpu.write32(word, 1);
    });
  },
};

function failingOf(session: Session): Schedule {
  const failing = new Schedule();
  for (let seed = 0; !session.machine.violation.includes("has seen"); seed++) session.search("sc", 1, seed);
  failing.copyFrom(session.execution.recorder.schedule);
  return failing;
}

test("a schedule is not shrunk to that of another failure", () => {
  const session = new Session(TWO_BUGS);
  const { schedule, model } = atOnce(shrink(session, "sc", failingOf(session)));
  expect(schedule.count).toBeGreaterThan(0);
  expect(session.replay(model, schedule)).toBe(VIOLATION);
  expect(session.machine.violation).toContain("A has seen 1");
});

test("a schedule that was cut off is refused when it does not fail so", () => {
  const session = new Session(TWO_BUGS);
  const failing = failingOf(session);
  failing.isIncomplete = true;
  const cut = new Schedule();
  cut.isIncomplete = true;
  expect(() => atOnce(shrink(session, "sc", cut))).toThrow(
    /^A run ended with violation \(.*A has seen 1\), but after more than 0 deviations .* too many to replay it/,
  );
  failingOf(session);
  session.replay("sc", failing);
  expect(atOnce(shrink(session, "sc", failing)).schedule.isIncomplete).toBe(false);
});
