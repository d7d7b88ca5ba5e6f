import { eventText } from "./event-text.ts";
import type { TraceEdge, TraceRecord } from "./trace-event.ts";
import type { TraceHeader } from "./trace-header.ts";
import type { TraceOutput } from "./trace-output.ts";
import type { TraceWriter } from "./trace-writer.ts";

const INDENT = " ".repeat(16);

/** A trace as people read it: a line for each event, with its number and those of the events that it comes after. */
export class TraceText implements TraceWriter {
  readonly #output: TraceOutput;
  readonly #hasNumbers: boolean;
  #header: TraceHeader | undefined;

  constructor(output: TraceOutput, options: { readonly numbers: boolean } = { numbers: true }) {
    this.#output = output;
    this.#hasNumbers = options.numbers;
  }

  write(record: TraceRecord): void {
    const line = this.#line(record);
    if (line !== "") this.#output.write(`${line}\n`);
  }

  end(): void {
    // The last line has been written.
  }

  #line(record: TraceRecord): string {
    switch (record.kind) {
      case "header":
        this.#header = record;
        return this.#hasNumbers ? titleOf(record) : "";
      case "actor":
        if (this.#header !== undefined)
          this.#header = { ...this.#header, actors: [...this.#header.actors, record.actor] };
        return "";
      case "lost":
        return `${INDENT}…  ${record.count.toLocaleString("en")} events left out: they came faster than they were taken away`;
      case "end":
        if (record.reason === "complete") return "";
        return `${INDENT}ends here, ${record.reason}: ${record.message}`.replace(/: $/, "");
      default: {
        const time = `${(record.timeNs / 1000).toFixed(3).padStart(14)} µs`;
        const line = record.line === undefined ? "" : `  ${record.line}`;
        const text = `${time}  ${eventText(record, this.#header)}${line}`;
        return this.#hasNumbers
          ? `${String(record.seq).padStart(8)} ${text}${(record.after ?? []).map(edgeText).join("")}`
          : text;
      }
    }
  }
}

/** "  ⟵ 12 post". */
function edgeText({ from, why }: TraceEdge): string {
  return `  ⟵ ${from} ${why}`;
}

function titleOf({ title, run, explored, filter }: TraceHeader): string {
  const parts = [title, run, explored?.model, explored?.verdict, filter === undefined ? undefined : `only ${filter}`];
  return parts.filter((part) => part !== undefined).join("   ");
}
