import { expect, test } from "vitest";
import { outcomeOf } from "../../../harness/cli/replay-outcome.ts";
import type { ReplayReport } from "../../../harness/replay/replay-report.ts";

const given = { value: () => undefined };

/** A replay in which all went well, but for this. */
function outcome(more: Partial<ReplayReport>): ReturnType<typeof outcomeOf> {
  const balance = { holds: true, lostInCard: 0, lostInDriver: 0 };
  const well = { balance, violations: [], source: { damage: undefined }, interrupted: false, faults: undefined };
  return outcomeOf({ ...well, ...more } as unknown as ReplayReport, given);
}

const struck = [{ kind: "frame-lost", met: 9, struck: 1 }] as const;
const unmet = [{ kind: "frame-lost", met: 9, struck: 0 }] as const;
const unbalanced = { holds: false, lostInCard: 0, lostInDriver: 2 };

test("a fault that was asked for is no outcome: what came of it is", () => {
  expect(outcome({ faults: unmet })).toMatchObject({ exitCode: 0, verdict: "passed" });
  expect(outcome({ faults: struck })).toMatchObject({ exitCode: 0, verdict: "passed" });
  expect(outcome({ faults: struck, balance: unbalanced })).toMatchObject({
    exitCode: 1,
    message: "2 frames lost in the driver",
  });
});

test("a balance that is off with no fault to blame is a bug of ours", () => {
  expect(outcome({ balance: unbalanced })).toMatchObject({ exitCode: 70, verdict: "bug" });
  expect(outcome({ faults: unmet, balance: unbalanced })).toMatchObject({ exitCode: 70, verdict: "bug" });
});
