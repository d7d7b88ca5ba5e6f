import { TestbedError } from "../../emulator/run/testbed-error.ts";
import type { TestbedCpu } from "../testbed.ts";
import type { WasmProgram, WasmProgramData } from "./wasm-program.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const WASM_DRIVER = new URL(`./wasm.driver${EXTENSION}`, import.meta.url);

/** Memories in which a program runs. */
const taken = new WeakSet<SharedArrayBuffer>();

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
 * `ownMemory`. Resolves with what it returns. Rejects with an error named WasmDriverError when it traps or gives up. A
 * program has one stack: while it runs on one CPU it is refused, with TestbedError, on another.
 *
 * ```ts
 * expect(await runOnCpu(bed.cpu(1), nic, "sb_main")).toBe(0);
 * ```
 */
export async function runOnCpu(
  cpu: TestbedCpu,
  program: WasmProgram,
  call: string,
  words: readonly number[] = [],
  options: Readonly<Record<string, number>> = {},
): Promise<number> {
  const { buffer } = program.ownMemory;
  if (taken.has(buffer)) throw new TestbedError(`${program.name} runs on another CPU, and has one stack`);
  const job: WasmJob = { program: program.data, call, words, options };
  taken.add(buffer);
  try {
    return await cpu.run<number>(WASM_DRIVER, job);
  } finally {
    taken.delete(buffer);
  }
}
