import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { type CampaignResult, runCampaign } from "../../harness/explore/campaign.ts";
import type { ExploredBed } from "../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import { frames } from "../../harness/frames.ts";
import { plugIn } from "../../harness/plug-in.ts";
import { runWasm } from "../../harness/wasm/run-wasm.ts";
import type { WasmDriver, WasmDriverState } from "../../harness/wasm/wasm-driver.ts";
import { WasmProgram } from "../../harness/wasm/wasm-program.ts";
import { root } from "./command-line.ts";

/** What needs a compiler: that the built drivers are those of the sources, and searches of drivers with and without a barrier. */

const run = promisify(execFile);
/** A compiler and a search take seconds, on a machine that does nothing else. */
const LIMIT_MS = 60_000;
vi.setConfig({ testTimeout: LIMIT_MS });
/** The version that the checked-in drivers were built with. */
const BUILT_WITH = 14;
const version = clangVersion();
const missing = "clang and lld are not installed (Debian: clang lld make)";
let folder = "";

function clangVersion(): number {
  try {
    execFileSync("wasm-ld", ["--version"], { stdio: "ignore" });
    execFileSync("make", ["--version"], { stdio: "ignore" });
    const text = execFileSync("clang", ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return Number(/version (\d+)/.exec(text)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

async function make(sources: string, words: readonly string[]): Promise<void> {
  await run("make", ["-C", join(root, sources), ...words], { timeout: LIMIT_MS });
}

/** 400 schedules of the weakest model, the set-up restored before each. */
async function searched(
  nic: WasmProgram,
  setup: (driver: WasmDriver) => void,
  body: (bed: ExploredBed, driver: WasmDriver) => void,
  cure: boolean = true,
): Promise<CampaignResult> {
  const exploration = {
    setup(bed: ExploredBed) {
      const driver = nic.attach(bed.pci);
      setup(driver);
      return driver;
    },
    save: (driver: WasmDriver) => driver.save(),
    restore: (driver: WasmDriver, state: unknown) => driver.restore(state as WasmDriverState),
    body,
  };
  const device = await loadDevice(ixgbe({ linkUpNs: 0 }));
  const session = new PluggedSession([device], exploration, { ownMemory: nic.ownMemory });
  return runCampaign(session, { program: nic.name, sourceHash: "0", models: ["relaxed"], runs: 400, seed: 1, cure });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "softbar-c-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("the checked-in drivers are what the sources make, to the byte", async ({ skip }) => {
  if (version === 0) skip(missing);
  if (version !== BUILT_WITH) skip(`clang ${version} makes other bytes than clang ${BUILT_WITH}`);
  await make("scenarios/drivers/c", [`BUILD=${folder}`]);
  for (const name of ["ixgbe", "ixgbe-mapped", "ixgbe-traced"]) {
    const path = join(root, "scenarios/drivers/c", `${name}.wasm`);
    expect(readFileSync(join(folder, `${name}.wasm`)).equals(readFileSync(path)), name).toBe(true);
  }
});

describe("the driver in C is searched", () => {
  const numbered = (number: number): Uint8Array => {
    const frame = new Uint8Array(60 + 4 * number);
    frame.fill(0xff, 0, 6);
    frame.set([0x88, 0xb5, 0, 0, number], 12);
    return frame;
  };
  const search = async (file: string): Promise<CampaignResult> =>
    searched(
      await WasmProgram.load(file),
      (driver) => driver.call("nic_open", 8, 0, 3),
      (bed, driver) => {
        for (let number = 0; number < 2; number++) bed.wire.send(numbered(number));
        driver.call("nic_receive", 2);
      },
    );

  test("with its barriers nothing is found", async () => {
    const result = await search(join(root, "scenarios/drivers/c/ixgbe-traced.wasm"));
    expect(result).toMatchObject({ end: "runs", runs: 400, unknown: 0 });
  });

  test("without dma_rmb it is found, and named with the line of the read that overtakes", async ({ skip }) => {
    if (version === 0) skip(missing);
    const built = join(folder, "without");
    await run("mkdir", ["-p", built]);
    await make("scenarios/drivers/c", [
      `BUILD=${built}`,
      "EXTRA=-DIXGBE_WITHOUT_DMA_RMB",
      `${built}/ixgbe-traced.wasm`,
    ]);
    const { failure } = await search(join(built, "ixgbe-traced.wasm"));
    const line = lineOf("scenarios/drivers/c/ixgbe.c", "sb_load32(descriptor + RXD_LENGTH)");
    expect(failure).toMatchObject({ model: "relaxed", cure: `dmaRmb before the read at ixgbe.c:${line}` });
    expect(failure?.picture).toMatch(/rx ring\+0x[0-9a-f]+ → \d+ +ixgbe\.c:\d+/);
  });
});

describe("a driver that knows nothing of softbar, covered by the compiler", () => {
  const FRAMES = frames(2, { minByteLength: 60, maxByteLength: 80 });

  const load = async (name: string): Promise<WasmProgram> => WasmProgram.load(join(folder, `${name}.wasm`));
  const search = async (name: string, cure?: boolean): Promise<CampaignResult> =>
    searched(
      await load(name),
      (driver) => driver.call("open"),
      (bed, driver) => {
        for (const frame of FRAMES) bed.wire.send(frame);
        for (const frame of FRAMES) {
          const got = driver.bytes(driver.call("frame_at"), driver.call("receive"));
          if (Buffer.compare(got, frame) !== 0)
            throw new Error(`${got.length} bytes arrived instead of ${frame.length}`);
        }
      },
      cure,
    );

  beforeAll(async () => {
    if (version > 0) await make("test/fixtures/c", [`BUILD=${folder}`]);
  }, LIMIT_MS);

  test.for(["folded", "threaded"] as const)(
    "%s: its loads and stores of registers are exact, and it receives",
    async (way, { skip }) => {
      if (version === 0) skip(missing);
      const nic = await load("plain");
      await using bed = await plugIn(ixgbe({ linkUpNs: 0 }), { ownMemory: nic.ownMemory, run: way });
      const driver = nic.attach(bed.pci);
      driver.call("open");
      for (const frame of FRAMES) {
        bed.wire.send(frame);
        const byteLength = driver.call("receive");
        expect(Buffer.from(driver.bytes(driver.call("frame_at"), byteLength))).toEqual(Buffer.from(frame));
      }
      // A counter that the read clears: the first of two loads has taken it.
      expect([driver.call("counted"), driver.call("counted")]).toEqual([FRAMES.length, 0]);
      expect(driver.call("interrupted")).toBe(1);
      expect(bed.violations).toEqual([]);
      expect(() => driver.call("trap")).toThrow(
        `plain.wasm: trapped: unreachable, in trap (glue.c:${lineOf("test/fixtures/c/glue.c", "__builtin_trap")})`,
      );
    },
  );

  test("with its fences nothing is found, without one it is, with its line", async ({ skip }) => {
    if (version === 0) skip(missing);
    expect(await search("plain")).toMatchObject({ end: "runs", runs: 400, unknown: 0 });
    const { failure } = await search("plain-without-fence");
    const line = lineOf("test/fixtures/c/plain.c", ".done.length");
    expect(failure).toMatchObject({ model: "relaxed", cure: `dmaRmb before the read at plain.c:${line}` });
  });

  test("whose each descriptor is, is known: one that is the card's is not written to", async ({ skip }) => {
    if (version === 0) skip(missing);
    const { failure } = await search("plain-arms-another", false);
    expect(failure?.violation).toMatch(
      /Store of 4 bytes to .*, in receive descriptor 2 of receive queue 0, which RDT\(0\) 0x01018 has handed over/,
    );
    expect(failure?.violation).toContain(` At plain.c:${lineOf("test/fixtures/c/plain.c", ".read.address =")}.`);
  });
});

test("a driver in C++, by the flags of the documentation, makes its objects once", async ({ skip }) => {
  if (version === 0) return skip(missing);
  const page = readFileSync(join(root, "docs/foreign-drivers.md"), "utf8");
  const [, flags = ""] = /```sh\nclang ([\s\S]*?) -o driver\.wasm driver\.c/.exec(page) ?? [];
  const include = "node_modules/softbar/harness/wasm/include";
  expect(flags).toContain(`-I ${include} `);
  const source = join(folder, "objects.cpp");
  writeFileSync(
    source,
    `#include <softbar.h>
    struct Counter { int value; Counter() { sb_log("made"); value = 1; } };
    static Counter counter;
    extern "C" { SB_EXPORT(count) int count(void) { return counter.value++; } }`,
  );
  const words = flags.replace(include, join(root, "harness/wasm/include")).split(/[\s\\]+/);
  await run("clang++", [...words, "-fno-exceptions", "-o", join(folder, "objects.wasm"), source]);
  const program = await WasmProgram.load(join(folder, "objects.wasm"));
  expect(program.functionNames).toEqual(["count"]);
  const lines: string[] = [];
  await using bed = await plugIn(edu(), { run: "folded", ownMemory: program.ownMemory });
  const driver = program.attach(bed.pci, { log: (line) => lines.push(line) });
  expect([driver.call("count"), driver.call("count")]).toEqual([1, 2]);
  expect(lines).toEqual(["made"]);
  // A search sets it back to where the set-up has ended, its objects too.
  const kept = driver.save();
  expect(driver.call("count")).toBe(3);
  driver.restore(kept);
  expect(driver.call("count")).toBe(3);
  expect(lines).toEqual(["made"]);
});

test("the driver in Rust is built by Debian's rustc, and computes and copies", async ({ skip }) => {
  const rustc = "/usr/bin/rustc";
  if (version === 0 || !existsSync(rustc) || !existsSync("/usr/lib/rustlib/wasm32-unknown-unknown"))
    skip("rustc for wasm32 is not installed (Debian: rustc libstd-rust-dev-wasm32 lld)");
  await make("scenarios/drivers/rust", [`BUILD=${folder}`, `RUSTC=${rustc}`]);
  const report = await runWasm({ file: join(folder, "edu.wasm"), device: edu() });
  expect(report).toMatchObject({ outcome: "passed", counters: { factorials: 1, transfers: 2 }, violations: [] });
});

/** The line of a source, from 1, that contains a text. */
function lineOf(path: string, text: string): number {
  return (
    readFileSync(join(root, path), "utf8")
      .split("\n")
      .findIndex((line) => line.includes(text)) + 1
  );
}
