import { execFile, execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import {
  BAR0_BYTE_LENGTH,
  DMA_COMMAND,
  DMA_COUNT,
  DMA_DESTINATION,
  DMA_SOURCE,
  START,
  TO_HOST,
} from "../../devices/edu/registers.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { Libc } from "../../harness/native/libc.ts";
import * as layout from "../../harness/shm/shm-layout.ts";
import { ShmServer } from "../../harness/shm/shm-server.ts";
import { root } from "./command-line.ts";

const run = promisify(execFile);
/** Address of the edu card's own buffer. */
const BUFFER = 0x4_0000;
const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "softbar-shm-"));
const driver = join(folder, "driver");
let missing: string | undefined;

/** The driver in C that is compiled to WebAssembly elsewhere, here as a process of its own. */
beforeAll(async () => {
  if ((await Libc.load()) === undefined) missing = "koffi is not installed, or this is no 64-bit Linux";
  const [native, source] = [join(root, "harness/shm/include"), join(root, "scenarios/drivers/c")];
  const words = ["-O2", "-Wall", "-Wextra", "-Werror", "-I", native, "-I", source, "-o", driver];
  const files = [join(source, "ixgbe.c"), join(source, "main.c"), join(native, "softbar-main.c")];
  try {
    execFileSync("cc", [...words, ...files], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    missing = "there is no C compiler (cc)";
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

test("a driver in C sends and receives by shared memory; one that is killed leaves the device to the next", {
  timeout: 60_000,
}, async ({ skip }) => {
  if (missing !== undefined) return skip(missing);
  const place = join(folder, "card");
  await using server = await ShmServer.start(ixgbe(), place, { loopback: true });
  const send = (...words: string[]): ReturnType<typeof run> => run(driver, [place, ...words], { timeout: 30_000 });
  const { stdout } = await send("--set", "frames=2000");
  // The driver checks number, length and order of each frame that comes back, and fails at the first that is wrong.
  expect(stdout).toMatch(/^up: 02:00:00:82:59:90, rings of 512\n2000 frames in \d+ us\n$/);
  const counters = async (): Promise<Record<string, number>> => (await server.statistics())[0]?.counters ?? {};
  expect(await counters()).toMatchObject({ txFrames: 2000, rxDelivered: 2000 });

  const victim = spawn(driver, [place, "--set", "frames=1000000000"], { stdio: ["ignore", "pipe", "ignore"] });
  await new Promise((resolve) => victim.stdout.once("data", resolve));
  // Whoever comes meanwhile is told who has it.
  await expect(send()).rejects.toThrow(new RegExp(`process ${victim.pid} has the device in ${place}`));
  for (let tries = 0; (await counters()).txFrames === 2000 && tries < 500; tries++) await sleepMs(10);
  const ended = new Promise((resolve) => victim.once("exit", resolve));
  victim.kill("SIGKILL");
  await ended;
  const before = await counters();
  await send("--set", "frames=500", "--set", "lengths=0");
  const after = await counters();
  expect((after.rxDelivered ?? 0) - (before.rxDelivered ?? 0)).toBeGreaterThanOrEqual(500);
  expect(server.violations).toEqual([]);
  for (let tries = 0; (await server.clients()).clientCount < 3 && tries < 100; tries++) await sleepMs(10);
  expect(await server.clients()).toEqual({ clientCount: 3, lostCount: 1 });

  // A second server would take the memory away under the first one and its drivers.
  await expect(ShmServer.start(ixgbe(), place)).rejects.toThrow(`${place} is served already`);
  await send("--set", "frames=100");

  // A driver hears that its server has ended.
  const orphan = spawn(driver, [place, "--set", "frames=1000000000"], { stdio: ["ignore", "pipe", "pipe"] });
  await new Promise((resolve) => orphan.stdout.once("data", resolve));
  const words: Buffer[] = [];
  orphan.stderr.on("data", (chunk: Buffer) => words.push(chunk));
  const over = new Promise((resolve) => orphan.once("exit", resolve));
  await server.close();
  await over;
  expect(Buffer.concat(words).toString()).toBe(
    `the server of ${place} has ended, and the device with it: start \`softbar serve\` anew, and this driver\n`,
  );
  await expect(send()).rejects.toThrow(/control: No such file or directory/);
});

test("header and process are C of any age, and the header is C++ too", async ({ skip }) => {
  if (missing !== undefined) return skip(missing);
  const include = join(root, "harness/shm/include");
  const strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", include];
  for (const standard of ["c99", "c11", "gnu17"])
    execFileSync("cc", [`-std=${standard}`, ...strict, join(include, "softbar-main.c")]);
  const source = join(folder, "driver.c");
  writeFileSync(source, '#include <softbar.h>\nvoid *memory(void) { return sb_dma_alloc(64, 64, "ring"); }\n');
  execFileSync("cc", ["-std=c99", ...strict, source]);
  try {
    execFileSync("c++", ["-std=c++11", "-x", "c++", ...strict, source]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return skip("there is no C++ compiler (c++)");
    throw error;
  }
});

test("a card that drives few address bits finds the memory at an address that it can drive", async ({
  skip,
  onTestFinished,
}) => {
  const libc = await Libc.load();
  if (libc === undefined) return skip("koffi is not installed, or this is no 64-bit Linux");
  const place = join(folder, "edu");
  await expect(ShmServer.start(edu(), place, { dmaBytes: 2 ** 28 })).rejects.toThrow(
    "edu drives 28 address bits: it reaches 251658240 bytes of memory, not 268435456",
  );
  await using server = await ShmServer.start(edu(), place, { dmaBytes: 1 << 20 });
  expect(server.limits[0]).toMatch(/^edu BAR0 is mapped as raw memory/);
  const [control, bar, dma] = [
    ["control", layout.CONTROL_BYTES] as const,
    ["bar0", BAR0_BYTE_LENGTH] as const,
    ["dma", 1 << 20] as const,
  ].map(([name, byteLength]) => mapped(libc, join(place, name), byteLength)) as [Int32Array, Int32Array, Int32Array];
  const base = control[layout.DMA_BASE_LOW] as number;
  expect([base, control[layout.DMA_BASE_HIGH]]).toEqual([2 ** 24, 0]);
  // A client asks for the card first, and then copies a word to the card and back. Without its lock it would be taken for dead.
  const descriptor = openSync(join(place, "control"), "r+");
  onTestFinished(() => closeSync(descriptor));
  expect(libc.lock(descriptor, layout.CLIENT_LOCK)).toBe(true);
  Atomics.store(control, layout.CLIENT, process.pid);
  Atomics.store(control, layout.REQUEST, 1);
  await until(() => Atomics.load(control, layout.REQUEST) === 0);
  dma[0] = 0x600d_cafe | 0;
  const copy = async (from: number, to: number, command: number): Promise<void> => {
    Atomics.store(bar, DMA_SOURCE.at() >> 2, from);
    Atomics.store(bar, DMA_DESTINATION.at() >> 2, to);
    Atomics.store(bar, DMA_COUNT.at() >> 2, 4);
    Atomics.store(bar, DMA_COMMAND.at() >> 2, command);
    await until(() => (Atomics.load(bar, DMA_COMMAND.at() >> 2) & START.mask) === 0);
  };
  await copy(base, BUFFER, START.mask);
  await copy(BUFFER, base + 64, START.mask | TO_HOST.mask);
  expect(dma[16]).toBe(0x600d_cafe | 0);
  expect(server.violations).toEqual([]);
});

test("what is no device's folder is not touched, and nothing is left of one that ended", async ({ skip }) => {
  if (missing !== undefined) return skip(missing);
  const place = join(folder, "other");
  const server = await ShmServer.start(ixgbe(), place);
  expect(readdirSync(place).sort()).toEqual(["bar0", "control", "dma"]);
  await server.close();
  expect(existsSync(place)).toBe(false);
  mkdirSync(place);
  await (await ShmServer.start(ixgbe(), place)).close();
  expect(readdirSync(place)).toEqual([]);
  writeFileSync(join(place, "thesis.tex"), "precious");
  await expect(ShmServer.start(ixgbe(), place)).rejects.toThrow(
    /holds thesis\.tex, which is not a device's; it is not touched/,
  );
  await expect(run(driver, [place])).rejects.toThrow(
    /control: No such file or directory\. `softbar serve DEVICE --shm/,
  );
});

function mapped(libc: Libc, path: string, byteLength: number): Int32Array {
  const descriptor = openSync(path, "r+");
  try {
    return new Int32Array(libc.mapFile(descriptor, 0, byteLength, true).buffer);
  } finally {
    closeSync(descriptor);
  }
}

/** Five seconds at most. */
async function until(isSo: () => boolean): Promise<void> {
  for (let naps = 0; naps < 5000; naps++) {
    if (isSo()) return;
    await sleepMs(1);
  }
  throw new Error("it did not come");
}

function sleepMs(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
