import { ITCH50_MESSAGES, type ItchField, type ItchMessage } from "./itch50-messages.ts";

const NS_PER_SECOND = 1_000_000_000;
const MESSAGES: ReadonlyMap<number, ItchMessage> = new Map(ITCH50_MESSAGES.map((message) => [message.type, message]));

/**
 * A message as a line for reports and failures (allocates):
 *
 *     A  09:30:00.000000123  AAPL      B 100 @ 123.4500 ref 4711
 *     E  09:30:00.000000456  #13       100 of ref 4711 match 17
 *
 * Where the message names no stock, its stock locate stands there. What is no message of ITCH 5.0 is shown in hex.
 */
export function itchText(bytes: Uint8Array, offset: number, byteLength: number): string {
  const message = byteLength > 0 ? MESSAGES.get(bytes[offset] as number) : undefined;
  if (message === undefined || message.byteLength !== byteLength) {
    const shown = bytes.subarray(offset, offset + Math.min(byteLength, 50));
    const hex = Array.from(shown, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return `?  ${byteLength} bytes that are no message of ITCH 5.0: ${hex}${byteLength > 50 ? " …" : ""}`;
  }
  const textOf = (name: string): string => {
    const field = message.fields[name];
    if (field === undefined)
      throw new Error(`The text of ITCH message ${message.letter} names "${name}", no field of it.`);
    return fieldText(field, bytes, offset);
  };
  const stock = message.fields.stock === undefined ? `#${textOf("stockLocate")}` : textOf("stock");
  const rest = message.text.replaceAll(/\{(\w+)\}/g, (_, name: string) => textOf(name));
  return `${message.letter}  ${textOf("timestamp")}  ${stock.padEnd(8)}  ${rest}`;
}

/** The characters of a symbol given as two words, without the blanks behind it. */
export function symbolText(word0: number, word1: number): string {
  const codes = [word0, word1].flatMap((word) => [word >>> 24, word >>> 16, word >>> 8, word]);
  return String.fromCharCode(...codes.map((code) => code & 0xff)).trimEnd();
}

function fieldText(field: ItchField, bytes: Uint8Array, messageOffset: number): string {
  const from = messageOffset + field.offset;
  const content = bytes.subarray(from, from + field.byteLength);
  if (field.kind === "letter" || field.kind.startsWith("alpha")) {
    return String.fromCharCode(...content).trimEnd() || "·";
  }
  const value = content.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  if (field.unit === "ns") return timeText(value);
  if (field.unit === "s") return timeText(value * BigInt(NS_PER_SECOND)).slice(0, -10);
  if (field.decimals < 0) return `${value}`;
  const digits = `${value}`.padStart(field.decimals + 1, "0");
  return `${digits.slice(0, -field.decimals)}.${digits.slice(-field.decimals)}`;
}

/** "09:30:00.000000123"; more than a day goes on counting hours. */
function timeText(ns: bigint): string {
  const second = ns / BigInt(NS_PER_SECOND);
  const two = (value: bigint): string => `${value}`.padStart(2, "0");
  const fraction = `${ns % BigInt(NS_PER_SECOND)}`.padStart(9, "0");
  return `${two(second / 3600n)}:${two((second / 60n) % 60n)}:${two(second % 60n)}.${fraction}`;
}
