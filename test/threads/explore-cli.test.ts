import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CommandProcess, type Run, root, type StartOptions, start, watch } from "./command-line.ts";

const DOORBELL = "test/threads/fixtures/explore-doorbell.ts";
const MISCHIEF = "test/threads/fixtures/explore-mischief.ts";

let folder = "";
const path = (name: string): string => join(folder, name);
const commands = new CommandProcess();
const softbar = (...words: string[]): Promise<Run> => commands.run(words);
const inFolder = (...words: string[]): Promise<Run> => commands.run(words, { cwd: folder });
const softbarAlone = (words: readonly string[], options: StartOptions = {}): Promise<Run> => start(words, options).run;

function tokenIn({ stdout }: Run): string {
  const [, token = ""] = /rerun (?:-- )?(race2~\S+)/.exec(stdout) ?? [];
  return token;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "softbar-explore-"));
  writeFileSync(path("none.ts"), "export default { devices: [] };\n");
  writeFileSync(path("slip.ts"), "export default functio () {}\n");
  writeFileSync(path("throws.js"), 'throw new Error("not today");\n');
  writeFileSync(path("file"), "");
  mkdirSync(path("folder"));
});

afterAll(() => {
  commands.close();
  rmSync(folder, { recursive: true });
});

describe("what cannot be searched or replayed is said in one sentence, with exit code 2", () => {
  const good = "race2~lost-interrupt~44db129a~sc~portfolio~1~P1.2.0.0~1be3749e";
  const cases: readonly (readonly [what: string, words: readonly string[], sentence: RegExp])[] = [
    [
      "a scenario with a slip",
      ["explore", "lost-interupt"],
      /no scenario "lost-interupt", did you mean "lost-interrupt"\?/,
    ],
    ["a missing module", ["explore", "./nowhere.ts"], /no scenario "\.\/nowhere\.ts", and no such file/],
    ["a module without an exploration", ["explore", "none.ts"], /\.\/none\.ts is no exploration: it must end in/],
    ["a module with a slip", ["explore", "slip.ts"], /\.\/slip\.ts cannot be loaded: /],
    ["a module that throws", ["explore", "throws.js"], /\.\/throws\.js cannot be loaded: not today\./],
    ["a folder", ["explore", "./folder"], /folder is no file/],
    ["the fixed twin of a module", ["explore", "none.ts", "--fixed"], /none\.ts has no fixed twin/],
    ["an unknown model", ["explore", "lost-interrupt", "--model", "arm"], /--model arm makes no sense/],
    ["an unknown strategy", ["explore", "lost-interrupt", "--strategy", "porfolio"], /did you mean "portfolio"\?/],
    ["no schedules", ["explore", "lost-interrupt", "--runs", "0"], /--runs 0 makes no sense/],
    ["a file to keep failures in", ["explore", "lost-interrupt", "--save", "file"], /file cannot hold failures/],
    ["two scenarios", ["explore", "lost-interrupt", "lost-update"], /one word too many/],
    ["no token", ["rerun"], /Which run\?/],
    ["what is no token", ["rerun", "2a-00111"], /"2a-00111" is no token of softbar/],
    ["a token of another version", ["rerun", good.replace("race2", "race0")], /is of version race0/],
    ["a token cut short", ["rerun", good.slice(0, -1)], /The token is damaged: copy it whole/],
    ["a token with another letter", ["rerun", good.replace("P1", "P2")], /The token is damaged/],
    ["a token of a test", ["rerun", "race2~explore~44db129a~sc~portfolio~1~~327e1907"], /hand it to explore\(/],
    [
      "a token of another softbar",
      ["rerun", "race2~lost-sock~44db129a~sc~pos~1~~eb27e08d"],
      /is of lost-sock\. There is no/,
    ],
    [
      "a token of a module that is elsewhere",
      ["rerun", "race2~./gone.ts~44db129a~sc~pos~1~~f6a53041"],
      /is of \.\/gone\.ts\. There/,
    ],
  ];

  test.each(cases)("%s", async (_what, words, sentence) => {
    const run = await inFolder(...words);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(sentence);
    expect(run.stderr).toMatch(/^softbar: [^\n]+[.?]\n$/);
  });
});

describe("a search of a scenario", () => {
  test("that is stuck ends with exit code 3, a picture and a token, which replays", async () => {
    const run = await inFolder("explore", "lost-interrupt");
    expect(run).toMatchObject({ code: 3, stderr: "" });
    expect(run.stdout).toMatch(/^lost-interrupt {3}seed 1 {3}schedule \d+ {3}✗ deadlock\n/);
    expect(run.stdout).toMatch(/\n +driver +nic\n 1 {2}TDT ← 1/);
    expect(run.stdout).toMatch(/\nFails in every memory model\.\nNo barrier cures it\.\n(Shrunk from|1 deviation) /);
    expect(run.stdout).not.toContain("\u001b");
    const token = tokenIn(run);
    const again = await inFolder("rerun", token, "--trace");
    expect(again).toMatchObject({ code: 3, stderr: "" });
    expect(again.stdout).toMatch(/^lost-interrupt {3}sc {3}✗ deadlock\n/);
    expect(again.stdout).toMatch(/\n +1 {2}driver: TDT ← 1 {2}MMIO write\n/);
    const fixed = await inFolder("rerun", token, "--fixed");
    expect(fixed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^lost-interrupt \(fixed\) {3}sc {3}✓ passed\n/),
    });
    const data = JSON.parse((await inFolder("rerun", token, "--json")).stdout) as object;
    expect(data).toMatchObject({ scenario: "lost-interrupt", outcome: "failed", run: { verdict: "deadlock", token } });
  });

  test("that breaks an assertion ends with exit code 1 and the missing barrier", async () => {
    const run = await inFolder("explore", "message-passing", "--strategy", "pos", "--seed", "7");
    expect(run).toMatchObject({ code: 1, stderr: "" });
    expect(run.stdout).toMatch(/✗ violation\nthe flag is seen, the data is not\n/);
    expect(run.stdout).toMatch(/not seen to in sc and tso\.\nMissing: wmb in writer before the write of flag\.\n/);
  });

  test("that finds nothing ends with exit code 0, and says how much it has covered", async () => {
    const run = await inFolder("explore", "lost-interrupt", "--fixed", "--runs", "1000");
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toMatch(
      /^lost-interrupt \(fixed\) {3}seed 1 {3}3,000 schedules in sc, tso, relaxed {3}.*✓ passed\n/,
    );
    expect(run.stdout).toMatch(
      /\n12 schedules run twice: the same each time\.\nRacing pairs of accesses: 6, of which 4 /,
    );
    expect(run.stdout).toMatch(/none in the last 1,000 schedules \(\d+ in the first\)/);
  });

  test("ends when its time is over", async () => {
    const run = await inFolder("explore", "lost-interrupt", "--fixed", "--time", "1", "--model", "tso", "--json");
    expect(run).toMatchObject({ code: 0, stderr: "" });
    const data = JSON.parse(run.stdout) as { runs: number };
    expect(data).toMatchObject({ verdict: "passed", end: "time", models: [{ model: "tso" }] });
    expect(data.runs).toBeGreaterThan(0);
  });

  test("prints one JSON object with --json", async () => {
    const run = await inFolder("explore", "lost-interrupt", "--json", "--seed", "2");
    expect(run).toMatchObject({ code: 3, stderr: "" });
    expect(JSON.parse(run.stdout)).toMatchObject({
      scenario: "lost-interrupt",
      fixed: false,
      verdict: "deadlock",
      seed: 2,
      strategy: "portfolio",
      end: "failed",
      coverage: { racingPairs: expect.any(Number), inBothOrders: expect.any(Number) },
      failure: { model: "sc", picture: expect.stringContaining("driver"), token: expect.stringMatching(/^race2~/) },
      nondeterminism: null,
      replay: expect.stringMatching(/^npm run rerun -- race2~/),
    });
  });

  test("without a name lists what there is", async () => {
    expect((await inFolder("explore")).stdout).toMatch(/^lost-interrupt +The driver rings, finds no completion/m);
    const { scenarios } = JSON.parse((await inFolder("explore", "--json")).stdout) as { scenarios: { name: string }[] };
    expect(scenarios.length).toBeGreaterThan(30);
    expect(scenarios[0]).toMatchObject({ name: "lost-interrupt", protocol: expect.any(String), fails: "all" });
  });
});

