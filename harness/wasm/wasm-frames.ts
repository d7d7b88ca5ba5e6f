import type { DebugLines, SourceLine } from "./debug-lines.ts";

/** "at nic_rx (wasm://wasm/nic-3f2a:wasm-function[12]:0x2f3)": the number is an offset in the file. */
const FRAME = /^at (?:(.+) \()?wasm:\/\/wasm\/[^()]*:wasm-function\[(\d+)\]:0x([0-9a-f]+)\)?$/;
/** softbar's own side of an access, compiled into the driver: see include/. */
const OWN_FILE = /(^|[\\/])softbar(-trace)?\.(c|h|rs)$/;
const OWN_FUNCTION = /^__sanitizer_cov_/;

/** A place in a driver's code. */
export interface WasmPlace {
  /** By the name section; "function 12" without one. */
  readonly functionName: string;
  readonly source: SourceLine | undefined;
}

/** Where to look up the frames of the driver that is running: of one thread there is one at a time. */
let current: { readonly lines: DebugLines; readonly codeOffset: number } | undefined;

/** The place of an access that is made later than the instruction; empty when there is none. */
let announced = "";

/** Names the driver that is about to run in this thread. */
export function enterWasm(lines: DebugLines, codeOffset: number): void {
  current = { lines, codeOffset };
}

/** The place of a line of a stack; undefined when it is not WebAssembly, or softbar's own part of a driver. */
export function wasmPlace(frame: string): WasmPlace | undefined {
  const found = FRAME.exec(frame.trim());
  if (found === null) return undefined;
  const [, name = "", index = "", offset = ""] = found;
  const source = current?.lines.at(Number.parseInt(offset, 16) - current.codeOffset);
  if (OWN_FUNCTION.test(name) || OWN_FILE.test(source?.file ?? "")) return undefined;
  return { functionName: name === "" ? `function ${index}` : demangled(name), source };
}

/** "core::panicking::panic_fmt" for what Rust makes of it; other names are as they are. */
function demangled(name: string): string {
  const [, inner] = /^_ZN(.+)17h[0-9a-f]{16}E$/.exec(name) ?? [];
  if (inner === undefined) return name;
  const parts: string[] = [];
  for (let rest = inner; rest !== ""; ) {
    const digits = /^\d+/.exec(rest)?.[0];
    if (digits === undefined) return name;
    parts.push(rest.slice(digits.length, digits.length + Number(digits)));
    rest = rest.slice(digits.length + Number(digits));
  }
  return parts.join("::");
}

/** "nic.c:123", or what is known of it. */
export function placeText({ functionName, source }: WasmPlace): string {
  return source === undefined ? functionName : `${source.file}:${source.line}`;
}

/** The place in the driver that has made the call under way, or empty. */
export function callerPlace(): string {
  for (const frame of (new Error().stack ?? "").split("\n")) {
    const place = wasmPlace(frame);
    if (place !== undefined) return placeText(place);
  }
  return "";
}

/** Does some work whose accesses belong to an earlier place. */
export function atPlace(place: string, work: () => void): void {
  announced = place;
  try {
    work();
  } finally {
    announced = "";
  }
}

/** See {@link atPlace}. */
export function announcedPlace(): string {
  return announced;
}

/** "nic_rx (nic.c:123), called by sb_main (main.c:20)"; empty when the stack shows no WebAssembly. */
export function callChain(stack: string): string {
  const texts = stack.split("\n").flatMap((frame) => {
    const place = wasmPlace(frame);
    if (place === undefined) return [];
    return place.source === undefined ? place.functionName : `${place.functionName} (${placeText(place)})`;
  });
  return texts.join(", called by ");
}
