import type { Rule } from "../../emulator/sanitize/rule.ts";
import { allRules } from "../../emulator/sanitize/rules.ts";
import { declarationOfEntry } from "./catalogue.ts";
import { EXIT_PASSED, UsageError } from "./exit-codes.ts";
import { suggestion } from "./suggest.ts";
import { folded, painter } from "./terminal.ts";
import type { Verb } from "./verb.ts";

const LINE_WIDTH = 100;
const INDENT = "    ";

/** `softbar rules`: what findings can name, with its severity, what hardware does and what to do. */
export const rules: Verb = {
  name: "rules",
  about: "lists the rules that findings name: severity, what hardware does, what to do",
  operands: "[NAME]...",
  operandLimit: Number.POSITIVE_INFINITY,
  flags: [],
  examples: [
    "softbar rules                       # of the machine and of every device in the list",
    "softbar rules tail-beyond-ring      # one of them",
    'softbar rules "*-in-flight"         # those that the pattern fits',
  ],
  notes: [
    "A violation is wrong for certain; a note is worth a look, and may be mistaken. A rule marked * needs the driver's every " +
      'access and is seen in folded and explored runs. plugIn(…, { sanitize: { "RULE": false } }) switches one off.',
  ],
  async run(given, catalogue) {
    const all = allRules(await Promise.all(catalogue.map(declarationOfEntry)));
    const names = given.positionals;
    const chosen = names.length === 0 ? all : names.flatMap((name) => rulesNamed(name, all));
    if (given.has("json")) console.log(JSON.stringify({ rules: chosen }));
    else for (const rule of chosen) console.log(textOf(rule, names.length === 0));
    return EXIT_PASSED;
  },
};

function rulesNamed(pattern: string, all: readonly Rule[]): readonly Rule[] {
  const source = pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  const expression = new RegExp(`^${source}$`, "i");
  const found = all.filter(({ name }) => expression.test(name));
  if (found.length > 0) return found;
  const hint =
    suggestion(
      pattern,
      all.map(({ name }) => name),
    ) || '; "softbar rules" lists them.';
  throw new UsageError(`There is no rule "${pattern}"${hint}`);
}

function textOf(rule: Rule, isList: boolean): string {
  const paint = painter(process.stdout);
  const kind = rule.kind === "violation" ? paint("red", "violation") : paint("yellow", "note     ");
  const head = `${kind}  ${paint("bold", rule.name)}${rule.foldedOnly === true ? " *" : ""}`;
  if (isList) return [head, ...indented(`${rule.what} ${rule.hardware}`)].join("\n");
  return [
    head,
    ...indented(rule.what),
    ...indented(`Hardware: ${rule.hardware}`),
    ...indented(`Do: ${rule.cure}`),
  ].join("\n");
}

function indented(text: string): string[] {
  return folded(text.split(" "), LINE_WIDTH - INDENT.length).map((line) => INDENT + line);
}