describe("a search of a real driver", () => {
  test("names the line that lacks a barrier, and its token replays from the same folder", async () => {
    const run = await softbar("explore", DOORBELL);
    expect(run).toMatchObject({ code: 1, stderr: "" });
    expect(run.stdout).toMatch(
      /\nMissing: wmb before the MMIO write \(relaxed\) at scenarios\/drivers\/ixgbe\.ts:\d+\.\n/,
    );
    expect(run.stdout).toMatch(/TDT\(0\) ← 1 {2}MMIO write \(relaxed\) {2}ixgbe\.ts:\d+/);
    const again = await softbar("rerun", tokenIn(run));
    expect(again).toMatchObject({ code: 1, stderr: "" });
    expect(again.stdout).not.toContain("The source has changed");
    expect(await inFolder("rerun", tokenIn(run))).toMatchObject({ code: 2, stdout: "" });
  });

  test("says after a change of the driver whether it passes", async () => {
    const url = (file: string): string => JSON.stringify(pathToFileURL(join(root, file)).href);
    writeFileSync(
      path("my-race.js"),
      `import { edu } from ${url("devices/index.ts")};
       import { exploration } from ${url("harness/index.ts")};
       import { MyDriver } from "./my-driver.js";
       export default exploration({
         devices: [edu()],
         setup: (bed) => new MyDriver(bed.pci),
         body(bed, driver) { if (driver.factorial(5) !== 120) throw new Error("5! was wrong"); },
       });`,
    );
    const driver = (wait: string): string => `export class MyDriver {
        constructor(pci) { this.pci = pci; this.bar = pci.bar(0); }
        factorial(n) { this.bar.write32(8, n); ${wait} return this.bar.read32(8); }
      }`;
    writeFileSync(path("my-driver.js"), driver(""));
    const found = await inFolder("explore", "my-race.js", "--runs", "100");
    expect(found).toMatchObject({ code: 1, stderr: "" });
    expect(found.stdout).toMatch(/Error: 5! was wrong\n[\s\S]*It fails in the ordinary order of events\./);
    const token = tokenIn(found);
    expect((await inFolder("rerun", token)).stdout).not.toContain("The source has changed");
    writeFileSync(path("my-driver.js"), driver("while ((this.bar.read32(0x20) & 1) !== 0) this.pci.cpu.relax();"));
    const mended = await inFolder("rerun", token);
    expect(mended).toMatchObject({ code: 0, stderr: "" });
    expect(mended.stdout).toMatch(/^\.\/my-race\.js {3}sc {3}✓ passed\nThe source has changed/);
  });
});

