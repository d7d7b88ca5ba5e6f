import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { announcedPlace, placeText, wasmPlace } from "../wasm/wasm-frames.ts";

/** Frames of a stack that are looked through: a driver's own layers included. */
const STACK_DEPTH = 60;
/** Node's own code. */
const NODE = /(^|[ (])node:/;
/** softbar's own side of an access. */
const OWN = /[\\/](emulator|harness)[\\/](explore|driver|faults|run|pcie|sanitize|trace|wasm)[\\/]/;
/** Where a driver's access enters it. What lies above on the stack is the machine and its devices. */
const ENTRANCE =
  /[\\/]emulator[\\/](driver[\\/]|sanitize[\\/](watched|sampled)-|explore[\\/]plugged[\\/]explored-(cpu|link|buffer))/;
const PLACE = /\(?((?:file:\/\/)?\/[^()]+?|[A-Za-z]:\\[^()]+?):(\d+):\d+\)?$/;

/** The line of the driver, or of the test, that makes the access under way: "drivers/ixgbe.ts:287"; empty when none is found. */
export function driverLine(): string {
  if (announcedPlace() !== "") return announcedPlace();
  const frames = stackFrames();
  const entrance = frames.findIndex((frame) => ENTRANCE.test(frame));
  for (const frame of frames.slice(entrance + 1)) {
    const inWasm = wasmPlace(frame);
    if (inWasm !== undefined) return placeText(inWasm);
    const place = PLACE.exec(frame.trim());
    if (place === null) continue;
    const [, file = "", line = ""] = place;
    if (OWN.test(file) || NODE.test(frame)) continue;
    const path = file.startsWith("file://") ? fileURLToPath(file.replace(/\?.*$/, "")) : file;
    return `${relative(process.cwd(), path)}:${line}`;
  }
  return "";
}

/** The same for a finding: "" where no driver is on the stack, as it is the device's own time. */
export function findingLine(): string {
  return stackFrames().some((frame) => ENTRANCE.test(frame)) ? driverLine() : "";
}

function stackFrames(): string[] {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_DEPTH;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = before;
  return stack.split("\n").slice(1);
}
