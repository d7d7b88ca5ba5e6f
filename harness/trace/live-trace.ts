import type { AttachmentSpec } from "../../emulator/run/device-thread.ts";
import { declarationOf, type LoadedDevice, type MachineTables } from "../../emulator/run/machine.ts";
import { TraceRing } from "./trace-ring.ts";
import { TraceText } from "./trace-text.ts";
import type { TracerOptions } from "./tracer.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
/** Lines in one piece of text, so that the thread that prints does other things in between. */
const LINES_PER_DRAIN = 5_000;

/** A trace while it happens: attach it to a device thread, and drain it now and then. */
export class LiveTrace {
  /** To be given to the device thread. */
  readonly attachment: AttachmentSpec;
  readonly #ring = new TraceRing(TraceRing.createBuffer());
  readonly #text: TraceText;

  constructor(devices: readonly LoadedDevice[], tables: MachineTables) {
    this.#text = new TraceText(devices.map(declarationOf), tables);
    const options: TracerOptions = { ring: this.#ring.buffer };
    this.attachment = { moduleUrl: new URL(`./tracer${EXTENSION}`, import.meta.url).href, options };
  }

  /** What has happened since the last call, as lines, a bounded number; "" when nothing has. */
  drain(): string {
    const lines: string[] = [];
    while (lines.length < LINES_PER_DRAIN && this.#ring.take()) lines.push(this.#text.line(this.#ring));
    const lostCount = this.#ring.takeLostCount();
    if (lostCount > 0) {
      lines.push(
        `                …  ${lostCount.toLocaleString("en")} events left out: the device is faster than this output`,
      );
    }
    return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
  }
}
