import { createReadStream } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import type { TraceEvent, TraceRecord } from "./trace-event.ts";
import { END_REASONS, TRACE_VERSION, type TraceEnd, type TraceHeader } from "./trace-header.ts";

/** A line longer than this is no trace's: the longest frame makes 32 KiB of digits. */
const LINE_CHARACTERS_MAX = 1 << 20;
const SHOWN_CHARACTERS = 60;

/** A file that is no trace, or not one that can be read; the message is one sentence and names the line. */
export class TraceFormatError extends Error {
  override readonly name = "TraceFormatError";
}

/**
 * Reads a trace line by line, and checks each: numbers that rise, edges that lead back, actors that are known, one header
 * and one end. What it keeps does not grow with the file.
 *
 * ```ts
 * const reader = new TraceReader("run.jsonl");
 * for await (const record of reader.records()) console.log(record.kind);
 * if (reader.cut !== undefined) console.error(reader.cut);
 * ```
 */
export class TraceReader {
  readonly path: string;
  /** There once the first record was. */
  header: TraceHeader | undefined;
  /** There once all records were, in a trace that was written to its end. */
  end: TraceEnd | undefined;
  /** After all records: why the trace is not whole; undefined when it is. */
  cut: string | undefined;
  readonly #actors = new Set<string>();
  #lineNumber = 0;
  #seq = -1;
  #timeNs = 0;

  /** A dash is standard input. */
  constructor(path: string) {
    this.path = path === "-" ? "/dev/stdin" : path;
  }

  /** All records, once. Throws {@link TraceFormatError} for what is no trace, at the line at which that shows. */
  async *records(): AsyncGenerator<TraceRecord> {
    for await (const { text, isWhole } of this.#lines()) {
      this.#lineNumber++;
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        // A line without its end is what is left of a writer that was stopped.
        if (!isWhole && this.header !== undefined) {
          this.cut = `line ${this.#lineNumber} is cut: the trace was not written to its end`;
          return;
        }
        this.#fail(`is no JSON: ${shown(text)}`);
      }
      yield this.#checked(value);
    }
    if (this.header === undefined) throw new TraceFormatError(`${this.#name} is empty: a trace begins with a header.`);
    if (this.end === undefined)
      this.cut = `it ends behind line ${this.#lineNumber} without an end: the trace was not written to its end`;
  }

  get #name(): string {
    return this.path === "/dev/stdin" ? "standard input" : this.path;
  }

  async *#lines(): AsyncGenerator<{ readonly text: string; readonly isWhole: boolean }> {
    const decoder = new StringDecoder("utf8");
    let rest = "";
    try {
      for await (const chunk of createReadStream(this.path, { highWaterMark: 1 << 16 })) {
        const text = rest + decoder.write(chunk as Buffer);
        let start = 0;
        for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
          yield { text: text.slice(start, end), isWhole: true };
          start = end + 1;
        }
        rest = text.slice(start);
        if (rest.length > LINE_CHARACTERS_MAX) {
          this.#lineNumber++;
          this.#fail("does not end: this is no trace");
        }
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined || error instanceof TraceFormatError) throw error;
      throw new TraceFormatError(`${this.#name} cannot be read (${code}).`, { cause: error });
    }
    if (rest !== "") yield { text: rest, isWhole: false };
  }

  #checked(value: unknown): TraceRecord {
    const kind = (value as { kind?: unknown } | null)?.kind;
    if (typeof value !== "object" || value === null || typeof kind !== "string")
      this.#fail("has no kind: this is no record of a trace");
    if (this.end !== undefined) this.#fail("comes behind the end");
    if (this.header === undefined) return this.#checkedHeader(value as Partial<TraceHeader>);
    switch (kind) {
      case "header":
        this.#fail("is a second header: two traces in one file");
        break;
      case "actor":
        this.#addActor((value as { actor?: { id?: unknown } }).actor?.id);
        break;
      case "lost":
        this.#checkNumber(value, "count", 1);
        break;
      case "end":
        this.#checkNumber(value, "eventCount", 0);
        this.#checkNumber(value, "lostCount", 0);
        this.#checkReason(value as Partial<TraceEnd>);
        this.end = value as TraceEnd;
        break;
      default:
        this.#checkEvent(value as Partial<TraceEvent>);
    }
    return value as TraceRecord;
  }

  #checkedHeader(header: Partial<TraceHeader>): TraceHeader {
    const { kind, softbarTrace, devices, actors } = header;
    if (kind !== "header" || softbarTrace === undefined) this.#fail("is no header: this is no softbar trace");
    if (softbarTrace !== TRACE_VERSION)
      this.#fail(`says version ${softbarTrace}; this softbar reads version ${TRACE_VERSION}`);
    if (!Array.isArray(devices) || !Array.isArray(actors) || typeof header.run !== "string")
      this.#fail("is a header without its devices, actors or kind of run");
    for (const actor of actors) this.#addActor(actor?.id);
    this.header = header as TraceHeader;
    return this.header;
  }

  #addActor(id: unknown): void {
    if (typeof id !== "string" || id === "") this.#fail("names an actor without an id");
    this.#actors.add(id);
  }

  #checkEvent({ seq, timeNs, actor, after }: Partial<TraceEvent>): void {
    if (!Number.isSafeInteger(seq) || (seq as number) <= this.#seq)
      this.#fail(`has the number ${JSON.stringify(seq)} behind ${this.#seq}: numbers rise`);
    if (typeof timeNs !== "number" || !(timeNs >= this.#timeNs))
      this.#fail(`has the time ${JSON.stringify(timeNs)} behind ${this.#timeNs}: time does not go back`);
    if (typeof actor !== "string" || !this.#actors.has(actor))
      this.#fail(`is of an actor that nobody has named: ${JSON.stringify(actor)}`);
    for (const edge of after ?? []) {
      if (!Number.isSafeInteger(edge?.from) || edge.from >= (seq as number) || edge.from < 0)
        this.#fail(`comes after ${JSON.stringify(edge?.from)}, which is no event before it`);
    }
    this.#seq = seq as number;
    this.#timeNs = timeNs;
  }

  #checkNumber(value: object, name: string, least: number): void {
    const number = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof number === "number" && number >= least) return;
    this.#fail(`has ${name} ${JSON.stringify(number)}: want a number from ${least} on`);
  }

  #checkReason({ reason, message }: Partial<TraceEnd>): void {
    if (!END_REASONS.includes(reason as TraceEnd["reason"]))
      this.#fail(`ends for the reason ${JSON.stringify(reason)}: want ${END_REASONS.join(", ")}`);
    if (typeof message !== "string") this.#fail("ends without a message, which may be empty");
  }

  #fail(what: string): never {
    throw new TraceFormatError(`${this.#name}: line ${this.#lineNumber} ${what}.`);
  }
}

function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text);
}
