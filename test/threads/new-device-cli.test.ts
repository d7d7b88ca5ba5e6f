import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CommandProcess, type Run } from "./command-line.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "softbar-new-"));
});
afterAll(() => {
  commands.close();
  rmSync(folder, { recursive: true, force: true });
});

const commands = new CommandProcess();
const softbar = (...words: string[]): Promise<Run> => commands.run(words, { cwd: folder });
const fixture = (name: string): string => join(import.meta.dirname, "fixtures", name);

describe("softbar new", () => {
  test("makes a device and says what to do next", async () => {
    const { code, stdout, stderr } = await softbar("new", "device", "tally-card", "--dir", "cards");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^\.\/cards\/tally-card is a device that works/);
    expect(stdout).toMatch(
      /Next:\n {2}Install: npm install -D \S+\.tgz vitest[\s\S]*\n {2}cd \.\/cards\n {2}npx vitest run/,
    );
    expect(readdirSync(join(folder, "cards/tally-card"))).toContain("tally-card.test.ts");
  });

  test("prints the same as data", async () => {
    const { code, stdout } = await softbar("new", "device", "adder", "--json");
    expect(code).toBe(0);
    const made = JSON.parse(stdout) as { files: string[]; folder: string };
    expect(made).toMatchObject({ name: "adder", toDo: [expect.stringContaining("npm install")] });
    for (const file of made.files) expect(existsSync(file), file).toBe(true);
    expect(readdirSync(made.folder)).toHaveLength(8);
  });

  test.each([
    ["nothing to make", ["new"], /What is to be made: "softbar new device NAME"/],
    ["something else", ["new", "devise", "x"], /There is no "devise" to be made, did you mean "device"\?/],
    ["no name", ["new", "device"], /Which name: /],
    ["a bad name", ["new", "device", "Tally"], /"Tally" is no name for a device/],
    ["the name of a device", ["new", "device", "ixgbe"], /There is a device "ixgbe" already/],
    ["too many words", ["new", "device", "a1", "b1"], /"b1" is one word too many/],
    [
      "a place that cannot be",
      ["new", "device", "summer", "--dir", "/dev/null/x"],
      /ENOTDIR[^\n]*; nothing was written/,
    ],
  ])("%s is a sentence and exit code 2", async (_which, words, problem) => {
    const { code, stdout, stderr } = await softbar(...words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^softbar: [^\n]+\n$/);
    expect(stderr).toMatch(problem);
  });
});

describe("a device of one's own, by its path", () => {
  // A module is enough: what is below the repository finds its imports.
  const card = fixture("own-card.ts");

  test("is listed, also when package.json names it", async () => {
    const { stdout } = await softbar("devices", card, "--json");
    const { devices } = JSON.parse(stdout) as { devices: { name: string; replay: boolean }[] };
    expect(devices.slice(0, -1)).not.toEqual([]);
    expect(devices.at(-1)).toMatchObject({ name: "ixgbe", replay: true });

    const own = mkdtempSync(join(folder, "listing-"));
    writeFileSync(join(own, "package.json"), JSON.stringify({ softbar: { devices: [fixture("register-block.ts")] } }));
    const listed = await commands.run(["devices"], { cwd: own });
    expect(listed).toMatchObject({ code: 0, stderr: "" });
    expect(listed.stdout.trim().split("\n")).toHaveLength(devices.length);
  });

  test("has a register page", async () => {
    expect((await softbar("regs", card, "rxdctl")).stdout).toMatch(/RXDCTL\(0-127\)/);
  });

  test("is replayed into when it says how", async () => {
    const { code, stdout, stderr } = await softbar("replay", "--device", card, "--frames", "300", "--json");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ deliveredCount: 300 });
  });

  test.each([
    ["is not there", ["regs", "./nowhere"], /\.\/nowhere: there is no such device/],
    ["has no index", ["regs", "."], /\. is no device: it has neither index\.ts nor index\.js/],
    ["is something else", ["regs", fixture("start-line.ts")], /is no device: its default export must be a function/],
    ["cannot be loaded", ["regs", "./broken.js"], /broken\.js cannot be loaded: /],
    ["throws", ["regs", "./throwing.js"], /throwing\.js cannot be loaded: it wants an option/],
    ["names a model that is not there", ["regs", "./headless.js"], /headless\.js cannot be loaded: Cannot find module/],
    [
      "has no wire",
      ["replay", "--device", fixture("register-block.ts")],
      /cannot be replayed into: that takes a wire \(wirePortCount in its declaration\) and an export `target`/,
    ],
  ])("that %s is a sentence and exit code 2", async (_which, words, problem) => {
    writeFileSync(join(folder, "broken.js"), "export default function () {");
    writeFileSync(join(folder, "throwing.js"), 'export default () => { throw new Error("it wants an option"); };');
    const headless =
      "export default () => ({ name: 'x', moduleUrl: new URL('./x.js', import.meta.url).href, options: {} });";
    writeFileSync(join(folder, "headless.js"), headless);
    const { code, stdout, stderr } = await softbar(...words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^softbar: [^\n]+\n$/);
    expect(stderr).toMatch(problem);
  });
});
