import type { AttachmentSpec } from "../../emulator/run/device-thread.ts";
import type { LoadedDevice, MachineTables } from "../../emulator/run/machine.ts";
import type { TraceRecord } from "./trace-event.ts";
import { TraceFilter } from "./trace-filter.ts";
import type { TraceEnd } from "./trace-header.ts";
import type { TraceChannel } from "./trace-log.ts";
import { detailOf, type TraceOptions } from "./trace-options.ts";
import { TextOutput } from "./trace-output.ts";
import { TraceRecorder } from "./trace-recorder.ts";
import { TraceText } from "./trace-text.ts";

/** Events in one go, so that the thread that takes them does other things in between. */
const EVENTS_PER_DRAIN = 10_000;

export interface LiveTraceOptions extends Pick<TraceOptions, "frameBytes" | "dmaBytes" | "filter"> {
  readonly title: string;
  /** Card and driver share a thread in virtual time: nothing is lost, as they wait. */
  readonly isVirtual: boolean;
  /** Gets lines of text. */
  readonly onText?: (lines: string) => void;
  /** Gets everything, and the driver is traced too. */
  readonly onRecord?: (record: TraceRecord) => void;
}

/** A trace while it happens: attach it to a device thread, and drain it now and then. */
export class LiveTrace {
  /** To be given to the device thread. */
  readonly attachment: AttachmentSpec;
  /** To be given to the driver's thread; undefined when the driver is not traced. */
  readonly driver: TraceChannel | undefined;
  readonly #recorder: TraceRecorder;
  readonly #options: LiveTraceOptions;
  readonly #output = new TextOutput();
  readonly #filter: TraceFilter;
  readonly #text = new TraceText(this.#output, { numbers: false });

  constructor(devices: readonly LoadedDevice[], tables: MachineTables, options: LiveTraceOptions) {
    const { title, isVirtual, onRecord } = options;
    this.#options = options;
    this.#filter = new TraceFilter(options.filter ?? {});
    const run = isVirtual ? "folded" : "threaded";
    const detail = { ...detailOf(options), memory: onRecord !== undefined };
    this.#recorder = new TraceRecorder(devices, tables, { run, title, detail, waits: isVirtual }, (record) =>
      this.#take(record),
    );
    this.attachment = this.#recorder.attachment();
    this.driver = onRecord === undefined ? undefined : this.#recorder.channel();
  }

  /** Hands on what has happened since the last call, as far as one call goes. Returns how many events there were. */
  drain(): number {
    const count = this.#recorder.drain(EVENTS_PER_DRAIN);
    this.#tell();
    return count;
  }

  /** All threads have ended. */
  end(reason: TraceEnd["reason"], message: string): void {
    while (this.drain() > 0) {
      // Piece by piece, so that no text grows too long.
    }
    this.#recorder.end(reason, message);
    this.#tell();
  }

  #take(record: TraceRecord): void {
    const { onRecord, onText } = this.#options;
    const left = this.#filter.filtered(record);
    if (left === undefined) return;
    onRecord?.(left);
    if (onText !== undefined) this.#text.write(left);
  }

  #tell(): void {
    const { text } = this.#output;
    if (text === "") return;
    this.#output.text = "";
    this.#options.onText?.(text);
  }
}
