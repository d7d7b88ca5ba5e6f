import { type ChildProcess, fork, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import type { Command } from "./command-server.ts";

export const root: string = resolve(import.meta.dirname, "../..");
const entry = join(root, "scenarios/softbar.ts");
const server = join(root, "test/threads/command-server.ts");
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

/**
 * Command lines one after the other in one process, for what is not about the process: to start one is nearly all that
 * most of them would take. A process that a command has ended is followed by another.
 */
export class CommandProcess {
  #child: ChildProcess | undefined;
  #last: Promise<unknown> = Promise.resolve();

  run(words: readonly string[], { cwd = root, env = {} }: Omit<StartOptions, "file"> = {}): Promise<Run> {
    const run = this.#last.then(() => this.#answer({ words, cwd, env }));
    this.#last = run;
    return run;
  }

  close(): void {
    this.#child?.disconnect();
    this.#child = undefined;
  }

  #answer(command: Command): Promise<Run> {
    this.#child ??= fork(server, { cwd: root, stdio: ["ignore", "ignore", "pipe", "ipc"] });
    const child = this.#child;
    return new Promise((settle) => {
      let stderr = "";
      const hang = setTimeout(() => child.kill("SIGKILL"), HANG_MS);
      const onDeath = (text: string): void => {
        stderr += text;
      };
      const end = (run: Run): void => {
        clearTimeout(hang);
        child.stderr?.off("data", onDeath);
        child.off("message", onAnswer).off("close", onClose);
        settle(run);
      };
      const onAnswer = (run: unknown): void => end(run as Run);
      const onClose = (code: number | null): void => {
        this.#child = undefined;
        end({ code, stdout: "", stderr });
      };
      child.stderr?.setEncoding("utf8").on("data", onDeath);
      child.on("message", onAnswer).on("close", onClose);
      child.send(command);
    });
  }
}
