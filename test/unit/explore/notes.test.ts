/** Notes of explored runs: each once, with the line, beside whatever else a search has to say. */
import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { exploreText } from "../../../harness/cli/explore-text.ts";
import { painter } from "../../../harness/cli/terminal.ts";
import { AsyncSession } from "../../../harness/explore/async-session.ts";
import { campaign, runCampaign } from "../../../harness/explore/campaign.ts";
import { explore } from "../../../harness/explore/explore.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../../harness/explore/plugged-session.ts";
import { notesText } from "../../../harness/explore/run-notes.ts";
import { inTime } from "../../../harness/explore/work.ts";
import { failureOf } from "./failure-of.ts";

const DMA_COMMAND = 0x98;
const TO_HOST = 2;
const RUNS = 6;
const MODELS = ["sc", "tso"] as const;

/** A write that the card ignores: a note in every schedule, twice in each. */
function body(bed: ExploredBed): void {
  const bar = bed.pci.bar(0);
  for (let writes = 0; writes < 2; writes++) bar.write32(DMA_COMMAND, TO_HOST);
  bar.read32(DMA_COMMAND);
}

const setup = (): void => {};

test("a search that passes gives each once, with the number of times and the line; one without has none", async () => {
  const result = await explore(edu(), { runs: RUNS, models: MODELS }, body);
  expect(result).toMatchObject({ runs: 2 * RUNS, unknown: 0 });
  expect(result.notes).toHaveLength(1);
  const [note] = result.notes ?? [];
  expect(note).toMatchObject({ kind: "note", rule: "command-without-start", device: "edu" });
  // Some schedules are run once more, to see whether they are the same.
  expect(note?.count).toBeGreaterThanOrEqual(4 * RUNS);
  expect(note?.line).toMatch(/^test\/unit\/explore\/notes\.test\.ts:\d+$/);
  const silent = await explore(edu(), { runs: RUNS, models: MODELS }, ({ pci }) => void pci.bar(0).read32(0));
  expect(silent).toEqual({ runs: 2 * RUNS, unknown: 0 });
  const off = { machine: { sanitize: { "command-without-start": false } } };
  expect(await explore(edu(), { runs: RUNS, models: MODELS, ...off }, body)).toEqual({ runs: 2 * RUNS, unknown: 0 });
});

test("one that fails says them, too", async () => {
  const search = explore(edu(), { runs: RUNS, cure: false }, (bed) => {
    body(bed);
    throw new Error("for another reason");
  });
  const { message } = await failureOf(search);
  expect(message).toContain("for another reason");
  expect(message).toMatch(
    /\nA note, worth a look; it fails nothing:\n- command-without-start: .* At test\/unit\/.*:\d+\.\n/,
  );
  expect(message.match(/command-without-start/g)).toHaveLength(1);
});

test("softbar explore prints them behind what it has searched, of plain and of async drivers", async () => {
  const devices = [await loadDevice(edu())];
  const options = { runs: RUNS, models: MODELS, program: "small.ts", sourceHash: "0" };
  const plain = runCampaign(new PluggedSession(devices, { setup, body }), options);
  const tasks = new AsyncSession(devices, { setup, body: async (bed) => body(bed) });
  const asynchronous = await inTime(campaign(tasks, options));
  for (const result of [plain, asynchronous]) {
    expect(result.notes.map(({ rule }) => rule)).toEqual(["command-without-start"]);
    const place = { name: "small.ts", url: "", isRace: false, isFixed: false } as never;
    const told = {
      place,
      options: { ...options, strategy: "pos", seed: 1 },
      outcome: { kind: "searched", result, saved: [] },
    };
    const text = exploreText({ ...told, kept: undefined } as never, painter({ isTTY: false } as never));
    expect(text).toContain(notesText(result.notes).join("\n"));
    expect(text.match(/command-without-start/g)).toHaveLength(1);
  }
  await tasks.close();
});
