/** The driver in C, as WebAssembly: registers trapped and mapped, sending and receiving, each beside the copy floor. */
import { join } from "node:path";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { createTables, loadDevice } from "../../emulator/run/machine.ts";
import { PACKAGE_ROOT } from "../../harness/new-device/template.ts";
import { ThreadedTestbed } from "../../harness/threaded-testbed.ts";
import { WasmProgram } from "../../harness/wasm/wasm-program.ts";
import { benchModule } from "./bench-module.ts";
import { copyFloor } from "./copy-floor.ts";
import type { SequenceReport } from "./sequence-sink.ts";
import type { WasmBenchJob } from "./wasm.driver.ts";

export interface WasmFigures {
  readonly what: string;
  readonly framesPerSecond: readonly number[];
  readonly floorFramesPerSecond: readonly number[];
  /** Frames that reached the far end, and those whose number did not follow the one before. */
  readonly frameCount: number;
  readonly errorCount: number;
}

const WARM_UP = 1_000_000;
const JOBS = [
  ["transmit", "mapped"],
  ["transmit", "trapped"],
  ["receive", "mapped"],
  ["receive", "trapped"],
] as const;

export async function wasmFigures(rounds: number, frameCount: number): Promise<WasmFigures[]> {
  const figures: WasmFigures[] = [];
  for (const [direction, access] of JOBS) {
    const rates: number[] = [];
    const floors: number[] = [];
    let [frames, errors] = [0, 0];
    for (let round = 0; round < rounds; round++) {
      floors.push(await copyFloor(frameCount));
      const { framesPerSecond, sequence } = await oneRun(direction, access, frameCount);
      rates.push(framesPerSecond);
      frames += sequence.frameCount;
      errors += sequence.errorCount;
    }
    const what = `${direction}, C as WebAssembly, ${access}`;
    figures.push({
      what,
      framesPerSecond: rates,
      floorFramesPerSecond: floors,
      frameCount: frames,
      errorCount: errors,
    });
  }
  return figures;
}

async function oneRun(
  direction: WasmBenchJob["direction"],
  access: "mapped" | "trapped",
  frameCount: number,
): Promise<{ readonly framesPerSecond: number; readonly sequence: SequenceReport }> {
  const file = access === "mapped" ? "ixgbe-mapped.wasm" : "ixgbe.wasm";
  const program = await WasmProgram.load(join(PACKAGE_ROOT, "scenarios/drivers/c", file));
  const quota = new SharedArrayBuffer(8);
  const options = { sentFrames: "count", ownMemory: program.ownMemory } as const;
  const spec = ixgbe();
  const part = (module: string, value: unknown): { moduleUrl: string; options: unknown } => {
    return { moduleUrl: benchModule(module).href, options: value };
  };
  await using bed = await ThreadedTestbed.start([spec], createTables([await loadDevice(spec)], options), options, {
    attachments:
      direction === "transmit" ? [part("sequence-sink", {})] : [part("frame-blaster", { byteLength: 60, quota })],
    openedAt: "in the benchmark",
    notice: () => {},
  });
  const job: WasmBenchJob = { program: program.data, direction, frameCount, warmUpCount: WARM_UP, quota };
  const framesPerSecond = await bed.cpu(1).run<number>(benchModule("wasm.driver"), job);
  await bed.quiesce();
  const [report] = await bed.reports();
  // What came in was checked by the driver, frame by frame.
  const received = { frameCount: frameCount + WARM_UP, errorCount: 0 };
  return { framesPerSecond, sequence: direction === "transmit" ? (report as SequenceReport) : received };
}
