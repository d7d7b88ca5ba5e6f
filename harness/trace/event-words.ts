import { iovaName } from "../../emulator/memory/iova-name.ts";
import { hex } from "../../emulator/registers/hex.ts";
import type { DmaRecord, FieldValues, TraceEvent } from "./trace-event.ts";

/** Small numbers are told as such. */
const DECIMAL_LIMIT = 10;
/** Longest transfer that is told as a word. */
const WORD_BYTES = 8;

/**
 * What an event is, in words, without who does it. In short, for a line beside which its actor and its details stand; or
 * whole: with addresses and decoded descriptors, for a line that stands alone. Both in one place, so that a page and a text
 * say the same of an event.
 */
export function eventWords(event: TraceEvent, isWhole: boolean): string {
  switch (event.kind) {
    case "register-write": {
      const bell = event.doorbell === true ? "  doorbell" : "";
      return `write ${registerWords(event, isWhole)} ← ${event.value}${fieldWords(event.fields)}${bell}`;
    }
    case "register-read":
      return `${verb("read", isWhole)} ${registerWords(event, isWhole)} → ${event.value}${fieldWords(event.fields)}`;
    case "register-look":
      return `looks at ${event.register} → ${event.value}`;
    case "register-change":
      return `${event.register} ← ${event.value}`;
    case "mmio-write":
      return `posts ${event.register} ← ${event.value}${fieldWords(event.fields)}${behind(event.order)}`;
    case "mmio-read":
      return `reads ${event.register} …`;
    case "mmio-answer":
      return `${verb("has", isWhole)} ${event.register} → ${event.value}${fieldWords(event.fields)}`;
    case "config-read":
      return `${verb("read", isWhole)} config ${configWords(event, isWhole)} → ${event.value}`;
    case "config-write":
      return `write config ${configWords(event, isWhole)} ← ${event.value}`;
    case "memory-read":
    case "memory-write":
      return memoryWords(event);
    case "memory-update":
      return `${event.operation} ${placeWords(event)} ← ${event.value}${event.result === undefined ? "" : `, was ${event.result}`}`;
    case "barrier":
      return event.barrier;
    case "wait":
      return `waits for ${event.what === "" ? event.for : event.what}`;
    case "wake":
      return `goes on after ${event.what === "" ? event.for : event.what}${event.timedOut === true ? ", whose limit is over" : ""}`;
    case "dma-map":
    case "dma-unmap":
      return `${event.kind === "dma-map" ? "maps" : "unmaps"} ${event.byteLength} B ${event.buffer} at ${iovaName(event.iova)}`;
    case "handler-enter":
      return `handler of vector ${event.vector} begins`;
    case "handler-exit":
      return `handler of vector ${event.vector} ends`;
    case "interrupt-taken":
      return `takes vector ${event.vector}`;
    case "dma-read":
    case "dma-data":
    case "dma-write":
      return dmaWords(event, isWhole);
    case "dma-error":
      return `DMA read answered with Unsupported Request${event.purpose === undefined ? "" : `: ${event.purpose}`}`;
    case "interrupt":
      return interruptWords(event);
    case "visible":
      return `${changeWords(event)} becomes visible`;
    case "leaves-cpu":
      return `${changeWords(event)} leaves the CPU`;
    case "dma-landing":
      return isWhole ? `DMA write ${changeWords(event)} lands` : `${changeWords(event)} lands`;
    case "interrupt-landing":
      return `${event.what} lands`;
    case "frame-in":
    case "frame-out":
      return `frame ${event.kind === "frame-in" ? "in" : "out"}, port ${event.port}, ${event.byteLength} B${event.badFcs === true ? ", bad FCS" : ""}`;
    case "timer-start":
      return `${timerWords(event)} set to ${event.delayNs ?? 0} ns`;
    case "timer-stop":
      return `${timerWords(event)} stopped`;
    case "timer":
      return `${timerWords(event)} runs out`;
    case "reset":
      return `${event.reset} reset`;
    case "ring":
      return `${event.ring}: head ${event.head}, tail ${event.tail}, ${event.occupied} of ${event.size}`;
    case "finding":
      return `${event.severity} ${event.rule}: ${event.message}`;
    default:
      // A trace of a later softbar may hold kinds that this one does not know.
      return event.text ?? JSON.stringify(event);
  }
}

