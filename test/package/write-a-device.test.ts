import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { InstalledProject, root } from "./installed-project.ts";

/**
 * docs/write-a-device.md, done as a reader does it: files written, patches applied and commands run from top to bottom in a
 * project that has installed the package. Each output on the page is the one that was printed.
 */

const page = readFileSync(join(root, "docs/write-a-device.md"), "utf8");

interface Block {
  readonly kind: string;
  /** What the block is about: "file=squarer.ts". */
  readonly file: string;
  readonly isPart: boolean;
  readonly text: string;
}

const blocks: readonly Block[] = [...page.matchAll(/^```(\S*)(?: file=(\S+))?( part)?\n([\s\S]*?)^```$/gm)].map(
  ([, kind = "", file = "", part, text = ""]) => ({ kind, file, isPart: part !== undefined, text }),
);

let project: InstalledProject;
beforeAll(async () => {
  project = await InstalledProject.make();
});
afterAll(() => project?.remove());

/** Times are the machine's. */
function timeless(text: string): string {
  return text.replace(/\b[\d.,]+ (?:ns|µs|ms|s)\b/g, "TIME").trim();
}

async function runCommand(line: string, expected: string | undefined): Promise<void> {
  const [npx, tool, ...words] = line.trim().split(" ");
  expect(npx).toBe("npx");
  if (tool === "vitest") {
    const report = await project.vitest(words);
    const failures = report.testResults.flatMap(({ message, assertionResults }) => [
      message,
      ...assertionResults.flatMap(({ failureMessages }) => failureMessages),
    ]);
    expect(report, `${line}\n${failures.join("\n")}`).toMatchObject({
      success: true,
      numPendingTests: 0,
      numTodoTests: 0,
    });
    expect(report.numPassedTests).toBeGreaterThan(1);
    expect(expected).toBeUndefined();
    return;
  }
  expect(tool).toBe("softbar");
  const ended = await project.softbar(words);
  expect(ended.stderr, line).toBe("");
  // What is not shown has to be in order.
  if (expected === undefined) expect(ended, line).toMatchObject({ code: 0 });
  else expect(timeless(ended.stdout), line).toBe(timeless(expected));
}

function patch(file: string, difference: string): void {
  const lines = (sign: string): string =>
    difference
      .split("\n")
      .filter((line) => line.startsWith(sign))
      .map((line) => line.slice(1))
      .join("\n");
  const path = join(project.folder, file);
  const before = readFileSync(path, "utf8");
  expect(before.split(lines("-"))).toHaveLength(2);
  writeFileSync(path, before.replace(lines("-"), lines("+")));
}

test("the page was read", () => {
  expect(blocks.length).toBe((page.match(/^```/gm) ?? []).length / 2);
  expect(new Set(blocks.map(({ kind }) => kind))).toEqual(new Set(["ts", "sh", "text", "diff"]));
});

test("everything on the page is so", async () => {
  for (const [index, { kind, file, isPart, text }] of blocks.entries()) {
    const next = blocks[index + 1];
    if (kind === "ts" && isPart) expect(readFileSync(join(project.folder, file), "utf8")).toContain(text);
    else if (kind === "ts") writeFileSync(join(project.folder, file), text);
    else if (kind === "diff") patch(file, text);
    else if (kind === "text") expect(blocks[index - 1]?.kind, text).toBe("sh");
    else {
      const commands = text.trim().split("\n");
      // An output is that of one command.
      if (next?.kind === "text") expect(commands).toHaveLength(1);
      for (const line of commands) await runCommand(line, next?.kind === "text" ? next.text : undefined);
    }
  }
});

test("the compiler takes all that is on it", async () => {
  // The options that `softbar new device` writes where there is no project yet.
  const empty = `${project.folder}-empty`;
  try {
    expect(await project.softbar(["new", "device", "other", "--dir", empty])).toMatchObject({ code: 0 });
    cpSync(join(empty, "tsconfig.json"), join(project.folder, "tsconfig.json"));
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
  expect(await project.tsc(".")).toMatchObject({ code: 0, stdout: "" });
});
