import { TestbedError } from "../../emulator/run/testbed-error.ts";
import type { TraceEvent, TraceRecord } from "./trace-event.ts";
import type { TraceEnd, TraceHeader } from "./trace-header.ts";
import type { TraceOptions } from "./trace-options.ts";
import { FileOutput, TextOutput } from "./trace-output.ts";
import { TraceText } from "./trace-text.ts";
import { JsonLinesWriter } from "./trace-writer.ts";

/** What drains a trace into a {@link RunTrace}. */
interface Source {
  drain(): void;
}

/** The trace of a testbed: `bed.trace()`. It grows while the testbed runs, and is whole once that is closed. */
export class RunTrace {
  readonly #file: FileOutput | undefined;
  readonly #path: string | undefined;
  readonly #writer: JsonLinesWriter | undefined;
  readonly #keep: (event: TraceEvent) => boolean;
  readonly #records: TraceRecord[] = [];
  readonly #source: () => Source | undefined;
  #lostCount = 0;

  /** Throws what the file system throws, where the trace goes to a file. `source` is asked late. */
  constructor({ file, keep = () => true }: TraceOptions, source: () => Source | undefined) {
    this.#path = file;
    this.#file = file === undefined ? undefined : new FileOutput(file);
    this.#writer = this.#file === undefined ? undefined : new JsonLinesWriter(this.#file);
    this.#keep = keep;
    this.#source = source;
  }

  /** Called with each record as it comes. */
  readonly take = (record: TraceRecord): void => {
    if (record.kind === "lost") this.#lostCount += record.count;
    if (isEvent(record) && !this.#keep(record)) return;
    if (this.#writer === undefined) this.#records.push(record);
    else this.#writer.write(record);
    if (record.kind === "end") this.#file?.closeNow();
  };

  /** What has happened up to now, in order. Throws TestbedError when the trace goes to a file. */
  get events(): readonly TraceEvent[] {
    return this.records.filter(isEvent);
  }

  /** The same with the header, actors that turned up later, and, after the testbed is closed, the end. */
  get records(): readonly TraceRecord[] {
    if (this.#path !== undefined) throw new TestbedError(`this trace goes to ${this.#path} and is not kept in memory`);
    this.#source()?.drain();
    return this.#records;
  }

  get header(): TraceHeader {
    return this.records[0] as TraceHeader;
  }

  /** Events that came faster than they were taken away. */
  get lostCount(): number {
    this.#source()?.drain();
    return this.#lostCount;
  }

  /** As people read it. */
  text(): string {
    const output = new TextOutput();
    const writer = new TraceText(output);
    for (const record of this.records) writer.write(record);
    return output.text;
  }

  /** Writes what there is up to now as JSON lines, with an end: for `softbar trace`, and for other tools through it. */
  save(path: string): void {
    const { records } = this;
    const file = new FileOutput(path);
    const writer = new JsonLinesWriter(file);
    for (const record of records) writer.write(record);
    if (records.at(-1)?.kind !== "end") writer.write(this.#endSoFar());
    file.closeNow();
  }

  #endSoFar(): TraceEnd {
    const eventCount = (this.events.at(-1)?.seq ?? -1) + 1;
    return { kind: "end", eventCount, lostCount: this.#lostCount, reason: "complete", message: "" };
  }
}

/** False for what stands around the events. */
export function isEvent(record: TraceRecord): record is TraceEvent {
  return "seq" in record;
}
