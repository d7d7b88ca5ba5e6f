import { type ChildProcess, spawn } from "node:child_process";
import { join, resolve } from "node:path";

export const root: string = resolve(import.meta.dirname, "../..");
const entry = join(root, "scenarios/softbar.ts");
/** Longer than any limit of the command line itself: what runs into it hangs. */
const HANG_MS = 15_000;

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly file?: string;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** The command line in a process of its own. */
export function start(
  words: readonly string[],
  options: StartOptions = {},
): { child: ChildProcess; run: Promise<Run> } {
  const { file = entry, cwd = root, env } = options;
  return watch(
    spawn(process.execPath, [file, ...words], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: HANG_MS,
      cwd,
      env: { ...process.env, ...env },
    }),
  );
}

export function watch(child: ChildProcess): { child: ChildProcess; run: Promise<Run> } {
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const run = new Promise<Run>((settle) => child.on("close", (code) => settle({ code, stdout, stderr })));
  return { child, run };
}
