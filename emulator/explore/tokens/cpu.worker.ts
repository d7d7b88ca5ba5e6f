/** The thread of one CPU of an explored program: loads its function, and runs it each time the engine says so. */
import { workerData } from "node:worker_threads";
import type { CpuWorkerData, CpuWrapper } from "./cpu-worker.ts";
import {
  BROKEN,
  COMMAND,
  ENGINE,
  GONE,
  IDLE,
  NOT_LOADED,
  REPORT,
  RETURNED,
  RUN,
  THREW,
  TokenPage,
  WORKER,
} from "./token-page.ts";
import { BrokenAssertion, RUN_IS_OVER, WorkerCpu } from "./worker-cpu.ts";

type Program = (cpu: WorkerCpu, argument: unknown) => unknown;

/** How long one wait for the next run lasts, before it begins again. */
const SLICE_MS = 60_000;

const { buffer, moduleUrl, exportName, argument, wrapper } = workerData as CpuWorkerData;
const page = new TokenPage(buffer);
/** False once the module could not be loaded: that has been said, and the end of the thread says nothing more. */
let isServing = true;

// A program that ends its thread holds the token: without this nobody would ever get it back.
process.once("exit", () => {
  if (isServing && page.turn === WORKER) report(GONE, "its thread has ended");
});

try {
  const module = (await import(moduleUrl)) as Record<string, unknown>;
  const program = module[exportName];
  if (typeof program !== "function") throw new TypeError(`it has no function "${exportName}" to run`);
  serve(wrapper === undefined ? (program as Program) : await wrapped(program, wrapper));
} catch (error) {
  isServing = false;
  report(NOT_LOADED, textOf(error));
}

/** A program that does not know that it is explored, as one that does. */
async function wrapped(program: unknown, { moduleUrl, data }: CpuWrapper): Promise<Program> {
  const module = (await import(moduleUrl)) as { readonly default: (program: unknown, data: unknown) => Program };
  return module.default(program, data);
}

/** For as long as the thread lives. */
function serve(program: Program): never {
  const state = WorkerCpu.createState();
  report(IDLE, "");
  for (;;) {
    while (!page.waitFor(WORKER, SLICE_MS)) {
      // No run is under way.
    }
    if (page.words[COMMAND] !== RUN) {
      report(IDLE, "");
      continue;
    }
    try {
      const { text } = page;
      const returned = program(new WorkerCpu(page, state), text === "" ? argument : JSON.parse(text));
      if (returned instanceof Promise) throw new TypeError("it returned a promise: a CPU in a worker is not async");
      report(RETURNED, "");
    } catch (error) {
      if (error === RUN_IS_OVER) report(RETURNED, "");
      else if (error instanceof BrokenAssertion) report(BROKEN, error.message);
      else report(THREW, textOf(error));
    }
  }
}

function report(what: number, text: string): void {
  page.text = text;
  page.words[REPORT] = what;
  page.handTo(ENGINE);
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