describe("whatever a driver does to its thread, the search ends in a verdict", () => {
  const cases: readonly (readonly [mischief: string, code: number, verdict: string, told: RegExp])[] = [
    ["computes", 3, "hang", /The body of schedule 1 has not come to its end for 1 s\./],
    ["swallows", 3, "hang", /The body of schedule \d+ has not come to its end for 1 s\..*swallows the exception/],
    ["setup computes", 3, "hang", /The set-up of schedule 1 has not come to its end for 1 s\./],
    ["hoards", 3, "memory", /took more than 512 MB of heap/],
    ["exits", 1, "gone", /In schedule 1: the scenario ended its thread \(code 7\)/],
    [
      "setup throws",
      1,
      "setup",
      /The set-up threw, before anything was explored: RangeError: no such card\n.*explore-mischief/,
    ],
    ["remembers", 1, "nondeterministic", /The same schedule need not go the same way twice: /],
    ["polls", 3, "livelock", /polls for what nobody will change: driver waits: poll LIVENESS → 0/],
    ["starves", 3, "unknown", /One of them, and where it stands: npm run rerun -- race2~[^\n]*~portfolio~1~/],
    ["awaits nothing", 3, "deadlock", /1 promise left pending: what the body awaits[\s\S]*waits for something/],
    ["awaits a file", 1, "nondeterministic", /the driver waits for FSREQPROMISE of .*explore-mischief\.ts:\d+/],
    ["computes later", 3, "hang", /The body of schedule \d+ has not come to its end for 1 s\./],
    ["swallows later", 3, "hang", /The body of schedule \d+ has not come to its end for 1 s\..*swallows the exception/],
  ];

  // On a busy machine memory takes longer to run out than a hang does to be told.
  test.each(cases)("%s", async (mischief, code, verdict, told) => {
    const words = ["explore", MISCHIEF, "--hang", verdict === "hang" ? "1" : "10", "--time", "4"];
    const run = await commands.run(words, { env: { SOFTBAR_TEST_MISCHIEF: mischief } });
    expect(run).toMatchObject({ code, stdout: expect.stringContaining(`✗ ${verdict}\n`) });
    expect(run.stdout).toMatch(told);
  });

  test("buffers that no heap limit sees", async () => {
    const env = { SOFTBAR_TEST_MISCHIEF: "buffers" };
    const run = await softbarAlone(["explore", MISCHIEF, "--json"], { env });
    expect(run.code).toBe(3);
    expect(JSON.parse(run.stdout)).toMatchObject({ verdict: expect.stringMatching(/^(memory|violation|gone)$/) });
  });

  test("a promise of a body that is not declared async is refused", async () => {
    const run = await commands.run(["explore", MISCHIEF], { env: { SOFTBAR_TEST_MISCHIEF: "promises" } });
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(/body returned a promise, and what it does later is not explored; declare it async/);
  });

  test("a race of an async body is found, shrunk and shown, and its token runs again", async () => {
    const env = { SOFTBAR_TEST_MISCHIEF: "loses an update" };
    const run = await commands.run(["explore", MISCHIEF, "--json"], { env });
    expect(run.code).toBe(1);
    const { verdict, failure } = JSON.parse(run.stdout);
    expect(verdict).toBe("violation");
    expect(failure).toMatchObject({ violation: "Error: an update is lost", model: "sc" });
    expect(failure.deviationCount).toBeLessThanOrEqual(2);
    expect(failure.picture).toMatch(/goes on after sleep {2}explore-mischief\.ts:\d+/);
    const again = await commands.run(["rerun", failure.token], { env });
    expect(again.code).toBe(1);
    expect(again.stdout).toContain("an update is lost");
  });

  test("the async driver of the scenarios passes", async () => {
    const run = await softbar("explore", "scenarios/explorations/edu-tasks.ts", "--runs", "200");
    expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining("✓ passed") });
  });

  test.each([
    ["in good order", "prints"],
    ["even when it hangs", "computes"],
  ])("Ctrl-C ends it %s", async (_how, mischief) => {
    const words = ["explore", MISCHIEF, "--time", "60", "--hang", "60"];
    const { child, run } = start(words, { env: { SOFTBAR_TEST_MISCHIEF: mischief } });
    if (mischief === "prints") child.stderr?.once("data", () => child.kill("SIGINT"));
    else setTimeout(() => child.kill("SIGINT"), 2000);
    const { code, stdout } = await run;
    expect(code).toBe(130);
    expect(stdout).toContain("✗ interrupted");
  });

  test("what a driver prints does not stand in the report", async () => {
    const words = ["explore", MISCHIEF, "--runs", "10", "--json"];
    const run = await softbarAlone(words, { env: { SOFTBAR_TEST_MISCHIEF: "prints" } });
    expect(run).toMatchObject({ code: 0, stderr: "the driver is up\n" });
    expect(JSON.parse(run.stdout)).toMatchObject({ verdict: "passed" });
  });
});

