import type { TraceRecord } from "./trace-event.ts";
import type { TraceOutput } from "./trace-output.ts";

/** Puts a trace into another form while it reads along: what it keeps does not grow with the trace. */
export interface TraceWriter {
  write(record: TraceRecord): void;
  /** After the last record. The output stays open. */
  end(): void;
}

/** The interchange form itself. */
export class JsonLinesWriter implements TraceWriter {
  readonly #output: TraceOutput;

  constructor(output: TraceOutput) {
    this.#output = output;
  }

  write(record: TraceRecord): void {
    this.#output.write(`${JSON.stringify(record)}\n`);
  }

  end(): void {
    // Every line stands for itself.
  }
}
