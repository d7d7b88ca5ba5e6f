import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MemoryView } from "../../../../emulator/memory/memory-view.ts";
import { Damage } from "../../../../emulator/wire/damage/damage.ts";
import type { DamagePlan } from "../../../../emulator/wire/damage/damage-plan.ts";
import type { DamageLedger } from "../../../../emulator/wire/damage/ledger.ts";
import { recordedFrames } from "../../../../harness/replay/recorded-frames.ts";
import { captureFolder } from "../real-captures.ts";

const hasCaptures = existsSync(join(captureFolder, "index.json"));

async function booked(file: string, plan: DamagePlan): Promise<DamageLedger> {
  const memory = MemoryView.ofSize(1 << 16);
  const damage = new Damage(plan, memory);
  for (const { bytes, timeNs } of await recordedFrames(join(captureFolder, file))) {
    memory.bytes.set(bytes);
    damage.timeNs[0] = timeNs;
    damage.push(memory, 0, bytes.length, 0);
    for (; damage.peek(); damage.release());
  }
  damage.end();
  for (; damage.peek(); damage.release());
  return damage.ledger;
}

const missingOf = (ledger: DamageLedger): Record<string, readonly (readonly [number, number])[]> =>
  Object.fromEntries(ledger.lines().flatMap(({ line, missing }) => (missing.length > 0 ? [[line, missing]] : [])));

describe.skipIf(!hasCaptures)(`the ledger of recorded lines (in ${captureFolder})`, () => {
  test("knows what an undamaged wire does not bring, because the capture lacks it", async () => {
    const ledger = await booked("cme-mdp3-v9-loss.pcap", {});
    expect(missingOf(ledger)).toEqual({
      "224.0.28.6:14315": [[1_160_085, 1_160_086]],
      "224.0.28.19:14360": [[911_523, 911_524]],
      "224.0.28.20:14361": [[1_028_099, 1_028_100]],
      "224.0.28.156:15348": [[579_465, 579_466]],
    });
    // The twin of each line has it: together they are whole.
    const lines = ledger.lines().map(({ line }) => line);
    for (const a of lines.filter((line) => line.includes(":14"))) {
      const port = Number(a.split(":")[1]) + 1000;
      const b = lines.find((line) => line.endsWith(`:${port}`));
      if (b !== undefined) expect(ledger.missingOnAll([a, b])).toEqual([{ session: "", missing: [] }]);
    }
  });

  test("of which line B loses exactly what it is told, and line A makes up for it", async () => {
    const whole = await booked("cme-mdp3-v6-ab.pcap", {});
    const [one, other] = whole.lines();
    const [first = 0] = [one?.firstSequence];
    const plan: DamagePlan = {
      rules: [
        { line: other?.line ?? "", sequences: [[first + 17, first + 19]], loss: 1 },
        { line: one?.line ?? "", sequences: [[first + 19, first + 20]], loss: 1 },
      ],
    };
    const ledger = await booked("cme-mdp3-v6-ab.pcap", plan);
    expect(missingOf(ledger)).toEqual({
      [one?.line ?? ""]: [[first + 19, first + 21]],
      [other?.line ?? ""]: [[first + 17, first + 20]],
    });
    const both = ledger.missingOnAll([one?.line ?? "", other?.line ?? ""]);
    expect(both).toEqual([{ session: "", missing: [[first + 19, first + 20]] }]);
    expect(ledger.counts()).toMatchObject({ offered: 10_000, lost: 5, passed: 9_995 });
    // That the lines carry CME is found out; it may be said as well.
    const told = await booked("cme-mdp3-v6-ab.pcap", { ...plan, protocol: "cme-mdp3" });
    expect([told.lines(), told.entries()]).toEqual([ledger.lines(), ledger.entries()]);
  });
});

test("recorded lines are there, or their absence is said", (context) => {
  context.skip(!hasCaptures, `no index.json in ${captureFolder}; SOFTBAR_CAPTURES can name another folder`);
  expect(hasCaptures).toBe(true);
});
