import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const readme = readFileSync(resolve(root, "README.md"), "utf8");

/** What a user writes, by what stands for it in this repository. */
const SPECIFIERS: readonly (readonly [string, string])[] = [
  ["../../devices/index.ts", "softbar/devices"],
  ["../../harness/index.ts", "softbar"],
  ["../../scenarios/drivers/ixgbe.ts", "./my-driver.ts"],
  ["./readme-driver.ts", "./edu-driver.ts"],
];

/** Code of the README by the file name in its first line, and the file that runs here. */
const SHOWN: readonly (readonly [string, string])[] = [
  ["edu-driver.ts", "readme-driver.ts"],
  ["edu.test.ts", "readme-example.test.ts"],
  ["ixgbe.test.ts", "readme-wire.test.ts"],
  ["my-replay.ts", "readme-replay.driver.ts"],
];

test.each(SHOWN)("%s in the README is what runs", (name, file) => {
  const begin = `\`\`\`ts\n// ${name}\n`;
  const [, rest = ""] = readme.split(begin);
  const [shown = ""] = rest.split("```");
  let run = readFileSync(resolve(root, "test/threads", file), "utf8");
  for (const [here, theirs] of SPECIFIERS) run = run.replaceAll(`"${here}"`, `"${theirs}"`);
  // Import order is the linter's here and the reader's there.
  const lines = (text: string): string[] => text.trim().split("\n").sort();
  expect(lines(shown)).toEqual(lines(run));
});

/** The README is in the package too, where a link to what is not packed would be dead. */
test("every file that the README links to is there, and packed", () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => path as string);
  expect(links.length).toBeGreaterThan(3);
  const { files }: { files: string[] } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"));
  const packed = new Set(files.flatMap((pattern) => globSync(pattern, { cwd: root })));
  for (const path of links) {
    expect(() => readFileSync(resolve(root, path)), path).not.toThrow();
    const isPacked = packed.has(path) || [...packed].some((folder) => path.startsWith(`${folder}/`));
    expect(isPacked, path).toBe(true);
  }
});
