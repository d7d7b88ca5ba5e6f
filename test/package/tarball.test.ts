import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/**
 * The package as its user gets it: packed, installed into an empty project, started on the oldest and on the current
 * Node. What only works from source (a worker ending in `.ts`, a file that `files` forgot) shows here and nowhere else.
 */

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const packageJson: { name: string; version: string } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

let folder = "";
let tarball = "";
let project = "";

/** The user's folders on the PATH: without ours, `node` is the system's. */
const systemPath = (process.env.PATH ?? "")
  .split(delimiter)
  .filter((entry) => !entry.includes("node_modules"))
  .join(delimiter);

/** Our own npm leaves its settings in the environment; a user's npm would not see them. */
function environment(path: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_OPTIONS|INIT_CWD)/i.test(name));
  return { ...Object.fromEntries(own), PATH: path };
}

async function inProject(path: string, command: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(command, args, { cwd: project, env: environment(path), timeout: 60_000 });
  return stdout;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "softbar-package-"));
  project = join(folder, "project");
  mkdirSync(project);

  // `npm pack` builds first (prepack), on the Node that runs this test.
  await run("npm", ["pack", "--pack-destination", folder], { cwd: root, timeout: 60_000 });
  tarball = join(folder, `${packageJson.name}-${packageJson.version}.tgz`);
  expect(existsSync(tarball)).toBe(true);

  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  await inProject(systemPath, "npm", "install", tarball, "--prefer-offline", "--no-audit", "--no-fund");
  writeFileSync(join(project, "smoke.js"), smokeScript);
  writeFileSync(join(project, "smoke.ts"), smokeTypes);
});

afterAll(() => {
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

/** What runs inside the user's project. It prints one line of JSON. */
const smokeScript = `
import * as softbar from "softbar";
import * as devices from "softbar/devices";

console.log(JSON.stringify({
  node: process.versions.node,
  softbar: Object.keys(softbar).length,
  devices: Object.keys(devices).length,
}));
`;

/** The same for the compiler: our declarations must not ask the user for types that only this repository has. */
const smokeTypes = `
import * as softbar from "softbar";
import * as devices from "softbar/devices";
import * as emulator from "softbar/emulator";

export const names: string[] = [softbar, devices, emulator].flatMap((module) => Object.keys(module));
`;

const nodes = [
  {
    label: "Node 24, on which it is developed",
    major: "24",
    path: [join(root, "node_modules/.bin"), systemPath].join(delimiter),
  },
  { label: "Node 20, the oldest that it supports", major: "20", path: systemPath },
];

describe.for(nodes)("$label", ({ major, path }) => {
  /** The reason to skip, or undefined. Only the system's own Node can be another one than we need. */
  async function unavailable(): Promise<string | undefined> {
    const version = (await inProject(path, "node", "--version").catch(() => "none")).trim();
    return version.startsWith(`v${major}.`) ? undefined : `needs Node ${major} on the PATH, found ${version}`;
  }

  test("the command line starts", async ({ skip }) => {
    const reason = await unavailable();
    if (reason !== undefined) skip(reason);

    // `--no`: a missing `bin` must fail here and not fetch somebody's package of that name.
    expect((await inProject(path, "npx", "--no", "--", "softbar", "--version")).trim()).toBe(packageJson.version);
    expect(await inProject(path, "npx", "--no", "--", "softbar", "--help")).toContain("replay");
  });

  test("the library can be imported and used", async ({ skip }) => {
    const reason = await unavailable();
    if (reason !== undefined) skip(reason);

    const seen: { node: string; softbar: number; devices: number } = JSON.parse(
      await inProject(path, "node", "smoke.js"),
    );
    expect(seen.node.split(".")[0]).toBe(major);
    expect(seen.softbar).toBeGreaterThan(0);
    expect(seen.devices).toBeGreaterThan(0);
  });
});

test("a user's compiler accepts the declarations, libraries included", async () => {
  const typeRoots = join(root, "node_modules/@types");
  const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "false"];
  const lib = ["--lib", "es2023,es2024.sharedmemory,esnext.disposable", "--typeRoots", typeRoots, "--types", "node"];
  const tsc = join(root, "node_modules/.bin/tsc");

  // tsc prints its findings on stdout and exits with a code that makes execFile reject; the findings are the message.
  const findings = await inProject(systemPath, tsc, ...options, ...lib, "smoke.ts").catch(
    (e: { stdout: string }) => e.stdout,
  );
  expect(findings).toBe("");
});

test("publint finds nothing", async () => {
  const bytes = readFileSync(tarball);
  const { messages, pkg } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
    strict: true,
  });
  expect(messages.map((message) => formatMessage(message, pkg ?? packageJson))).toEqual([]);
});