describe("failures that are kept", () => {
  test("are kept once, replayed first, and said to pass when they do", async () => {
    const save = ["--save", "kept"];
    const first = await inFolder("explore", "length-before-done", ...save);
    expect(first).toMatchObject({ code: 1, stderr: "" });
    expect(first.stdout).toMatch(/\nKept as kept\/length-before-done-relaxed-\w+\.race\n$/);
    const [name = ""] = readdirSync(path("kept"));
    expect(readFileSync(path(`kept/${name}`), "utf8")).toContain(`${tokenIn(first)}\n\n`);
    const second = await inFolder("explore", "length-before-done", "--seed", "9", ...save);
    expect(second).toMatchObject({ code: 1, stderr: "" });
    expect(second.stdout).toMatch(/\nkept\/\S+: still fails: DD is seen, the length is not\n/);
    expect(second.stdout).toMatch(/\nKnown already: kept\/\S+\n$/);
    const stuck = await inFolder("explore", "length-before-done", "--model", "sc", "--runs", "50", ...save);
    expect(stuck).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/still fails: [\s\S]*Nothing new was found\./),
    });
    const fixed = await inFolder("explore", "length-before-done", "--fixed", "--runs", "50", ...save);
    expect(fixed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/\nkept\/\S+: passes now \(its order of events is not possible any more\)\n/),
    });
    writeFileSync(path(`kept/${name}`), tokenIn(first).slice(0, -4));
    const damaged = await inFolder("explore", "length-before-done", "--fixed", "--runs", "50", ...save);
    expect(damaged).toMatchObject({ code: 0 });
    expect(damaged.stderr).toMatch(/^softbar: kept\/\S+ is passed over\. The token is damaged: [^\n]+\n$/);
    expect(readdirSync(path("kept"))).toEqual([name]);
  });
});

