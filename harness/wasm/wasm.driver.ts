/** A driver module whose driver is a program in WebAssembly: loaded by URL, into the thread of a CPU. */
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { TestbedError } from "../../emulator/run/testbed-error.ts";
import type { WasmJob } from "./wasm-job.ts";
import { WasmProgram } from "./wasm-program.ts";

export default function run([pci]: readonly PciFunction[], { program, call, words, options }: WasmJob): number {
  if (pci === undefined) throw new TestbedError("no device is plugged in");
  return new WasmProgram(program).attach(pci, { options }).call(call, ...words);
}
