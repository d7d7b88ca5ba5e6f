import { globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
/** The README and the pages that it leads to, by path. */
const PAGES: readonly (readonly [string, string])[] = ["README.md", ...globSync("docs/*.md", { cwd: root })].map(
  (path) => [path, readFileSync(resolve(root, path), "utf8")] as const,
);
const pages = PAGES.map(([, text]) => text).join("\n");

/** What a user writes, by what stands for it in this repository. */
const SPECIFIERS: readonly (readonly [string, string])[] = [
  ["../../devices/index.ts", "softbar/devices"],
  ["../../harness/index.ts", "softbar"],
  ["../../scenarios/drivers/ixgbe.ts", "./my-driver.ts"],
  ["./readme-driver.ts", "./edu-driver.ts"],
];

/** Code of the pages by the file name in its first line, and the file that runs here. */
const SHOWN: readonly (readonly [string, string])[] = [
  ["edu-driver.ts", "readme-driver.ts"],
  ["edu.test.ts", "readme-example.test.ts"],
  ["ixgbe.test.ts", "readme-wire.test.ts"],
  ["my-replay.ts", "readme-replay.driver.ts"],
];

test.each(SHOWN)("%s in the documentation is what runs", (name, file) => {
  const begin = `\`\`\`ts\n// ${name}\n`;
  const [, rest = "", more] = pages.split(begin);
  expect(more).toBeUndefined();
  const [shown = ""] = rest.split("```");
  let run = readFileSync(resolve(root, "test/threads", file), "utf8");
  for (const [here, theirs] of SPECIFIERS) run = run.replaceAll(`"${here}"`, `"${theirs}"`);
  // Import order is the linter's here and the reader's there.
  const lines = (text: string): string[] => text.trim().split("\n").sort();
  expect(lines(shown)).toEqual(lines(run));
});

/** The pages are in the package too, where a link to what is not packed would be dead. */
test.each(PAGES)("every file that %s links to is there, and packed", (page, text) => {
  const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => join(dirname(page), path as string));
  const { files }: { files: string[] } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"));
  const packed = new Set(files.flatMap((pattern) => globSync(pattern, { cwd: root })));
  for (const path of links) {
    expect(() => readFileSync(resolve(root, path)), path).not.toThrow();
    const isPacked =
      path === "README.md" || packed.has(path) || [...packed].some((folder) => path.startsWith(`${folder}/`));
    expect(isPacked, path).toBe(true);
  }
});

test("the README leads to every page", () => {
  const [[, readme = ""] = []] = PAGES;
  expect(PAGES.map(([path]) => path).filter((path) => path !== "README.md" && !readme.includes(`](${path})`))).toEqual(
    [],
  );
});
