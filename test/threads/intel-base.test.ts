import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { runWasm } from "../../harness/wasm/run-wasm.ts";
import { WasmProgram } from "../../harness/wasm/wasm-program.ts";
import { runOnce, search } from "../../scripts/intel-base/card-runs.ts";
import { build, canBuild, sharedCode } from "../../scripts/intel-base/shared-code.ts";
import { root } from "./command-line.ts";

/**
 * Intel's shared code for the 82599, unmodified, against the simulated card: what it does is no finding, and what a driver
 * around it does wrong is one. It is no part of this repository.
 */

/** A compiler takes seconds, on a machine that does nothing else. */
const LIMIT_MS = 120_000;
vi.setConfig({ testTimeout: LIMIT_MS });
const shared = sharedCode();
const isHere = shared !== undefined && canBuild();
const missing =
  shared === undefined
    ? "Intel's shared code is not here: `npm run intel-base` fetches it, or SOFTBAR_INTEL_BASE names its folder"
    : "clang, lld and make are not installed (Debian: clang lld make)";
let folder = "";

beforeAll(async () => {
  if (!isHere || shared === undefined) return;
  folder = mkdtempSync(join(tmpdir(), "softbar-intel-base-"));
  await build(shared, folder);
}, LIMIT_MS);

afterAll(() => {
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

const load = async (name: string): Promise<WasmProgram> => WasmProgram.load(join(folder, `${name}.wasm`));

describe("Intel's shared code", () => {
  test.for([
    ["an optical module", {}],
    ["an optical module of two rates", { module: "dual-rate-sr" }],
    ["a direct-attach cable", { module: "direct-attach" }],
    ["a backplane", { deviceId: 0x10f7 }],
  ] as const)(
    "brings up a card with %s and does what it can with it; nothing of that is a finding",
    async ([, card], { skip }) => {
      if (!isHere) skip(missing);
      const tour = await runOnce(await load("intel-base"), card, "sb_tour");
      expect([tour.result, tour.violations, tour.notes]).toEqual([0, [], []]);
      // It has not passed over the card: the tables alone are more than a thousand registers.
      expect(tour.registerCount).toBeGreaterThan(1500);
      expect(tour.functionCount).toBeGreaterThan(75);
    },
  );

  test("is told of every feature that it turns on and the card does not have", async ({ skip }) => {
    if (!isHere) skip(missing);
    const { result, violations, notes } = await runOnce(await load("intel-base"), {}, "sb_beyond");
    expect([result, violations]).toEqual([0, []]);
    const features = ["MFLCN.RFCE", "FCCFG.TFCE", "MRQC.MRQE", "MTQC.RT_ENA", "MTQC.NUM_TC_OR_Q"];
    const arbiter = ["RTTDCS.TDPAC", "RTTDCS.TDRM"];
    const told = notes.map(({ place }) => place.split(" ")[0] ?? "");
    const [director, others] = [
      told.filter((place) => place.startsWith("FDIR")),
      told.filter((place) => !place.startsWith("FDIR")),
    ];
    expect(others.sort()).toEqual([...features, ...arbiter].sort());
    // Flow Director, which has registers of its own.
    expect(director).toHaveLength(19);
  });

  test.for([
    [0, "tail-beyond-ring"],
    [1, "ring-changed-while-enabled"],
    [2, "write-during-reset"],
    [3, "read-to-clear-twice"],
    [4, "dma-after-unmap"],
  ] as const)(
    "does not hide what a driver around it does wrong: mistake %i is %s",
    async ([mistake, rule], { skip }) => {
      if (!isHere) skip(missing);
      const { violations, notes } = await runOnce(await load("intel-base"), {}, "sb_mistake", mistake);
      expect(new Set([...violations, ...notes].map((finding) => finding.rule))).toEqual(new Set([rule]));
    },
  );

  test.for([
    ["intel-base", 0],
    ["intel-base", 1],
    ["intel-base-covered", 0],
  ] as const)(
    "carries a thousand frames in a thread of its own: %s, interrupts %i",
    async ([name, interrupts], { skip }) => {
      if (!isHere) skip(missing);
      const file = join(folder, `${name}.wasm`);
      const options = { frames: 1000, interrupts };
      const report = await runWasm({ file, device: ixgbe({ deviceId: 0x10f7 }), isLoopback: true, options });
      expect(report).toMatchObject({ outcome: "passed", violations: [], notes: [] });
      expect(report.counters).toMatchObject({ txFrames: 1000, rxDelivered: 1000 });
    },
  );

  test("is searched, its way down included: with the driver's barrier nothing is found, without it its line is", async ({
    skip,
  }) => {
    if (!isHere) skip(missing);
    const found = await search(await load("intel-base-covered"), { runs: 100, seed: 1, closes: true });
    expect(found).toMatchObject({ end: "runs", runs: 100, unknown: 0 });
    const { failure } = await search(await load("without-rmb"), { runs: 100, seed: 1, closes: false });
    const source = readFileSync(join(root, "scenarios/drivers/intel-base/ixgbe.c"), "utf8").split("\n");
    const line = 1 + source.findIndex((text) => text.includes("wb.upper.length"));
    expect(failure).toMatchObject({ model: "relaxed", cure: `dmaRmb before the read at ixgbe.c:${line}` });
  });
});
