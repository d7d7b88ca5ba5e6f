import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkedName } from "../../../harness/new-device/device-name.ts";
import { newDevice } from "../../../harness/new-device/new-device.ts";
import { deviceFiles, isInClone, templateCode } from "../../../harness/new-device/template.ts";

const root = resolve(import.meta.dirname, "../../..");
const template = join(root, "templates/device");

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "softbar-new-device-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const make = (name: string, directory = folder): ReturnType<typeof newDevice> =>
  newDevice(name, { directory, version: "1.2.3", taken: ["edu"] });

const everything = (): string[] => readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();

const aWord = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
const aKebab = fc.array(aWord, { minLength: 1, maxLength: 4 }).map((words) => words.join("-"));

describe("a name", () => {
  test("in kebab case is taken, and stands in every file in place of the template's", () => {
    let accepted = 0;
    fc.assert(
      fc.property(aKebab, (typed) => {
        let name: ReturnType<typeof checkedName>;
        try {
          name = checkedName(typed, templateCode(), []);
        } catch {
          return; // a word of the code or of the language
        }
        accepted++;
        const [camel, pascal] = [name.camel, name.pascal];
        for (const file of deviceFiles(name, folder)) {
          // The way back is the template: nothing was left, and nothing else was touched.
          const back = `${file.name}\n${file.text}`
            .replaceAll(new RegExp(`\\b${typed}\\b`, "g"), "template-device")
            .replaceAll(new RegExp(`\\b${camel}\\b`, "g"), "templateDevice")
            .replaceAll(new RegExp(`\\b${pascal}(?=\\b|Driver|State)`, "g"), "TemplateDevice")
            .replaceAll('"softbar/conformance"', '"../../harness/conformance/index.ts"')
            .replaceAll('"softbar/emulator"', '"../../emulator/index.ts"');
          const [first = "", ...rest] = back.split("\n");
          const source = readFileSync(join(template, first), "utf8").replaceAll(
            '"../../harness/index.ts"',
            '"softbar"',
          );
          if (camel === typed) {
            // One word: its two small spellings cannot be told apart any more.
            const small = (text: string): string => text.replaceAll("templateDevice", "template-device");
            expect(small(rest.join("\n"))).toBe(small(source));
          } else expect(rest.join("\n")).toBe(source);
        }
      }),
    );
    expect(accepted).toBeGreaterThan(50);
  });

  test.each([
    "",
    "Tally",
    "tally_card",
    "9tally",
    "-tally",
    "tally-",
    "tally--card",
    "../tally",
    "a/b",
    "tally card",
    "ä",
  ])("%j is none", (typed) => {
    expect(() => make(typed)).toThrow(/is no name for a device: want small letters/);
    expect(everything()).toEqual([]);
  });

  test.each([
    ["too long", "a".repeat(41), /40 at most/],
    ["of a device", "edu", /a device "edu" already/],
    ["of the language", "delete", /means something in JavaScript/],
    ["of a class that the device's would hide", "array", /means something in JavaScript/],
    ["of a variable in its files", "driver", /is a word of the code/],
    ["of a variable in its files, in two words", "plug-in", /is a word of the code/],
  ])("%s is refused", (_which, typed, problem) => {
    expect(() => make(typed)).toThrow(problem);
    expect(everything()).toEqual([]);
  });
});

test("every file of the template is copied, and the package has it", () => {
  const made = make("tally");
  expect(readdirSync(made.folder)).toHaveLength(readdirSync(template).length);
  const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { files: string[] };
  expect(files).toEqual(expect.arrayContaining(["templates", "docs"]));
});

test("inside the repository it imports the sources", () => {
  const inside = join(root, "test/unit/tally");
  expect([isInClone(inside), isInClone(folder)]).toEqual([true, false]);
  const name = checkedName("tally", templateCode(), []);
  const text = deviceFiles(name, inside).find((file) => file.name === "tally.test.ts")?.text;
  expect(text).toContain('from "../../../harness/conformance/index.ts"');
  expect(text).not.toContain('"softbar');
});

describe("nothing is overwritten", () => {
  test("a folder of that name stays as it is", () => {
    mkdirSync(join(folder, "tally"));
    expect(() => make("tally")).toThrow(/tally is there already; nothing was written/);
    expect(everything()).toEqual(["tally"]);
  });

  test("nor is a project: it is told what it lacks", () => {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", devDependencies: { softbar: "1" } }));
    const before = readFileSync(join(folder, "package.json"), "utf8");
    const { toDo } = make("tally");
    expect(readFileSync(join(folder, "package.json"), "utf8")).toBe(before);
    expect(existsSync(join(folder, "tsconfig.json"))).toBe(false);
    expect(toDo.join("\n")).toMatch(/"type": "module"[\s\S]*softbar-1\.2\.3\.tgz[\s\S]*"devices": \["\.\/tally"\]/);
  });

  test("a project that cannot be read is an error before anything is written", () => {
    writeFileSync(join(folder, "package.json"), "{ name: 1 }");
    expect(() => make("tally")).toThrow(/package\.json is no JSON object: mend it first/);
    expect(everything()).toEqual(["package.json"]);
  });

  test("where there is no project, one is made", () => {
    const { files } = make("tally", join(folder, "new/place"));
    expect(files.map((file) => file.slice(folder.length + 1)).slice(0, 2)).toEqual([
      "new/place/package.json",
      "new/place/tsconfig.json",
    ]);
  });

  test("a file in the way of the folder is said", () => {
    writeFileSync(join(folder, "place"), "");
    expect(() => make("tally", join(folder, "place"))).toThrow(/place is no folder\./);
    expect(everything()).toEqual(["place"]);
  });
});
