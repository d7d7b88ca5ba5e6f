import { eventWords } from "./event-words.ts";
import type { TraceEvent } from "./trace-event.ts";
import type { TraceHeader } from "./trace-header.ts";

/** What an event is, in words: "driver → ixgbe   write TDT(0) 0x06018 ← 0x00000020  TAIL=32". */
export function eventText(event: TraceEvent, header: TraceHeader | undefined): string {
  const who = whoOf(event, header);
  return `${who}   ${eventWords(event, true)}`.trimEnd();
}

/** Who does it to whom. An event at a device is told from the device's side, as is one of a link. */
function whoOf(event: TraceEvent, header: TraceHeader | undefined): string {
  const number = "device" in event ? event.device : undefined;
  const device = number === undefined ? "" : (header?.devices[number]?.name ?? `device ${number}`);
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
    case "register-look":
    case "register-change":
      return `       · ${device}`;
    case "finding":
      return number === undefined ? nameOf(event.actor, header) : `       · ${device}`;
    default:
      return nameOf(event.actor, header);
  }
}

function nameOf(actor: string, header: TraceHeader | undefined): string {
  return header?.actors.find(({ id }) => id === actor)?.name ?? actor;
}
