import { iovaName } from "../../emulator/memory/iommu.ts";
import { hex } from "../../emulator/registers/register-map.ts";
import type { DmaRecord, FieldValues, TraceEvent } from "./trace-event.ts";
import type { TraceHeader } from "./trace-header.ts";

/** Small numbers are told as such. */
const DECIMAL_LIMIT = 10;

/** What an event is, in words: "driver → ixgbe   write TDT(0) 0x06018 ← 0x00000020  TAIL=32". */
export function eventText(event: TraceEvent, header: TraceHeader | undefined): string {
  const who = whoOf(event, header);
  return `${who}   ${whatOf(event)}`.trimEnd();
}

/** Who does it to whom. An event at a device is told from the device's side, as is one of a link. */
function whoOf(event: TraceEvent, header: TraceHeader | undefined): string {
  const device = "device" in event ? (header?.devices[event.device]?.name ?? `device ${event.device}`) : "";
  switch (event.kind) {
    case "register-write":
    case "config-write":
      return `driver → ${device}`;
    case "register-read":
    case "config-read":
    case "interrupt":
      return `driver ← ${device}`;
    case "dma-read":
    case "dma-data":
    case "dma-error":
      return `memory → ${device}`;
    case "dma-write":
      return `memory ← ${device}`;
    case "frame-in":
      return `wire   → ${device}`;
    case "frame-out":
      return `wire   ← ${device}`;
    case "reset":
      return `       → ${device}`;
    case "timer":
    case "timer-start":
    case "timer-stop":
    case "ring":
    case "finding":
    case "register-look":
    case "register-change":
      return `       · ${device}`;
    default:
      return nameOf(event.actor, header);
  }
}

function nameOf(actor: string, header: TraceHeader | undefined): string {
  return header?.actors.find(({ id }) => id === actor)?.name ?? actor;
}

function whatOf(event: TraceEvent): string {
  switch (event.kind) {
    case "register-write":
      return `write ${event.register} ${hex(event.offset, 5)} ← ${event.value}${fieldsText(event.fields)}`;
    case "register-read":
      return `read  ${event.register} ${hex(event.offset, 5)} → ${event.value}${fieldsText(event.fields)}`;
    case "register-look":
      return `looks at ${event.register} → ${event.value}`;
    case "register-change":
      return `${event.register} ← ${event.value}`;
    case "mmio-write":
      return `posts ${event.register} ← ${event.value}${fieldsText(event.fields)}${event.order === undefined ? "" : `  ${event.order}`}`;
    case "mmio-read":
      return `reads ${event.register} …`;
    case "mmio-answer":
      return `has   ${event.register} → ${event.value}${fieldsText(event.fields)}`;
    case "config-read":
      return `read  config ${configText(event)} → ${event.value}`;
    case "config-write":
      return `write config ${configText(event)} ← ${event.value}`;
    case "memory-read":
      return `loads ${memoryText(event)} → ${event.value ?? `${event.byteLength} B`}${orderText(event.order)}${event.staleness === undefined ? "" : "  (older)"}${event.repeats === undefined ? "" : `  (${event.repeats.toLocaleString("en")} times more)`}`;
    case "memory-write":
      return `stores ${memoryText(event)} ← ${event.value ?? `${event.byteLength} B`}${orderText(event.order)}`;
    case "memory-update":
      return `${event.operation} ${memoryText(event)} ← ${event.value}${event.result === undefined ? "" : `, was ${event.result}`}`;
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
      return dmaText(event);
    case "dma-error":
      return `DMA read answered with Unsupported Request${event.purpose === undefined ? "" : `: ${event.purpose}`}`;
    case "interrupt":
      return interruptText(event);
    case "visible":
      return `${event.what} ← ${event.value ?? ""} becomes visible`;
    case "leaves-cpu":
      return `${event.what} ← ${event.value ?? ""} leaves the CPU`;
    case "dma-landing":
      return `DMA write ${event.what}${event.value === undefined ? "" : ` ← ${event.value}`} lands`;
    case "interrupt-landing":
      return `${event.what} lands`;
    case "frame-in":
    case "frame-out":
      return `frame ${event.kind === "frame-in" ? "in" : "out"}, port ${event.port}, ${event.byteLength} B${event.badFcs === true ? ", bad FCS" : ""}`;
    case "timer-start":
      return `timer ${event.timer} set to ${event.delayNs ?? 0} ns`;
    case "timer-stop":
      return `timer ${event.timer} stopped`;
    case "timer":
      return `timer ${event.timer} runs out`;
    case "reset":
      return `${event.reset} reset`;
    case "ring":
      return `${event.ring}: head ${event.head}, tail ${event.tail}, ${event.occupied} of ${event.size}`;
    case "finding":
      return `${event.severity} ${event.rule}: ${event.message}`;
    default:
      return event.text ?? "";
  }
}

/** "  LINK_UP=1 SPEED=3". */
function fieldsText(fields: FieldValues | undefined): string {
  if (fields === undefined) return "";
  return `  ${Object.entries(fields)
    .map(([name, value]) => `${name}=${numberText(value)}`)
    .join(" ")}`;
}

function numberText(value: number | string): string {
  return typeof value === "string" || value < DECIMAL_LIMIT ? `${value}` : hex(value, 1);
}

function configText({ register, offset }: { readonly register?: string; readonly offset: number }): string {
  return register === undefined ? hex(offset, 3) : `${register} ${hex(offset, 3)}`;
}

function memoryText({ buffer, bufferOffset }: { readonly buffer?: string; readonly bufferOffset?: number }): string {
  if (buffer === undefined) return "memory without a name";
  return bufferOffset === undefined || bufferOffset === 0 ? buffer : `${buffer} + ${hex(bufferOffset)}`;
}

function orderText(order: string): string {
  return order === "plain" ? "" : `  ${order}`;
}

type DmaEvent = Extract<TraceEvent, { readonly kind: "dma-read" | "dma-data" | "dma-write" }>;

/** "DMA read  64 B tx ring 0 + 0x0200 at 0x1_0001_0200  descriptors 4–7 of transmit queue 0  { … }". */
function dmaText(event: DmaEvent): string {
  const { byteLength, buffer, bufferOffset = 0, iova, purpose, records = [] } = event;
  const verb = event.kind === "dma-read" ? "read " : event.kind === "dma-write" ? "write" : "data ";
  const where =
    buffer === undefined
      ? `at ${iovaName(iova)}, which is not mapped`
      : `${buffer} + ${hex(bufferOffset)} at ${iovaName(iova)}`;
  const what = purpose === undefined ? "" : `  ${purpose}`;
  return `DMA ${verb} ${byteLength} B ${where}${what}${records.map(recordText).join("")}`;
}

function recordText({ fields }: DmaRecord): string {
  const words = Object.entries(fields).map(([name, value]) => `${name}=${numberText(value)}`);
  return `  { ${words.join(" ")} }`;
}

function interruptText({ mode, vector, asserted }: Extract<TraceEvent, { readonly kind: "interrupt" }>): string {
  if (mode === "intx") return `interrupt line ${asserted === true ? "rises" : "falls"}`;
  return `${mode === "msi" ? "MSI" : "MSI-X"} vector ${vector}`;
}
