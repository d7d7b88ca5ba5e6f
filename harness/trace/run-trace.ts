import { TestbedError } from "../../emulator/run/testbed-error.ts";
import { type TraceFormat, writeTrace } from "./convert-trace.ts";
import { isEvent, type TraceEvent, type TraceRecord } from "./trace-event.ts";
import { TraceFilter } from "./trace-filter.ts";
import type { TraceEnd, TraceHeader } from "./trace-header.ts";
import type { TraceOptions } from "./trace-options.ts";
import { FileOutput, TextOutput } from "./trace-output.ts";
import { TraceText } from "./trace-text.ts";
import { JsonLinesWriter } from "./trace-writer.ts";

/** Some 500 bytes each. */
const EVENT_LIMIT = 1_000_000;

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
  readonly #eventLimit: number;
  #lostCount = 0;
  #keptCount = 0;
  /** Events behind the limit. */
  #omittedCount = 0;

  /** Throws what the file system throws, where the trace goes to a file. `source` is asked late. */
  constructor({ file, filter = {}, eventLimit = EVENT_LIMIT }: TraceOptions, source: () => Source | undefined) {
    this.#path = file;
    this.#file = file === undefined ? undefined : new FileOutput(file);
    this.#writer = this.#file === undefined ? undefined : new JsonLinesWriter(this.#file);
    this.#filter = new TraceFilter(filter);
    this.#source = source;
    this.#eventLimit = file === undefined ? eventLimit : Number.POSITIVE_INFINITY;
  }

  /** Called with each record as it comes. */
  readonly take = (record: TraceRecord): void => {
    if (record.kind === "lost") this.#lostCount += record.count;
    const left = this.#filter.filtered(record);
    if (left === undefined) return;
    if (isEvent(left) && this.#keptCount++ >= this.#eventLimit) {
      this.#omittedCount++;
      return;
    }
    if (left.kind === "end" && this.#omittedCount > 0) this.#endAtLimit(left);
    else if (this.#writer === undefined) this.#records.push(left);
    else this.#writer.write(left);
    if (record.kind === "end") this.#file?.closeNow();
  };

  #endAtLimit(end: TraceEnd): void {
    const last = this.#records.findLast(isEvent);
    this.#records.push({ kind: "lost", count: this.#omittedCount, timeNs: last?.timeNs ?? 0 });
    const message = [
      end.message,
      `only the first ${this.#eventLimit} events are kept in memory: { trace: { file } } keeps all`,
    ];
    this.#records.push({
      kind: "end",
      eventCount: (last?.seq ?? -1) + 1,
      lostCount: this.lostCount,
      reason: end.reason === "complete" ? "limit" : end.reason,
      message: message.filter((text) => text !== "").join("; "),
    });
  }

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

  /** Events that came faster than they were taken away, or behind the limit. */
  get lostCount(): number {
    this.#source()?.drain();
    return this.#lostCount + this.#omittedCount;
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
    return { kind: "end", eventCount, lostCount: this.lostCount, reason: "complete", message: "" };
  }
}
