import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { limitUnderDebugger } from "../../emulator/run/debugger.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { frames } from "../frames.ts";
import { plugIn } from "../plug-in.ts";
import type { Testbed } from "../testbed.ts";
import { WasmProgramError } from "./wasm-errors.ts";
import { runOnCpu } from "./wasm-job.ts";
import { WasmProgram } from "./wasm-program.ts";

const LIMIT_MS = 30_000;
const TRAFFIC_STEP_MS = 1;
/** Different frames of the traffic; they come again and again. */
const TRAFFIC_FRAMES = 64;

export interface WasmRunOptions {
  /** Path or URL of the driver. */
  readonly file: string | URL;
  readonly device: DeviceSpec;
  /** The function that is the driver's whole run; what it returns is 0 when all is well. Default "sb_main". */
  readonly entry?: string;
  /** For sb_option. */
  readonly options?: Readonly<Record<string, number>>;
  /** A plug that joins wire port 0 to itself: what the card sends comes back. */
  readonly isLoopback?: boolean;
  /** Frames of traffic that come from outside each second, from the beginning to the driver's end. Default 0. */
  readonly trafficPerSecond?: number;
  readonly clock?: "wall" | "virtual";
  /** How long the driver may take. Default 30,000. */
  readonly limitMs?: number;
  readonly signal?: AbortSignal;
}

/** How a run has ended. */
export interface WasmRunReport {
  readonly driver: string;
  readonly device: string;
  /** How the driver reaches registers and memory: see softbar.h. */
  readonly access: "trapped" | "mapped" | "traced" | "covered";
  readonly outcome: "passed" | "failed" | "stuck" | "interrupted";
  /** What the entry returned; null when it did not return. */
  readonly result: number | null;
  /** What it has thrown, with its place in the source; empty when it has returned. */
  readonly error: string;
  readonly durationMs: number;
  /** Frames that came from outside, and that left through a port without a cable. */
  readonly framesIn: number;
  readonly framesOut: number;
  /** The device's own counters that are not 0. */
  readonly counters: Readonly<Record<string, number>>;
  readonly violations: readonly Finding[];
  readonly notes: readonly Finding[];
}

/**
 * Runs a driver in WebAssembly against a device, each in a thread of its own. Rejects with {@link WasmProgramError} for what
 * is no driver, with DeviceStuckError or DeviceGoneError for a device that fails; what the driver does wrong is in the report.
 */
export async function runWasm(options: WasmRunOptions): Promise<WasmRunReport> {
  const { file, device, entry = "sb_main" } = options;
  const program = await WasmProgram.load(file);
  if (!program.functionNames.includes(entry)) throw noEntry(program, entry);
  await using bed = await plugIn(device, {
    ownMemory: program.ownMemory,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.isLoopback === true
      ? {
          cables: [
            [
              [0, 0],
              [0, 0],
            ],
          ] as const,
        }
      : {}),
    sentFrames: "count",
  });
  const traffic = new Traffic(bed, options.trafficPerSecond ?? 0);
  const start = performance.now();
  let end: RunEnd;
  try {
    end = await untilEnd(runOnCpu(bed.cpu(1), program, entry, [], options.options ?? {}), options);
  } finally {
    traffic.stop();
  }
  const durationMs = performance.now() - start;
  if (end.outcome === "passed") await bed.quiesce();
  // A card that a driver has left in the midst of something may never come to rest: that is not what went wrong.
  else if (end.outcome === "failed") await bed.quiesce().catch(() => {});
  const [statistics] = await bed.statistics();
  const violations = [...bed.violations];
  return {
    driver: program.name,
    device: device.name,
    access: accessOf(program),
    ...end,
    outcome: end.outcome === "passed" && violations.length > 0 ? "failed" : end.outcome,
    durationMs,
    framesIn: traffic.sentCount,
    framesOut: statistics?.sentFrameCount ?? 0,
    counters: Object.fromEntries(Object.entries(statistics?.counters ?? {}).filter(([, count]) => count !== 0)),
    violations,
    notes: [...bed.notes],
  };
}

type RunEnd = Pick<WasmRunReport, "outcome" | "result" | "error">;

async function untilEnd(running: Promise<number>, { limitMs = LIMIT_MS, signal }: WasmRunOptions): Promise<RunEnd> {
  // Whoever loses the race below is stopped with the testbed.
  running.catch(() => {});
  const waits = new AbortController();
  try {
    return await Promise.race([
      running.then(returned, failed),
      after(limitUnderDebugger(limitMs), waits.signal).then((): RunEnd => {
        const error = `it has not returned within ${limitMs / 1000} s`;
        return { outcome: "stuck", result: null, error };
      }),
      aborted(signal, waits.signal).then((): RunEnd => ({ outcome: "interrupted", result: null, error: "" })),
    ]);
  } finally {
    waits.abort();
  }
}

function returned(result: number): RunEnd {
  return { outcome: result === 0 ? "passed" : "failed", result, error: "" };
}

/** What a driver does wrong is its run's end. What the testbed throws is thrown on. */
function failed(error: Error): RunEnd {
  if (error.name === "WasmProgramError") throw new WasmProgramError(error.message, { cause: error });
  if (error.name !== "WasmDriverError") throw error;
  return { outcome: "failed", result: null, error: error.message };
}

function after(durationMs: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (durationMs === Number.POSITIVE_INFINITY) return;
    const timer = setTimeout(resolve, durationMs);
    stop.addEventListener("abort", () => clearTimeout(timer));
  });
}

function aborted(signal: AbortSignal | undefined, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    signal?.addEventListener("abort", () => resolve(), { signal: stop });
  });
}

function accessOf(program: WasmProgram): WasmRunReport["access"] {
  if (program.isCovered) return "covered";
  if (program.isTraced) return "traced";
  return program.imports.has("map_bar") ? "mapped" : "trapped";
}

function noEntry(program: WasmProgram, entry: string): WasmProgramError {
  const names = program.functionNames;
  const has = names.length === 0 ? "it exports no function" : `it exports ${names.join(", ")}`;
  return new WasmProgramError(
    `${program.name} has no function ${entry} to run; ${has}: SB_EXPORT(${entry}) int32_t ${entry}(void) { … }`,
  );
}

/** Frames that come whether somebody is there for them or not, as on a real wire. */
class Traffic {
  sentCount = 0;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(bed: Testbed, perSecond: number) {
    if (perSecond === 0) return;
    const { wire } = bed;
    const traffic = frames(TRAFFIC_FRAMES);
    const start = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - start) / 1000) * perSecond);
      for (; this.sentCount < due; this.sentCount++) wire.send(traffic[this.sentCount % TRAFFIC_FRAMES] as Uint8Array);
    }, TRAFFIC_STEP_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
