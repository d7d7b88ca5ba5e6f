import { TestbedError } from "../../emulator/run/testbed-error.ts";
import { type TraceFormat, writeTrace } from "./convert-trace.ts";
import { isEvent, type TraceEvent, type TraceRecord } from "./trace-event.ts";
import { TraceFilter } from "./trace-filter.ts";
import type { TraceEnd, TraceHeader } from "./trace-header.ts";
import type { TraceOptions } from "./trace-options.ts";
import { FileOutput, TextOutput } from "./trace-output.ts";
import { TraceText } from "./trace-text.ts";
import { JsonLinesWriter } from "./trace-writer.ts";

/** What drains a trace into a {@link RunTrace}. */
interface Source {
  drain(): number;
  readonly eventCount: number;
}

/** The trace of a testbed: `bed.trace()`. It grows while the testbed runs, and is whole once that is closed. */
export class RunTrace {
  readonly #file: FileOutput | undefined;
  readonly #path: string | undefined;
  readonly #writer: JsonLinesWriter | undefined;
  readonly #filter: TraceFilter;
  readonly #records: TraceRecord[] = [];
  readonly #source: () => Source | undefined;
  #lostCount = 0;

  /** Throws what the file system throws, where the trace goes to a file. `source` is asked late. */
  constructor({ file, filter = {} }: TraceOptions, source: () => Source | undefined) {
    this.#path = file;
    this.#file = file === undefined ? undefined : new FileOutput(file);
    this.#writer = this.#file === undefined ? undefined : new JsonLinesWriter(this.#file);
    this.#filter = new TraceFilter(filter);
    this.#source = source;
  }

  /** Called with each record as it comes. */
  readonly take = (record: TraceRecord): void => {
    if (record.kind === "lost") this.#lostCount += record.count;
    const left = this.#filter.filtered(record);
    if (left === undefined) return;
    if (this.#writer === undefined) this.#records.push(left);
    else this.#writer.write(left);
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

  /** Events up to now, kept or not. */
  get eventCount(): number {
    const source = this.#source();
    source?.drain();
    return source?.eventCount ?? 0;
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

  /** Writes what there is up to now: as JSON lines, for `softbar trace`, or for another tool. Throws what the file system throws. */
  save(path: string, format: TraceFormat = "jsonl"): void {
    const { records } = this;
    const file = new FileOutput(path);
    writeTrace(records.at(-1)?.kind === "end" ? records : [...records, this.#endSoFar()], format, file);
    file.closeNow();
  }

  #endSoFar(): TraceEnd {
    const eventCount = (this.events.at(-1)?.seq ?? -1) + 1;
    return { kind: "end", eventCount, lostCount: this.#lostCount, reason: "complete", message: "" };
  }
}
