import type { TestbedCpu } from "../testbed.ts";
import type { WasmProgram, WasmProgramData } from "./wasm-program.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const WASM_DRIVER = new URL(`./wasm.driver${EXTENSION}`, import.meta.url);

/** What the thread of a CPU does with a program. Structured-cloneable. */
export interface WasmJob {
  readonly program: WasmProgramData;
  /** The exported function, and what it is called with. */
  readonly call: string;
  readonly words: readonly number[];
  /** For sb_option. */
  readonly options: Readonly<Record<string, number>>;
}

/**
 * Runs an exported function of a program on a CPU of a threaded testbed, which was plugged in with the program's
 * `ownMemory`. Resolves with what it returns. Rejects with an error named WasmDriverError when it traps or gives up.
 *
 * ```ts
 * expect(await runOnCpu(bed.cpu(1), nic, "sb_main")).toBe(0);
 * ```
 */
export function runOnCpu(
  cpu: TestbedCpu,
  program: WasmProgram,
  call: string,
  words: readonly number[] = [],
  options: Readonly<Record<string, number>> = {},
): Promise<number> {
  const job: WasmJob = { program: program.data, call, words, options };
  return cpu.run<number>(WASM_DRIVER, job);
}
