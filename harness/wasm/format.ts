import type { LinearMemory } from "./linear-memory.ts";

const CONVERSION = /%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d+))?(hh|h|ll|l|z|t|j)?([diuxXocsp%])/g;

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
  return memory.text(format).replace(CONVERSION, (_, flags: string, width, precision, size, kind: string) => {
    if (kind === "%") return "%";
    const wanted = count(width) ?? 0;
    const digits = count(precision);
    let text: string;
    if (kind === "s") {
      text = memory.text(next32());
      if (digits !== undefined) text = text.slice(0, digits);
    } else if (kind === "c") text = String.fromCharCode(next32() & 0xff);
    else if (kind === "p") text = `0x${(next32() >>> 0).toString(16)}`;
    else text = integer(size === "ll" || size === "j" ? next64() : BigInt(next32()), flags, digits, size, kind);
    if (flags.includes("-")) return text.padEnd(wanted);
    const isNumber = kind !== "s" && kind !== "c";
    if (!isNumber || !flags.includes("0") || digits !== undefined) return text.padStart(wanted);
    const sign = /^(?:[-+ ]|0[xX])*/.exec(text)?.[0] ?? "";
    return sign + text.slice(sign.length).padStart(wanted - sign.length, "0");
  });
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
  let text = (number < 0n ? -number : number).toString(radix).padStart(digits ?? 1, "0");
  if (kind === "X") text = text.toUpperCase();
  if (flags.includes("#") && radix === 16 && number !== 0n) text = `0${kind}${text}`;
  if (number < 0n) return `-${text}`;
  return isSigned && flags.includes("+") ? `+${text}` : isSigned && flags.includes(" ") ? ` ${text}` : text;
}
