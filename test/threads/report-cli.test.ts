import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SyntheticTrace } from "../page/synthetic-trace.ts";
import { CommandProcess, type Run, root, watch } from "./command-line.ts";

const TOKEN = "race2~lost-interrupt~44db129a~sc~portfolio~1~P1.2.0.0~1be3749e";
const PAGE =
  '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="generator" content="softbar">';

let folder = "";
const path = (name: string): string => join(folder, name);
const commands = new CommandProcess();
const softbar = (...words: string[]): Promise<Run> => commands.run(words, { cwd: folder });
const read = (name: string): string => readFileSync(path(name), "utf8");

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "softbar-report-"));
  const lines = new SyntheticTrace(200, 1).lines();
  writeFileSync(path("run.jsonl"), `${lines.join("\n")}\n`);
  writeFileSync(path("damaged.jsonl"), `${lines[0]}\nnot JSON\n${lines[1]}\n`);
  writeFileSync(path("empty.json"), "");
  writeFileSync(path("other.json"), '{"sentCount":1}');
  writeFileSync(path("mine.html"), "<p>Do not lose me.</p>");
});

afterAll(() => {
  commands.close();
  rmSync(folder, { recursive: true });
});

describe("what cannot be reported is said in one sentence, with exit code 2, and nothing is written or lost:", () => {
  const cases: readonly (readonly [what: string, words: readonly string[], sentence: RegExp])[] = [
    ["nothing", ["report"], /A report of what\?/],
    ["a missing file", ["report", "nowhere.jsonl"], /nowhere\.jsonl cannot be read \(ENOENT\)/],
    ["an empty file", ["report", "empty.json"], /empty\.json is empty: want a trace, or/],
    ["another JSON", ["report", "other.json"], /other\.json is JSON, but no result of/],
    ["a damaged trace", ["report", "damaged.jsonl"], /damaged\.jsonl: line 2 is no JSON/],
    ["two traces", ["report", "run.jsonl", "run.jsonl"], /run\.jsonl is another trace: a report is of one run/],
    [
      "a file of somebody's own",
      ["report", "run.jsonl", "--out", "mine.html"],
      /mine\.html is there already and is no page of softbar's/,
    ],
    [
      "a folder that is not there",
      ["report", "run.jsonl", "--out", "gone/run.html"],
      /gone\/run\.html cannot be written \(ENOENT\)/,
    ],
    ["a damaged token", ["report", TOKEN.slice(0, -1)], /The token is damaged/],
    ["a token and a file", ["report", TOKEN, "run.jsonl"], /a token is reported by itself/],
    ["no place for a replay's report", ["replay", "--report", "mine.html"], /mine\.html is there already/],
    [
      "no place for a search's report",
      ["explore", "lost-interrupt", "--report", "mine.html"],
      /mine\.html is there already/,
    ],
    ["two forms of a register page", ["regs", "edu", "--html", "--json"], /--html and --json are two forms/],
    ["a place for what is no page", ["regs", "edu", "--out", "edu.html"], /--out is of a page: add --html/],
  ];

  test.each(cases)("%s", async (_what, words, sentence) => {
    const run = await softbar(...words);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(sentence);
    expect(run.stderr).toMatch(/^softbar: [^\n]+[.?]\n$/);
    expect(read("mine.html")).toBe("<p>Do not lose me.</p>");
    for (const name of ["nowhere.html", "empty.html", "other.html"]) expect(existsSync(path(name)), name).toBe(false);
  });
});

describe("a report", () => {
  test("of a trace and the result of a replay is one page, and one of our own is replaced", async () => {
    const replayed = await softbar(
      "replay",
      "--clock",
      "virtual",
      "--limit",
      "50",
      "--json",
      "--report",
      "replay.html",
    );
    expect(replayed.code).toBe(0);
    writeFileSync(path("result.json"), replayed.stdout);
    const page = read("replay.html");
    expect(page.startsWith(PAGE)).toBe(true);
    // In virtual time the events are there too.
    for (const section of ["traffic", "latency", "feeds", "interleaving", "registers"])
      expect(page).toContain(`<section id="${section}"`);

    const both = await softbar("report", "run.jsonl", "result.json", "--out", "replay.html", "--json");
    expect(both).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(both.stdout)).toMatchObject({
      file: "replay.html",
      byteLength: Buffer.byteLength(read("replay.html")),
      title: "a synthetic transmit run",
      events: 200,
      sections: expect.arrayContaining(["traffic", "interleaving", "rings", "registers"]),
    });
    // EICR is known by the declaration of the device that the trace names.
    expect(read("replay.html")).toContain("Extended interrupt cause (8.2.3.5.1)");
  });

  test("of a token, and of what a search finds, shows the same failure", async () => {
    const searched = await softbar("explore", "lost-interrupt", "--report", "found.html");
    expect(searched.code).toBe(3);
    expect(searched.stdout).toMatch(/\nReport: found\.html {2}[\d.]+ kB\n$/);
    const told = await softbar("report", TOKEN);
    expect(told).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/^lost-interrupt\.html {2}[\d.]+ kB\n$/),
    });
    for (const page of [read("found.html"), read("lost-interrupt.html")]) {
      expect(page).toContain(TOKEN);
      expect(page).toContain("Nobody can go on any more, and somebody has not come to its end.");
      expect(page).toContain(" 9  waits for interrupt 0");
      expect(page).toContain('<section id="interleaving"');
    }
  });

  test("of registers goes to standard output when asked to, whole into a pipe that is slow, and ends quietly in one that ends", async () => {
    const command = `"${process.execPath}" "${join(root, "scenarios/softbar.ts")}" regs ixgbe --html --out -`;
    // A pipe of the system holds 64 KiB; sockets, through which processes of Node talk, hold more.
    const script = `{ ${command}; echo $? >&2; } | { sleep 1; cat; }\n{ ${command}; echo $? >&2; } | head -c 9 >&2`;
    const { stdout, stderr } = await watch(spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "pipe"] })).run;
    expect(stdout.length).toBeGreaterThan(1 << 17);
    expect(stdout.startsWith(PAGE)).toBe(true);
    expect(stdout.endsWith("</html>\n")).toBe(true);
    expect(stderr).toMatch(/^0\n<!doctype0\n$/);
  });

  test("of a trace that was cut is made, is no success, and says so", async () => {
    writeFileSync(path("cut.jsonl"), `${new SyntheticTrace(20, 1).lines().slice(0, -1).join("\n")}\n`);
    const { code, stdout, stderr } = await softbar("report", "cut.jsonl", "--json");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "softbar: the trace is not whole: it has no end: it was cut, or its run is still going on.\n",
    });
    expect(JSON.parse(stdout)).toMatchObject({ verdict: { look: "unknown", word: "unknown" } });
    expect(read("cut.html")).toContain("? unknown");
  });
});
