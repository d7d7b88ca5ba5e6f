/**
 * Runs command lines one after the other, each as a process of its own would: what it writes is collected, and it has
 * ended when nothing is left that would keep a process alive. What differs is that modules are loaded once.
 */
import { main } from "../../harness/cli/main.ts";
import { CATALOGUE } from "../../scenarios/catalogue.ts";
import type { Run } from "./command-line.ts";

export interface Command {
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What Node ends with when a promise that is awaited can be settled by nobody any more. */
const EXIT_UNSETTLED = 13;
const RACES = new URL("../../scenarios/races/index.ts", import.meta.url).href;

let added: readonly string[] = [];
let isRunning = false;
let run = { code: EXIT_UNSETTLED as number | null, stdout: "", stderr: "" };

process.stdout.write = collect((text) => (run.stdout += text));
process.stderr.write = collect((text) => (run.stderr += text));

process.on("message", async ({ words, cwd, env }: Command) => {
  run = { code: EXIT_UNSETTLED, stdout: "", stderr: "" };
  isRunning = true;
  process.chdir(cwd);
  // Assigned one by one: threads get a copy of the process's own, not of an object in its place.
  Object.assign(process.env, env);
  added = Object.keys(env);
  // From here on it is the command alone that keeps this process alive.
  process.channel?.unref();
  run.code = await main(words, CATALOGUE, RACES);
});

// Whoever asked is gone: nobody would end a command that hangs.
process.on("disconnect", () => process.exit());

process.on("beforeExit", () => {
  if (!isRunning) return;
  isRunning = false;
  process.stdout.removeAllListeners("error");
  for (const name of added) delete process.env[name];
  process.channel?.ref();
  process.send?.(run satisfies Run);
});

function collect(take: (text: string) => void): typeof process.stdout.write {
  const decoder = new TextDecoder();
  return (chunk: string | Uint8Array, ...rest: unknown[]) => {
    take(typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }));
    const done = rest.at(-1);
    if (typeof done === "function") process.nextTick(done);
    return true;
  };
}
