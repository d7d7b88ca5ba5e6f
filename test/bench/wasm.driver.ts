/** Driver side of the figures of the driver in C: sends or takes numbered frames by its exported functions. */
import { performance } from "node:perf_hooks";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { WasmProgram, type WasmProgramData } from "../../harness/wasm/wasm-program.ts";

export interface WasmBenchJob {
  readonly program: WasmProgramData;
  readonly direction: "transmit" | "receive";
  readonly frameCount: number;
  readonly warmUpCount: number;
  /** See BlastOptions; receive only. */
  readonly quota: SharedArrayBuffer;
}

const RING_SIZE = 512;

/** Frames per second. A frame that is lost, doubled or overtaken on the way in ends the run. */
export default function runWasmFrames([pci]: readonly PciFunction[], argument: unknown): number {
  if (pci === undefined) throw new Error("no device");
  const { program, direction, frameCount, warmUpCount, quota } = argument as WasmBenchJob;
  const { warn } = console;
  // What raw memory cannot do is said to whoever maps a BAR; each of many rounds need not say it again.
  console.warn = () => {};
  const driver = new WasmProgram(program).attach(pci);
  driver.call("nic_open", RING_SIZE, 0, 0);
  console.warn = warn;
  const move = (count: number): void => {
    if (direction === "receive") Atomics.add(new Int32Array(quota), 0, count);
    driver.call(direction === "receive" ? "nic_receive" : "nic_send", count);
  };
  move(warmUpCount);
  const start = performance.now();
  move(frameCount);
  const seconds = (performance.now() - start) / 1000;
  driver.call("nic_close");
  return frameCount / seconds;
}
