/**
 * Intel's shared code for the 82599, out of DPDK's sources and unmodified, is compiled to WebAssembly and drives the simulated
 * card: everything that it can do with one, a thousand frames, and a search. For a Debian or its like with clang, lld, make.
 *
 * npm run intel-base [FOLDER]      what it fetches and builds is kept in the folder, by default in the user's cache
 */

import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { IxgbeOptions } from "../devices/ixgbe/index.ts";
import { WasmProgram } from "../harness/wasm/wasm-program.ts";
import { type CardRun, runOnce, search } from "./intel-base/card-runs.ts";
import { fetchSharedCode } from "./intel-base/fetch.ts";
import { build, canBuild, sharedCode, sharedCodeCache } from "./intel-base/shared-code.ts";

const CARDS: readonly (readonly [string, IxgbeOptions])[] = [
  ["82599ES, optical module", {}],
  ["82599ES, dual-rate module", { module: "dual-rate-sr" }],
  ["82599ES, direct-attach cable", { module: "direct-attach" }],
  ["82599 KX4, backplane", { deviceId: 0x10f7 }],
];
/** What is called, whether all of it is something that the card does, and what it is. */
const ENTRIES: readonly (readonly [string, boolean, string])[] = [
  ["sb_main", true, "a thousand frames"],
  ["sb_tour", true, "the tour"],
  ["sb_beyond", false, "what the card does not do"],
];
const SEARCH = { runs: 1000, seed: 1 } as const;

const say = (line: string): void => console.log(line);

function told(name: string, { result, functionCount, readCount, writeCount, registerCount, ...found }: CardRun): void {
  const counts = `${functionCount} functions, ${readCount} reads and ${writeCount} writes of ${registerCount} registers`;
  const findings = `${found.violations.length} violations, ${found.notes.length} notes`;
  say(`  ${name.padEnd(28)} ${result === 0 ? "" : `returned ${result}; `}${counts}; ${findings}`);
  for (const { message } of found.violations) say(`      ${message}`);
}

async function runs(folder: string): Promise<boolean> {
  const program = await WasmProgram.load(join(folder, "intel-base.wasm"));
  let isGood = true;
  for (const [entry, isQuiet, about] of ENTRIES) {
    say(`${about} (${entry})`);
    for (const [name, card] of CARDS) {
      const run = await runOnce(program, card, entry);
      told(name, run);
      isGood &&= run.result === 0 && run.violations.length === 0 && (!isQuiet || run.notes.length === 0);
    }
  }
  return isGood;
}

async function searches(folder: string): Promise<boolean> {
  say("a search, relaxed memory model: receive, send, close while frames arrive");
  const whole = await search(await WasmProgram.load(join(folder, "intel-base-covered.wasm")), {
    ...SEARCH,
    closes: true,
  });
  say(`  as it is: ${whole.failure?.violation ?? `nothing found in ${whole.runs} schedules`}`);
  const lacking = await search(await WasmProgram.load(join(folder, "without-rmb.wasm")), { ...SEARCH, closes: false });
  say(`  without the barrier behind DD: ${lacking.failure?.cure ?? "nothing found"}, schedule ${lacking.runs}`);
  return whole.failure === undefined && lacking.failure !== undefined;
}

if (!canBuild()) throw new Error("clang, wasm-ld and make are wanted (Debian: clang lld make)");
const folder = resolve(process.argv[2] ?? sharedCodeCache());
const shared = sharedCode(folder) ?? (await fetchSharedCode(folder, say));
say(`Intel's shared code, ${shared.release}`);
const built = join(folder, "build");
// What was built of other sources is not what make would look for.
rmSync(built, { recursive: true, force: true });
await build(shared, built);
const isGood = await runs(built);
process.exitCode = (await searches(built)) && isGood ? 0 : 1;
