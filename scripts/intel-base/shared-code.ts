import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { guestCacheFolder } from "../../harness/vm/guest-files.ts";

/**
 * Intel's shared code for the 82599: written once for all operating systems, and published in DPDK's sources among others.
 * Nothing of it is in this repository.
 */

const run = promisify(execFile);
const PROGRAM: string = fileURLToPath(new URL("../../scenarios/drivers/intel-base", import.meta.url));
const BUILD_LIMIT_MS = 300_000;
/** In the cache folder, when all of the sources are there. */
export const COMPLETE = "complete.json";
/** Below it, where the sources are. */
export const SOURCES = "drivers/net/ixgbe/base";

/** Where it is, and what it was published as. */
export interface SharedCode {
  readonly folder: string;
  /** "dpdk 22.11.11-0+deb12u1". */
  readonly release: string;
}

/** Where `npm run intel-base` keeps it. */
export function sharedCodeCache(): string {
  return join(guestCacheFolder(), "../intel-base");
}

/** The shared code in the folder that SOFTBAR_INTEL_BASE names, or else in the cache; undefined when it is in neither. */
export function sharedCode(cache: string = sharedCodeCache()): SharedCode | undefined {
  const { SOFTBAR_INTEL_BASE: folder } = process.env;
  if (folder !== undefined && folder !== "") {
    if (existsSync(join(folder, "ixgbe_82599.c"))) return { folder: resolve(folder), release: "of SOFTBAR_INTEL_BASE" };
    throw new Error(`SOFTBAR_INTEL_BASE is ${folder}, where there is no ixgbe_82599.c: want DPDK's ${SOURCES}`);
  }
  const listed = join(cache, COMPLETE);
  if (!existsSync(listed)) return undefined;
  const { release } = JSON.parse(readFileSync(listed, "utf8")) as { release: string };
  return { folder: join(cache, SOURCES), release };
}

/** Whether clang, lld and make are here. */
export function canBuild(): boolean {
  try {
    for (const name of ["clang", "wasm-ld", "make"]) execFileSync(name, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Builds what the Makefile beside the porting layer makes of it: intel-base.wasm and others. Rejects with the compiler's words. */
export async function build({ folder }: SharedCode, into: string): Promise<void> {
  await run("make", ["-s", "-C", PROGRAM, `SHARED=${folder}`, `BUILD=${into}`], { timeout: BUILD_LIMIT_MS });
}
