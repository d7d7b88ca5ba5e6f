import type { LinearMemory } from "./linear-memory.ts";
import { WasmDriverError } from "./wasm-errors.ts";

const CONVERSION = /%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d*))?(hh|h|ll|l|z|t|j)?([diuxXocsp%])/g;
/** A wider field is a mistake, and would fill memory with blanks. */
const WIDEST = 4096;

/**
 * What printf would print. `parameters` is where the variable arguments lie, as clang passes them to a WebAssembly import:
 * one after the other in memory, 4 bytes each, 8 aligned to 8 for 64-bit integers.
 */
export function formatted(memory: LinearMemory, format: number, parameters: number): string {
  const view = new DataView(memory.bytes.buffer);
  let at = parameters >>> 0;
  const next32 = (): number => {
    const value = view.getInt32(at, true);
    at += 4;
    return value;
  };
  const next64 = (): bigint => {
    at = (at + 7) & ~7;
    const value = view.getBigInt64(at, true);
    at += 8;
    return value;
  };
  const count = (word: string | undefined): number | undefined =>
    word === "*" ? next32() : word === undefined ? undefined : Number(word);
  return memory.text(format).replace(CONVERSION, (_, given: string, width, precision, size, kind: string) => {
    if (kind === "%") return "%";
    const signedWidth = count(width) ?? 0;
    // A negative width is a flag, and a negative precision is none (C11 7.21.6.1).
    const flags = signedWidth < 0 ? `${given}-` : given;
    const wanted = bounded(Math.abs(signedWidth));
    const signedDigits = count(precision);
    const digits = signedDigits === undefined || signedDigits < 0 ? undefined : bounded(signedDigits);
    let text: string;
    if (kind === "s") text = memory.text(next32(), digits);
    else if (kind === "c") text = String.fromCharCode(next32() & 0xff);
    else if (kind === "p") text = `0x${(next32() >>> 0).toString(16)}`;
    else text = integer(size === "ll" || size === "j" ? next64() : BigInt(next32()), flags, digits, size, kind);
    if (flags.includes("-")) return text.padEnd(wanted);
    const isNumber = kind !== "s" && kind !== "c";
    if (!isNumber || !flags.includes("0") || digits !== undefined) return text.padStart(wanted);
    const sign = /^(?:[-+ ]|0[xX])*/.exec(text)?.[0] ?? "";
    return sign + text.slice(sign.length).padStart(wanted - sign.length, "0");
  });
}

function bounded(count: number): number {
  if (count > WIDEST) throw new WasmDriverError(`a text with a field of ${count} characters: ${WIDEST} at most`);
  return count;
}

function integer(
  value: bigint,
  flags: string,
  digits: number | undefined,
  size: string | undefined,
  kind: string,
): string {
  const bits = size === "ll" || size === "j" ? 64 : size === "hh" ? 8 : size === "h" ? 16 : 32;
  const isSigned = kind === "d" || kind === "i";
  const number = isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  const radix = kind === "x" || kind === "X" ? 16 : kind === "o" ? 8 : 10;
  // Zero in no digits is nothing.
  let text =
    number === 0n && digits === 0 ? "" : (number < 0n ? -number : number).toString(radix).padStart(digits ?? 1, "0");
  if (kind === "X") text = text.toUpperCase();
  if (flags.includes("#") && radix === 8 && !text.startsWith("0")) text = `0${text}`;
  if (flags.includes("#") && radix === 16 && number !== 0n) text = `0${kind}${text}`;
  if (number < 0n) return `-${text}`;
  return isSigned && flags.includes("+") ? `+${text}` : isSigned && flags.includes(" ") ? ` ${text}` : text;
}