describe("what the README says", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, block = "", picture = ""] =
    /## Search the orders of events\n\n```sh\n([\s\S]*?)```\n\n```\n([\s\S]*?)```/.exec(readme) ?? [];
  const commands = block
    .trim()
    .split("\n")
    .map((line) => (line.split("#")[0] ?? "").trim().split(/ +/));

  test("its picture is what its command prints", async () => {
    const [command = []] = commands;
    expect(command.slice(0, 4)).toEqual(["npm", "run", "explore", "--"]);
    expect(await softbarAlone(["explore", ...command.slice(4)])).toEqual({ code: 3, stdout: picture, stderr: "" });
  });

  test("its search of a real driver finds nothing", async () => {
    const [, command = []] = commands;
    const run = await softbar("explore", ...command.slice(4), "--runs", "500");
    expect(run).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("✓ passed") });
  });

  test("its commands work as they stand there, and so does the one that replays", async () => {
    expect(commands).toHaveLength(3);
    const npm = (words: string): Promise<Run> =>
      watch(spawn("npm", words.split(" ").slice(1), { cwd: root, stdio: ["ignore", "pipe", "pipe"] })).run;
    const found = await npm((commands[0] ?? []).join(" "));
    expect(found).toMatchObject({ code: 3, stdout: expect.stringContaining(picture) });
    const [, replay = ""] = /Replay: (.*)/.exec(found.stdout) ?? [];
    expect(await npm(replay)).toMatchObject({ code: 3, stdout: expect.stringContaining("✗ deadlock") });
    const listed = await npm((commands[2] ?? []).join(" "));
    expect(listed).toMatchObject({ code: 0, stdout: expect.stringContaining("lost-interrupt") });
  });

  test("its module, its flags and its rerun work", async () => {
    const [, module = ""] = /```ts\n\/\/ my-race\.ts\n([\s\S]*?)```/.exec(readme) ?? [];
    const url = (file: string): string => pathToFileURL(join(root, file)).href;
    const here = module
      .replace('"softbar"', JSON.stringify(url("harness/index.ts")))
      .replace('"softbar/devices"', JSON.stringify(url("devices/index.ts")))
      .replace('"./edu-driver.ts"', JSON.stringify(url("test/threads/readme-driver.ts")));
    writeFileSync(path("my-race.ts"), here);
    const [, flags = ""] = /`npx softbar explore my-race\.ts (--time 60 --save failures)`/.exec(readme) ?? [];
    const words = flags.replace("60", "1").split(" ");
    const run = await inFolder("explore", "my-race.ts", ...words);
    expect(run).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("✓ passed") });
    expect(readme).toContain("`npx softbar rerun TOKEN`");

    const driver = readFileSync(join(root, "test/threads/readme-driver.ts"), "utf8");
    const hasty = driver.replace(/^ +while .*\n/m, "").replace("../../harness/index.ts", url("harness/index.ts"));
    expect(hasty.length).toBeLessThan(driver.length - 50);
    writeFileSync(path("edu-driver.ts"), hasty);
    writeFileSync(path("hasty.ts"), here.replace(url("test/threads/readme-driver.ts"), "./edu-driver.ts"));
    const failed = await inFolder("explore", "hasty.ts", "--time", "1");
    expect(failed).toMatchObject({ code: 1, stdout: expect.stringContaining("5! came out as") });
  });

  test("the first run of a newcomer ends with a race", async () => {
    const run = await softbar("replay");
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(run.stdout).toMatch(/\nlost-interrupt {3}seed 1 {3}schedule \d+ {3}✗ deadlock\n[\s\S]*\n 1 {2}TDT ← 1/);
    expect(run.stdout).toMatch(/\nGo on:\n( {2}.+\n){4}$/);
  });
});
