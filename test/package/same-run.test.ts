import { execFile } from "node:child_process";
import { existsSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/**
 * The same token is the same run, to the last step: a thousand times over, and on each Node that is supported. The search
 * that makes the tokens is the same everywhere too. Compiled, because Node 20 runs no TypeScript.
 */

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const REPEATS = 1000;

interface Repeated {
  readonly name: string;
  readonly model: string;
  readonly token: string;
  readonly hash: string;
  readonly differing: number;
}

/** Where another Node may be: named by the environment, or on the PATH behind our own. */
const otherNodes: readonly string[] = [
  ...(process.env.SOFTBAR_NODES ?? "").split(delimiter),
  ...(process.env.PATH ?? "")
    .split(delimiter)
    .filter((entry) => !entry.includes("node_modules"))
    .map((entry) => join(entry, "node")),
].filter((path) => path !== "" && existsSync(path));

let folder = "";
const results = new Map<string, readonly Repeated[]>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "softbar-same-run-"));
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      declaration: false,
      isolatedDeclarations: false,
      rootDir: root,
      outDir: join(folder, "out"),
      typeRoots: [join(root, "node_modules/@types")],
    },
    include: ["emulator", "devices", "harness", "scenarios", "test/litmus/repeats.ts"].map((path) => join(root, path)),
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  await run(join(root, "node_modules/.bin/tsc"), ["-p", join(folder, "tsconfig.json")]);
});

afterAll(() => {
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

async function versionOf(node: string): Promise<string> {
  return (await run(node, ["--version"])).stdout.trim();
}

/** The path of a Node of this major version, or undefined. */
async function find(major: string): Promise<string | undefined> {
  for (const path of [process.execPath, ...otherNodes])
    if ((await versionOf(path)).startsWith(`v${major}.`)) return path;
  return undefined;
}

async function repeatOn(node: string): Promise<readonly Repeated[]> {
  const done = results.get(node);
  if (done !== undefined) return done;
  const script = join(folder, "out/test/litmus/repeats.js");
  const { stdout } = await run(node, [script, "--json", "--repeats", String(REPEATS)]);
  const repeated: readonly Repeated[] = JSON.parse(stdout);
  results.set(node, repeated);
  return repeated;
}

describe.for(["20", "22", "24"])("Node %s", (major) => {
  test(`replays each token ${REPEATS} times alike, and as our own Node does`, async ({ skip }) => {
    const node = await find(major);
    if (node === undefined) return skip(`needs Node ${major} on the PATH or in SOFTBAR_NODES`);

    const repeated = await repeatOn(node);
    expect(repeated.length).toBeGreaterThan(20);
    for (const { name, model, differing } of repeated) expect(differing, `${name}, ${model}`).toBe(0);
    // Token by token and hash by hash.
    expect(repeated).toEqual(await repeatOn(process.execPath));
  });
});
