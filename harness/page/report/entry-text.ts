import type { FieldValues } from "../../trace/trace-event.ts";
import type { TimelineEntry } from "./timeline-entry.ts";

/**
 * An entry in one line: what was accessed, and the value. Who did it stands beside it, in its column, and all else in the
 * details: it is shorter than the text of trace/event-text.ts, which stands alone on its line.
 */
export function entryText(entry: TimelineEntry): string {
  switch (entry.kind) {
    case "mmio-write":
      return `${entry.register} ← ${entry.value}${words(entry.order)}`;
    case "mmio-read":
      return `${entry.register} → …`;
    case "mmio-answer":
      return `${entry.register} → ${entry.value}${fieldsText(entry.fields)}`;
    case "register-write":
      return `${entry.register} ← ${entry.value}  ${entry.doorbell === true ? "doorbell" : "arrives"}${fieldsText(entry.fields)}`;
    case "register-read":
      return `${entry.register} → ${entry.value}  is read`;
    case "register-look":
      return `looks at ${entry.register} → ${entry.value}`;
    case "register-change":
      return `${entry.register} becomes ${entry.value}`;
    case "config-read":
      return `config ${entry.register ?? hexText(entry.offset)} → ${entry.value}`;
    case "config-write":
      return `config ${entry.register ?? hexText(entry.offset)} ← ${entry.value}`;
    case "memory-read":
      return `${placeText(entry)} → ${entry.value ?? bytes(entry.byteLength)}${orderText(entry.order)}${entry.staleness === undefined ? "" : "  older"}${repeatsText(entry.repeats)}`;
    case "memory-write":
      return `${placeText(entry)} ← ${entry.value ?? bytes(entry.byteLength)}${orderText(entry.order)}`;
    case "memory-update":
      return `${placeText(entry)}: ${entry.operation} ${entry.value}${entry.result === undefined ? "" : `, was ${entry.result}`}`;
    case "barrier":
      return entry.barrier;
    case "wait":
      return `waits for ${entry.what === "" ? entry.for : entry.what}`;
    case "wake":
      return `${entry.timedOut === true ? "gives up on" : "goes on after"} ${entry.what === "" ? entry.for : entry.what}`;
    case "dma-map":
      return `maps ${entry.buffer}, ${bytes(entry.byteLength)} at ${hexText(entry.iova)}`;
    case "dma-unmap":
      return `unmaps ${entry.buffer}, ${bytes(entry.byteLength)} at ${hexText(entry.iova)}`;
    case "handler-enter":
      return `handler of vector ${entry.vector} begins`;
    case "handler-exit":
      return `handler of vector ${entry.vector} ends`;
    case "interrupt-taken":
      return `takes interrupt ${entry.vector}`;
    case "dma-read":
      return `DMA read of ${bytes(entry.byteLength)}, ${placeText(entry)}${purposeText(entry.purpose)}`;
    case "dma-data":
      return `DMA data, ${bytes(entry.byteLength)} of ${placeText(entry)}${wordText("→", entry)}${purposeText(entry.purpose)}`;
    case "dma-error":
      return `DMA read fails: Unsupported Request${purposeText(entry.purpose)}`;
    case "dma-write":
      return `DMA write of ${bytes(entry.byteLength)}, ${placeText(entry)}${wordText("←", entry)}${purposeText(entry.purpose)}`;
    case "interrupt":
      return entry.mode === "intx"
        ? `INTx ${entry.asserted === false ? "falls" : "rises"}`
        : `${entry.mode === "msix" ? "MSI-X" : "MSI"} vector ${entry.vector}`;
    case "visible":
      return `${assigned(entry)} becomes visible`;
    case "leaves-cpu":
      return `${assigned(entry)} leaves the CPU`;
    case "dma-landing":
      return `${assigned(entry)} lands`;
    case "interrupt-landing":
      return `${entry.what} lands`;
    case "frame-in":
      return `frame in, port ${entry.port}, ${bytes(entry.byteLength)}${entry.badFcs === true ? ", bad FCS" : ""}`;
    case "frame-out":
      return `frame out, port ${entry.port}, ${bytes(entry.byteLength)}`;
    case "timer-start":
      return `timer ${entry.timer} armed${entry.delayNs === undefined ? "" : ` for ${entry.delayNs} ns`}`;
    case "timer-stop":
      return `timer ${entry.timer} stopped`;
    case "timer":
      return `timer ${entry.timer} runs out`;
    case "reset":
      return `${entry.reset} reset`;
    case "ring":
      return `${entry.ring}: head ${entry.head}, tail ${entry.tail}, ${entry.occupied} of ${entry.size}`;
    case "finding":
      return `${entry.severity}: ${entry.rule}: ${entry.message}`;
    case "step":
      return entry.text;
    case "lost":
      return `${entry.count} events are missing here: they came faster than they were taken away`;
    default:
      // A trace of a later softbar may hold kinds that this one does not know.
      return JSON.stringify(entry);
  }
}

/** "LINK_UP=1 SPEED=3", with two blanks before. */
function fieldsText(fields: FieldValues | undefined): string {
  const shown = Object.entries(fields ?? {}).map(
    ([name, value]) => `${name}=${typeof value === "string" || value < 10 ? value : hexText(value)}`,
  );
  return shown.length === 0 ? "" : `  ${shown.join(" ")}`;
}

/** "0x1_0001_f000": groups of four digits. */
export function hexText(value: number): string {
  return `0x${value.toString(16).replace(/\B(?=(?:[0-9a-f]{4})+$)/g, "_")}`;
}

function words(text: string | undefined): string {
  return text === undefined ? "" : `  ${text}`;
}

function orderText(order: string): string {
  return words(order === "plain" ? undefined : order);
}

function repeatsText(repeats: number | undefined): string {
  return repeats === undefined ? "" : `  (${repeats} times more)`;
}

function bytes(count: number): string {
  return `${count} B`;
}

function assigned({ what, value }: { readonly what: string; readonly value?: string }): string {
  return value === undefined ? what : `${what} ← ${value}`;
}

function purposeText(purpose: string | undefined): string {
  return purpose === undefined ? "" : ` (${purpose})`;
}

/** A transfer of up to 8 bytes as the word that it is: the first byte is the lowest. */
function wordText(
  arrow: string,
  { bytes: digits = "", byteLength }: { readonly bytes?: string; readonly byteLength: number },
): string {
  if (byteLength > 8 || digits.length !== 2 * byteLength) return "";
  const pairs = digits.match(/../g) ?? [];
  return ` ${arrow} 0x${pairs.reverse().join("")}`;
}

interface Place {
  readonly buffer?: string;
  readonly bufferOffset?: number;
  readonly iova?: number;
}

function placeText({ buffer, bufferOffset, iova }: Place): string {
  const where = iova === undefined ? "memory" : hexText(iova);
  if (buffer === undefined) return where;
  return bufferOffset === undefined || bufferOffset === 0 ? buffer : `${buffer} + ${hexText(bufferOffset)}`;
}
