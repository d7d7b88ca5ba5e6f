import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { KeptStack } from "../../emulator/run/findings.ts";
import { announcedPlace, placeText, wasmPlace } from "../wasm/wasm-frames.ts";

/** Frames of a stack that are looked through: a driver's own layers included. */
const STACK_DEPTH = 60;
/** Node's own code. */
const NODE = /(^|[ (])node:/;
/** What runs the tests. */
const RUNNER = /[\\/]node_modules[\\/]@?vitest[\\/]/;
/** softbar's own side of an access. */
const OWN = /[\\/](emulator|harness)[\\/](explore|driver|faults|run|pcie|sanitize|trace|wasm)[\\/]/;
/** Where a driver's access enters it. What lies above on the stack is the machine and its devices. */
const ENTRANCE =
  /[\\/]emulator[\\/](driver[\\/]|sanitize[\\/](watched|sampled)-|explore[\\/]plugged[\\/]explored-(cpu|link|buffer))/;
const PLACE = /\(?((?:file:\/\/)?\/[^()]+?|[A-Za-z]:\\[^()]+?):(\d+):\d+\)?$/;

/** Lines that a finding's was called from. */
const CALLER_COUNT = 4;

/** The line of the driver, or of the test, that makes the access under way: "drivers/ixgbe.ts:287"; empty when none is found. */
export function driverLine(): string {
  return driverLines(1, keepStack())[0] ?? "";
}

/** The lines that {@link driverLine} was called from, innermost first, up to the test's own. */
export function driverCallers(kept: KeptStack = keepStack()): string[] {
  return driverLines(1 + CALLER_COUNT, kept).slice(1);
}

/** The same for a finding: "" where no driver is on the stack, as it is the device's own time. */
export function findingLine(kept: KeptStack = keepStack()): string {
  return framesOf(kept).some((frame) => ENTRANCE.test(frame)) ? (driverLines(1, kept)[0] ?? "") : "";
}

/** The stack under way, for the functions above to read later. */
export function keepStack(): KeptStack {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_DEPTH;
  const stack = new Error();
  Error.stackTraceLimit = before;
  return { stack, announced: announcedPlace() };
}

function driverLines(limit: number, kept: KeptStack): string[] {
  if (kept.announced !== "") return [kept.announced];
  const frames = framesOf(kept);
  const entrance = frames.findIndex((frame) => ENTRANCE.test(frame));
  const lines: string[] = [];
  for (const frame of frames.slice(entrance + 1)) {
    const line = lineOf(frame);
    if (line !== "") lines.push(line);
    if (lines.length === limit) break;
  }
  return lines;
}

/** The line of a frame that is neither Node's, nor a package's, nor softbar's side of an access. */
function lineOf(frame: string): string {
  const inWasm = wasmPlace(frame);
  if (inWasm !== undefined) return placeText(inWasm);
  const place = PLACE.exec(frame.trim());
  if (place === null) return "";
  const [, file = "", line = ""] = place;
  if (OWN.test(file) || RUNNER.test(file) || NODE.test(frame)) return "";
  const path = file.startsWith("file://") ? fileURLToPath(file.replace(/\?.*$/, "")) : file;
  return `${relative(process.cwd(), path)}:${line}`;
}

function framesOf({ stack: { stack = "" } }: KeptStack): string[] {
  return stack.split("\n").slice(1);
}
