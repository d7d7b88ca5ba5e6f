import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { Script } from "node:vm";
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

async function runInProject(
  path: string,
  [command = "", ...args]: string[],
): Promise<{ stdout: string; stderr: string }> {
  return run(command, args, { cwd: project, env: environment(path), timeout: 60_000 });
}

/** The command that npm has put into the project. By npx, which takes half a second longer, it is started once or twice. */
const softbar = (path: string, words: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
  runInProject(path, [join(project, "node_modules/.bin/softbar"), ...words]);

async function inProject(path: string, ...command: string[]): Promise<string> {
  return (await runInProject(path, command)).stdout;
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
  writeFileSync(join(project, "one-frame.js"), oneFrameScript);
  writeFileSync(join(project, "no-driver.ts"), "export const driver: number = 1;\n");
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

/**
 * One frame each way through a card in a worker thread, written for the oldest Node: a project's own driver in a few
 * registers, so that nothing of this repository's drivers is needed.
 */
const oneFrameScript = `
import { frames, plugIn } from "softbar";
import { ixgbe } from "softbar/devices";

const RING_BYTES = 128;
const bed = await plugIn(ixgbe());
try {
  const { pci } = bed;
  const bar = pci.bar(0);
  const set = (offset, bits) => bar.write32(offset, (bar.read32(offset) | bits) >>> 0);
  const until = (what, isSo) => {
    for (const endNs = pci.cpu.nowNs() + 10e9; !isSo(); pci.cpu.relax()) {
      if (pci.cpu.nowNs() > endNs) throw new Error("no " + what);
    }
  };
  pci.config.setBusMaster(true);
  set(0x042a0, 1 << 12);
  until("link", () => (bar.read32(0x042a4) & (1 << 30)) !== 0);
  set(0x05080, 0x700);
  const ring = (base, label) => {
    const memory = pci.dma.alloc(RING_BYTES, { label });
    bar.write32(base, memory.iovaLow >>> 0);
    bar.write32(base + 4, memory.iovaHigh >>> 0);
    bar.write32(base + 8, RING_BYTES);
    return memory;
  };
  const [rx, tx] = [ring(0x01000, "rx ring"), ring(0x06000, "tx ring")];
  const [into, from] = [pci.dma.alloc(2048), pci.dma.alloc(2048)];
  bar.write32(0x02100, 2 | (4 << 8) | (1 << 25));
  set(0x01028, 1 << 25);
  until("receive queue", () => (bar.read32(0x01028) & (1 << 25)) !== 0);
  rx.write32(0, into.iovaLow >>> 0);
  rx.write32(4, into.iovaHigh >>> 0);
  bar.write32(0x01018, 1);
  set(0x03000, 1);
  set(0x04a80, 1);
  set(0x06028, 1 << 25);
  until("transmit queue", () => (bar.read32(0x06028) & (1 << 25)) !== 0);

  const [out, back] = frames(2, { minByteLength: 60, maxByteLength: 60 });
  from.copyFrom(0, out, 0, out.length);
  tx.write32(0, from.iovaLow >>> 0);
  tx.write32(4, from.iovaHigh >>> 0);
  tx.write32(8, (out.length | (3 << 20) | (1 << 24) | (1 << 25) | (1 << 27) | (1 << 29)) >>> 0);
  tx.write32(12, (out.length << 14) >>> 0);
  bar.write32(0x06018, 1);
  until("completion", () => (tx.readAcquire32(12) & 1) !== 0);
  bed.wire.send(back);
  until("frame", () => (rx.readAcquire32(8) & 1) !== 0);
  await bed.quiesce();

  const sent = bed.wire.sent[0];
  const received = into.bytes.slice(0, rx.read16(12) - (rx.read16(12) > back.length ? 4 : 0));
  console.log(JSON.stringify({
    sent: sent.length,
    isSent: Buffer.compare(sent, out) === 0,
    received: received.length,
    isReceived: Buffer.compare(received, back) === 0,
    violations: bed.violations.map((found) => found.message),
  }));
} finally {
  await bed.close();
}
`;

/** The same for the compiler: our declarations must not ask the user for types that only this repository has. */
const smokeTypes = `
import * as softbar from "softbar";
import * as conformance from "softbar/conformance";
import * as devices from "softbar/devices";
import * as emulator from "softbar/emulator";
import * as scenarios from "softbar/scenarios";

export const names: string[] = [softbar, conformance, devices, emulator, scenarios].flatMap((module) => Object.keys(module));
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
    expect((await softbar(path, ["--help"])).stdout).toContain("replay");
  });

  test("a card in a thread of its own sends a frame and receives one", async ({ skip }) => {
    const reason = await unavailable();
    if (reason !== undefined) skip(reason);

    const seen: unknown = JSON.parse(await inProject(path, "node", "one-frame.js"));
    expect(seen).toEqual({ sent: 60, isSent: true, received: 60, isReceived: true, violations: [] });
  });

  test("a driver in C, as WebAssembly, comes along to be tried without a compiler, and is searched", async ({
    skip,
  }) => {
    const reason = await unavailable();
    if (reason !== undefined) skip(reason);

    const own = "node_modules/softbar";
    expect(existsSync(join(project, own, "harness/wasm/include/softbar.h"))).toBe(true);
    for (const build of ["ixgbe", "ixgbe-mapped"]) {
      const words = ["run", `${own}/scenarios/drivers/c/${build}.wasm`, "--loopback", "--json"];
      const report: unknown = JSON.parse((await softbar(path, words)).stdout);
      expect(report).toMatchObject({ outcome: "passed", counters: { txFrames: 1000 }, violations: [] });
    }
    const words = ["explore", `${own}/dist/scenarios/explorations/ixgbe-c.js`, "--runs", "20", "--json"];
    const searched: unknown = JSON.parse((await softbar(path, words)).stdout);
    expect(searched).toMatchObject({ verdict: "passed", runs: 60 });
  });

  test("the command line replays a session into the reference driver", async ({ skip }) => {
    const reason = await unavailable();
    if (reason !== undefined) skip(reason);

    const words = ["replay", "--frames", "500", "--report", "run.html"];
    const { stdout, stderr } = await softbar(path, words);
    expect(stderr).toBe("");
    // The page's script, which the source has as TypeScript, is JavaScript that stands by itself.
    const page = readFileSync(join(project, "run.html"), "utf8");
    const [, script = ""] = /<script type="module">([\s\S]*)<\/script>/.exec(page) ?? [];
    expect(script).toContain("class TimelineView");
    new Script(`"use strict";\n${script}`);
    expect(stdout).toMatch(/500 sent +500 delivered +0 dropped +none unaccounted for/);
    // What it says to go on with is what works in this project.
    expect(stdout).toMatch(/your capture +npx softbar replay session\.pcap --speed recorded/);
    const json = await softbar(path, ["replay", "--frames", "500", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ sentCount: 500, deliveredCount: 500, balance: { holds: true } });
  });

  test("the command line finds a race, with the token that the source gives it", async ({ skip }) => {
    const reason = await unavailable();
    if (reason !== undefined) skip(reason);

    // One whose source the compiler writes in another way: parentheses, types.
    const words = ["explore", "acknowledge-all", "--json"];
    const failed = await softbar(path, words).catch((error: unknown) => error);
    const inSource = await run(process.execPath, [join(root, "scenarios/softbar.ts"), ...words]).catch(
      (e: unknown) => e,
    );
    const [there, here] = [failed, inSource].map((end) => JSON.parse((end as { stdout: string }).stdout));
    expect(there).toMatchObject({ verdict: "violation", failure: { token: here.failure.token } });
    expect(there.replay).toBe(`npx softbar rerun ${there.failure.token}`);
    const again = await runInProject(path, there.replay.split(" ")).catch((error: unknown) => error);
    expect(again).toMatchObject({ code: 1, stdout: expect.not.stringContaining("source has changed") });
  });

  test("a driver in TypeScript runs, or its user is told in a sentence what he needs", async ({ skip }) => {
    const reason = await unavailable();
    if (reason !== undefined) skip(reason);

    const words = ["replay", "--frames", "500", "--driver", "no-driver.ts"];
    const failed = await softbar(path, words).catch((error: { code: number; stderr: string }) => error);
    expect(failed).toMatchObject({ code: 2 });
    const sentence =
      major === "20"
        ? /Node 20[.\d]+ runs no TypeScript; take Node 22\.18 or later \(in a project: npm i -D node@24\)/
        : /is no driver module/;
    expect(failed.stderr).toMatch(sentence);
    expect(failed.stderr).toMatch(/^softbar: [^\n]+\.\n$/);
  });

  test("the README's driver is searched as a user would", async ({ skip }) => {
    const reason = await unavailable();
    if (reason !== undefined) skip(reason);

    const readme = readFileSync(join(project, "node_modules/softbar/README.md"), "utf8");
    for (const name of ["edu-driver.ts", "my-race.ts"]) {
      const [, rest = ""] = readme.split(`\`\`\`ts\n// ${name}\n`);
      writeFileSync(join(project, name), rest.split("```")[0] ?? "");
    }
    const words = ["explore", "my-race.ts", "--runs", "50", "--save", `kept-${major}`];
    const ended = await softbar(path, words).catch((error: { stderr: string }) => error);
    if (major === "20") expect(ended.stderr).toMatch(/^softbar: my-race\.ts: .*npm i -D node@24[^\n]*\n$/);
    else expect(ended).toMatchObject({ stderr: "", stdout: expect.stringContaining("✓ passed") });
    // Nothing was found, or nothing was loaded: there is nothing to keep.
    expect(existsSync(join(project, `kept-${major}`))).toBe(false);
  });

  test("a device of the user's own is made from what was packed", async ({ skip }) => {
    const reason = await unavailable();
    if (reason !== undefined) skip(reason);

    const words = ["new", "device", `card-${major}`, "--dir", "cards", "--json"];
    const made: { files: string[] } = JSON.parse((await softbar(path, words)).stdout);
    expect(made.files.length).toBe(readdirSync(join(root, "templates/device")).length);
    for (const file of made.files) expect(existsSync(file), file).toBe(true);
    expect(existsSync(join(project, "node_modules/softbar/docs/write-a-device.md"))).toBe(true);
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