/** In a column of lines, reads stand below writes. */
function verb(word: string, isWhole: boolean): string {
  return isWhole ? word.padEnd("write".length) : word;
}

function behind(text: string | undefined): string {
  return text === undefined ? "" : `  ${text}`;
}

/** "  LINK_UP=1 SPEED=3". */
function fieldWords(fields: FieldValues | undefined): string {
  if (fields === undefined) return "";
  return `  ${Object.entries(fields)
    .map(([name, value]) => `${name}=${numberWord(value)}`)
    .join(" ")}`;
}

function numberWord(value: number | string): string {
  return typeof value === "string" || value < DECIMAL_LIMIT ? `${value}` : hex(value, 1);
}

function registerWords(
  { register, offset }: { readonly register: string; readonly offset: number },
  isWhole: boolean,
): string {
  return isWhole ? `${register} ${hex(offset, 5)}` : register;
}

function configWords(
  { register, offset }: { readonly register?: string; readonly offset: number },
  isWhole: boolean,
): string {
  if (register === undefined) return hex(offset, 3);
  return isWhole ? `${register} ${hex(offset, 3)}` : register;
}

interface Place {
  readonly buffer?: string;
  readonly bufferOffset?: number;
}

function placeWords({ buffer, bufferOffset }: Place): string {
  if (buffer === undefined) return "memory without a name";
  return bufferOffset === undefined || bufferOffset === 0 ? buffer : `${buffer} + ${hex(bufferOffset)}`;
}

type MemoryEvent = Extract<TraceEvent, { readonly kind: "memory-read" | "memory-write" }>;

function memoryWords(event: MemoryEvent): string {
  const value = event.value ?? `${event.byteLength} B`;
  const order = event.order === "plain" ? "" : `  ${event.order}`;
  if (event.kind === "memory-write") return `stores ${placeWords(event)} ← ${value}${order}`;
  const older = event.staleness === undefined ? "" : "  (older)";
  const again = event.repeats === undefined ? "" : `  (${event.repeats.toLocaleString("en")} times more)`;
  return `loads ${placeWords(event)} → ${value}${order}${older}${again}`;
}

function changeWords({ what, value }: { readonly what: string; readonly value?: string }): string {
  return value === undefined ? what : `${what} ← ${value}`;
}

function timerWords({ timer, what }: { readonly timer: number; readonly what?: string }): string {
  return what === undefined ? `timer ${timer}` : `timer ${timer} (${what})`;
}

type DmaEvent = Extract<TraceEvent, { readonly kind: "dma-read" | "dma-data" | "dma-write" }>;

/** "DMA read  64 B tx ring 0 + 0x0200 at 0x1_0001_0200  descriptors 4–7 of transmit queue 0  { … }". */
function dmaWords(event: DmaEvent, isWhole: boolean): string {
  const { byteLength, buffer, bufferOffset = 0, iova, purpose, records = [] } = event;
  const name = event.kind === "dma-read" ? "read" : event.kind === "dma-write" ? "write" : "data";
  const place = isWhole ? `${buffer} + ${hex(bufferOffset)} at ${iovaName(iova)}` : placeWords(event);
  const where = buffer === undefined ? `at ${iovaName(iova)}, which is not mapped` : place;
  const word = event.bytes === undefined ? "" : wordOf(event.kind === "dma-write" ? "←" : "→", event.bytes, byteLength);
  const decoded = isWhole ? records.map(recordWords).join("") : "";
  return `DMA ${verb(name, isWhole)} ${byteLength} B ${where}${word}${behind(purpose)}${decoded}`;
}

function recordWords({ fields }: DmaRecord): string {
  const words = Object.entries(fields).map(([name, value]) => `${name}=${numberWord(value)}`);
  return `  { ${words.join(" ")} }`;
}

/** A transfer of up to 8 bytes as the word that it is: the first byte is the lowest. */
function wordOf(arrow: string, digits: string, byteLength: number): string {
  if (byteLength > WORD_BYTES || digits.length !== 2 * byteLength) return "";
  return ` ${arrow} 0x${(digits.match(/../g) ?? []).reverse().join("")}`;
}

function interruptWords({ mode, vector, asserted }: Extract<TraceEvent, { readonly kind: "interrupt" }>): string {
  if (mode === "intx") return `interrupt line ${asserted === true ? "rises" : "falls"}`;
  return `${mode === "msi" ? "MSI" : "MSI-X"} vector ${vector}`;
}
