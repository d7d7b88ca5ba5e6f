import { parseTimeWindow, TRACE_PARTS, type TraceFilterOptions, type TracePart } from "./trace-filter.ts";

const WORDS = {
  device: "devices",
  register: "registers",
  kind: "kinds",
  actor: "actors",
} as const;

/**
 * Reads "register=RDT*+TDT*,kind=dma-*,time=1ms..2ms". @throws RangeError in one sentence for what it does not know, or a
 * word that is given twice.
 */
export function parseTraceFilter(text: string): TraceFilterOptions {
  const options: { -readonly [Key in keyof TraceFilterOptions]: TraceFilterOptions[Key] } = {};
  const seen = new Set<string>();
  for (const part of text.split(",")) {
    const [name = "", value = "", ...rest] = part.trim().split("=");
    if (value === "" || rest.length > 0) throw new RangeError(`"${part}" is no word=value.`);
    if (seen.has(name)) throw new RangeError(`${name} is given twice; a + separates alternatives: ${name}=A+B.`);
    seen.add(name);
    if (name === "time") Object.assign(options, parseTimeWindow(value));
    else if (name === "part") options.part = partOf(value);
    else if (Object.hasOwn(WORDS, name)) options[WORDS[name as keyof typeof WORDS]] = value.split("+");
    else throw new RangeError(`there is no "${name}"; want device, register, kind, actor, part or time.`);
  }
  return options;
}

function partOf(word: string): TracePart {
  const part = TRACE_PARTS.find((known) => known === word);
  if (part === undefined) throw new RangeError(`there is no part "${word}"; want ${TRACE_PARTS.join(" or ")}.`);
  return part;
}
