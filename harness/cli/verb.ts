import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import type { CatalogueEntry } from "./catalogue.ts";
import { UsageError } from "./exit-codes.ts";
import { suggestion } from "./suggest.ts";

/** A flag of a verb. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** What its value is called in the help; a flag without one is on or off. */
  readonly value?: string;
  /** Where the value may be left out: whether the word behind the flag is one. Without a value it is "". */
  readonly takesValue?: (word: string) => boolean;
  readonly about: string;
}

/** What was typed behind a verb. */
export interface Arguments {
  readonly positionals: readonly string[];
  /** The value of a flag; undefined when it was not given. The last one counts. */
  value(name: string): string | undefined;
  /** Whether an on-off flag was given. */
  has(name: string): boolean;
}

/** A verb of the command line. */
export interface Verb {
  readonly name: string;
  /** One line for the list of verbs. */
  readonly about: string;
  /** "[FILE]": what stands behind the verb. */
  readonly operands: string;
  readonly operandLimit: number;
  readonly flags: readonly Flag[];
  /** Further lines of help: examples. */
  readonly examples: readonly string[];
  /** Paragraphs below the flags, for what a line cannot say. */
  readonly notes?: readonly string[];
  /**
   * Resolves with the exit code. Throws UsageError for values that make no sense. `racesUrl` is the module of the
   * scenarios that can be explored by name, or empty.
   */
  run(given: Arguments, catalogue: readonly CatalogueEntry[], racesUrl: string): Promise<number>;
}

/** Flags that every verb has. */
const COMMON_FLAGS: readonly Flag[] = [
  { name: "json", about: "print one JSON object and nothing else on standard output" },
  { name: "help", about: "print this, or -h" },
];

/** Takes the words behind a verb apart. Throws UsageError, in one sentence, for what the verb does not know. */
export function parseArguments(verb: Verb, words: readonly string[]): Arguments {
  const flags = [...verb.flags, ...COMMON_FLAGS];
  const options: ParseArgsOptionsConfig = Object.fromEntries(
    flags.map((flag) => [flag.name, { type: flag.value === undefined ? "boolean" : "string" }]),
  );
  const { tokens } = parseArgs({
    args: withEmptyValues(flags, words),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string | undefined>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    checkFlag(flags, token.name, token.rawName, token.value);
    values.set(token.name, token.value);
  }
  if (positionals.length > verb.operandLimit) {
    const extra = positionals[verb.operandLimit];
    const usage = `softbar ${verb.name} ${verb.operands}`.trimEnd();
    throw new UsageError(`"${extra}" is one word too many: usage is "${usage}".`);
  }
  return { positionals, value: (name) => values.get(name), has: (name) => values.has(name) };
}

/** Flags that stand without their optional value get an empty one, before the next word is taken for it. */
function withEmptyValues(flags: readonly Flag[], words: readonly string[]): string[] {
  return words.map((word, index) => {
    const flag = flags.find(({ name }) => word === `--${name}`);
    const next = words[index + 1];
    if (flag?.takesValue === undefined || (next !== undefined && flag.takesValue(next))) return word;
    return `${word}=`;
  });
}

function checkFlag(flags: readonly Flag[], name: string, rawName: string, value: string | undefined): void {
  const flag = flags.find((known) => known.name === name);
  if (flag === undefined) {
    const known = flags.map((other) => `--${other.name}`);
    const hint = suggestion(rawName, known, "") || "; --help lists the flags.";
    throw new UsageError(`There is no flag ${rawName}${hint}`);
  }
  if (flag.value === undefined && value !== undefined) throw new UsageError(`--${name} takes no value.`);
  if (flag.value !== undefined && flag.takesValue === undefined && (value === undefined || value === "")) {
    throw new UsageError(`--${name} needs a value: --${name} ${flag.value}.`);
  }
}

/** The help of one verb. */
export function helpOf(verb: Verb): string {
  const flags = [...verb.flags, ...COMMON_FLAGS];
  const names = flags.map(({ name, value, takesValue }) => {
    if (value === undefined) return `--${name}`;
    return takesValue === undefined ? `--${name} ${value}` : `--${name} [${value}]`;
  });
  const width = Math.max(...names.map((name) => name.length));
  const lines = flags.map((flag, index) => `  ${(names[index] ?? "").padEnd(width)}  ${flag.about}`);
  const examples = verb.examples.length === 0 ? [] : ["", "Examples:", ...verb.examples.map((line) => `  ${line}`)];
  return [
    `softbar ${[verb.name, verb.operands].filter((word) => word !== "").join(" ")} [flags]`,
    `  ${verb.about}`,
    "",
    "Flags:",
    ...lines,
    ...(verb.notes ?? []).flatMap((note) => ["", note]),
    ...examples,
    "",
  ].join("\n");
}

/** The same as data. */
export function helpData({ name, about, operands, flags, examples, notes = [] }: Verb): object {
  return { name, about, operands, flags: [...flags, ...COMMON_FLAGS], notes, examples };
}

/** A flag's value as a whole number from `min` on; undefined when it was not given. Throws UsageError otherwise. */
export function wholeNumber(given: Arguments, name: string, min: number): number | undefined {
  const text = given.value(name);
  if (text === undefined) return undefined;
  const number = Number(text.replaceAll("_", ""));
  if (/^[\d_]+$/.test(text) && Number.isSafeInteger(number) && number >= min) return number;
  throw new UsageError(`--${name} ${text} makes no sense: want a whole number, ${min} or more.`);
}
