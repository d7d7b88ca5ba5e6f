import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCampaign } from "../../../harness/explore/campaign.ts";
import { FailureStore, StoreError } from "../../../harness/explore/failure-store.ts";
import type { RaceReport } from "../../../harness/explore/report.ts";
import { Session } from "../../../harness/explore/session.ts";
import { races } from "../../../scenarios/races/index.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "softbar-store-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function failureOf(name: string, seed: number): RaceReport {
  const program = races.find((race) => race.name === name);
  if (program === undefined) throw new Error(`no program ${name}`);
  const { failure } = runCampaign(new Session(program), { program: name, sourceHash: "01234567", seed });
  if (failure === undefined) throw new Error(`${name} was not found`);
  return failure;
}

test("the same failure is kept once, whatever seed has found it", () => {
  const store = new FailureStore(join(folder, "deep", "down"));
  const kept = [1, 2, 3].map((seed) => store.keep(failureOf("length-before-done", seed), "text\n"));
  expect(kept.map(({ isNew }) => isNew)).toEqual([true, false, false]);
  expect(new Set(kept.map(({ file }) => file)).size).toBe(1);
  store.keep(failureOf("lost-update", 1), "text\n");
  const { failures, problems } = store.read("length-before-done");
  expect(problems).toEqual([]);
  expect(failures).toHaveLength(1);
  expect(readFileSync(failures[0]?.file ?? "", "utf8")).toBe(`${failures[0]?.token}\n\ntext\n`);
  expect(readdirSync(join(folder, "deep", "down"))).toHaveLength(2);
});

test("the folder is made with its first failure", () => {
  const store = new FailureStore(join(folder, "kept"));
  expect(store.read("length-before-done")).toEqual({ failures: [], problems: [] });
  expect(readdirSync(folder)).toEqual([]);
  store.keep(failureOf("length-before-done", 1), "text\n");
  expect(readdirSync(folder)).toEqual(["kept"]);
});

test("a damaged file is passed over, with a sentence, and written anew when its failure comes again", () => {
  const store = new FailureStore(folder);
  const report = failureOf("length-before-done", 1);
  const { file } = store.keep(report, "");
  writeFileSync(file, report.token.slice(0, -3));
  writeFileSync(join(folder, "notes.txt"), "not ours");
  writeFileSync(join(folder, "noise.race"), Buffer.from([0xff, 0, 0x80]));
  const { failures, problems } = store.read("length-before-done");
  expect(failures).toEqual([]);
  expect([...problems].sort()).toEqual([
    expect.stringMatching(
      /^.*length-before-done-relaxed-\w+\.race is passed over\. The token is damaged: copy it whole, .*\.$/,
    ),
    expect.stringMatching(/^.*noise\.race is passed over\. ".*" is no token of softbar: .*\.$/),
  ]);
  expect(store.keep(report, "")).toEqual({ file, isNew: true });
  expect(store.read("length-before-done").failures).toHaveLength(1);
});

test("a folder that is none is refused in a sentence", () => {
  writeFileSync(join(folder, "file"), "");
  expect(() => new FailureStore(join(folder, "file"))).toThrow(StoreError);
  expect(() => new FailureStore(join(folder, "file", "below"))).toThrow(
    /^.*below cannot hold failures: it is no folder\.$/,
  );
});
