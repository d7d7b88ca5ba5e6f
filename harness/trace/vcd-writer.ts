import type { TraceRecord } from "./trace-event.ts";
import type { TraceHeader } from "./trace-header.ts";
import type { TraceOutput } from "./trace-output.ts";
import type { TraceWriter } from "./trace-writer.ts";
import { VcdChanges, type VcdSignal } from "./vcd-signals.ts";

/** Printable characters that name signals (IEEE 1364, 18.2.1). */
const FIRST_CODE = 33;
const CODE_COUNT = 94;
/** From one event of an explored run to the next. */
const STEP_NS = 1;

/**
 * Finds out which signals a trace has: a VCD file declares them before their first change, so that the trace is read
 * twice.
 */
export class VcdSurvey {
  /** By key; in the order in which they first appear. */
  readonly signals: Map<string, VcdSignal> = new Map();
  readonly #changes = new VcdChanges();
  readonly #taken = new Set<string>();

  see(record: TraceRecord): void {
    this.#changes.see(record, (key, scope, name, width, value) => {
      const known = this.signals.get(key);
      if (known !== undefined) {
        known.width = Math.max(known.width, width);
        return;
      }
      const type = value === undefined ? "event" : "wire";
      const signal = {
        name: this.#free(scope, name),
        scope,
        type,
        width,
        code: codeOf(this.signals.size),
        last: "",
      } as const;
      this.signals.set(key, { ...signal });
    });
  }

  /** Two signals of a scope never have one name. */
  #free(scope: readonly string[], name: string): string {
    for (let count = 1; ; count++) {
      const free = count === 1 ? name : `${name}_${count}`;
      const path = [...scope, free].join(".");
      if (this.#taken.has(path)) continue;
      this.#taken.add(path);
      return free;
    }
  }
}

/**
 * A trace as value changes (IEEE 1364-2005, 18): for GTKWave and every other viewer of waveforms. Times are in whole
 * nanoseconds. Explored runs stand still in time, so their events are a nanosecond apart: time n is that of event n.
 */
export class VcdWriter implements TraceWriter {
  readonly #output: TraceOutput;
  readonly #signals: ReadonlyMap<string, VcdSignal>;
  readonly #changes = new VcdChanges();
  #timeNs = -1;
  #isExplored = false;

  /** `survey` has seen the whole trace. */
  constructor(output: TraceOutput, survey: VcdSurvey) {
    this.#output = output;
    this.#signals = survey.signals;
  }

  write(record: TraceRecord): void {
    if (record.kind === "header") this.#begin(record);
    if (record.kind === "lost") this.#output.write(`$comment ${record.count} events are missing before here $end\n`);
    const timeNs = this.#timeOf(record);
    this.#changes.see(record, (key, _scope, _name, _width, value) => {
      const signal = this.#signals.get(key);
      if (signal === undefined) throw new Error(`a signal that the survey has not seen: ${key}`);
      this.#change(signal, value, timeNs);
    });
  }

  end(): void {
    // The last change is as good an end as any.
  }

  #timeOf(record: TraceRecord): number {
    if (!("timeNs" in record)) return this.#timeNs;
    if (!this.#isExplored) return Math.round(record.timeNs);
    return "seq" in record ? record.seq * STEP_NS : this.#timeNs;
  }

  #change(signal: VcdSignal, value: bigint | undefined, timeNs: number): void {
    const text = value === undefined ? "1" : value.toString(2);
    if (value !== undefined && text === signal.last) return;
    signal.last = text;
    if (timeNs > this.#timeNs) {
      this.#timeNs = timeNs;
      this.#output.write(`#${timeNs}\n`);
    }
    this.#output.write(signal.width === 1 ? `${text}${signal.code}\n` : `b${text} ${signal.code}\n`);
  }

  #begin({ title, run }: TraceHeader): void {
    this.#isExplored = run === "explored";
    const words = title.replaceAll("$", "_");
    this.#output.write(`$version softbar $end\n$comment ${words} (${run}) $end\n`);
    this.#output.write("$comment A register holds what last crossed the bus, written or read. $end\n");
    if (this.#isExplored) this.#output.write("$comment Time is order alone: event n of the trace is at n ns. $end\n");
    this.#output.write("$timescale 1 ns $end\n");
    const open: string[] = [];
    for (const signal of sorted([...this.#signals.values()])) {
      this.#enter(open, signal.scope);
      const range = signal.width === 1 ? "" : ` [${signal.width - 1}:0]`;
      this.#output.write(`$var ${signal.type} ${signal.width} ${signal.code} ${signal.name}${range} $end\n`);
    }
    this.#enter(open, []);
    this.#output.write("$enddefinitions $end\n#0\n$dumpvars\n");
    this.#timeNs = 0;
    for (const { type, width, code } of this.#signals.values())
      if (type === "wire") this.#output.write(width === 1 ? `x${code}\n` : `bx ${code}\n`);
    this.#output.write("$end\n");
  }

  /** Closes and opens modules until `scope` is the open one. */
  #enter(open: string[], scope: readonly string[]): void {
    let common = 0;
    while (common < open.length && open[common] === scope[common]) common++;
    for (; open.length > common; open.pop()) this.#output.write("$upscope $end\n");
    for (const name of scope.slice(common)) {
      this.#output.write(`$scope module ${name} $end\n`);
      open.push(name);
    }
  }
}

/** By scope, a module's own signals before those of the modules in it. */
function sorted(signals: VcdSignal[]): VcdSignal[] {
  const path = ({ scope }: VcdSignal): string => scope.join("\u0000");
  return signals.sort((a, b) => (path(a) < path(b) ? -1 : path(a) > path(b) ? 1 : a.name.localeCompare(b.name, "en")));
}

function codeOf(number: number): string {
  let code = "";
  for (let rest = number; ; rest = Math.floor(rest / CODE_COUNT) - 1) {
    code = String.fromCharCode(FIRST_CODE + (rest % CODE_COUNT)) + code;
    if (rest < CODE_COUNT) return code;
  }
}
