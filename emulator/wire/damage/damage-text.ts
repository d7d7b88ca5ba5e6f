import { parseDuration } from "../../clock/duration.ts";
import { checkDamagePlan, type DamagePlan, type DamageRule, type InclusiveRange } from "./damage-plan.ts";
import { SEQUENCE_PROTOCOLS, type SequenceProtocol } from "./frame-sequence.ts";

type Writable = { -readonly [Key in keyof DamageRule]: DamageRule[Key] };

/** What can be said of a rule, by the word that says it. */
const RULE_WORDS: Readonly<Record<string, (rule: Writable, text: string) => void>> = {
  line: (rule, text) => (rule.line = text),
  sequence: (rule, text) => (rule.sequences = ranges(text)),
  frame: (rule, text) => (rule.frames = ranges(text)),
  loss: (rule, text) => (rule.loss = number(text)),
  "burst-loss": (rule, text) => (rule.burstLoss = number(text)),
  "burst-length": (rule, text) => (rule.burstLength = number(text)),
  "burst-density": (rule, text) => (rule.burstDensity = number(text)),
  duplicate: (rule, text) => (rule.duplicate = number(text)),
  "duplicate-delay": (rule, text) => (rule.duplicateDelayNs = parseDuration(text)),
  reorder: (rule, text) => (rule.reorder = number(text)),
  "reorder-window": (rule, text) => (rule.reorderWindow = number(text)),
  "reorder-time": (rule, text) => (rule.reorderTimeNs = parseDuration(text)),
  delay: (rule, text) => (rule.delayNs = parseDuration(text)),
  jitter: (rule, text) => (rule.jitterNs = parseDuration(text)),
  corrupt: (rule, text) => (rule.corrupt = number(text)),
};

/** Said once for all rules. */
const PLAN_WORDS = ["seed", "protocol"] as const;

/**
 * A plan in words: `loss=0.01,duplicate=0.001,seed=7,line=233.54.12.111:26477`. A semicolon begins the next rule:
 * `line=:15348,sequence=17..19,loss=1; delay=50us,jitter=10us`.
 * @throws RangeError in one sentence for what makes no sense.
 */
export function parseDamage(text: string): DamagePlan {
  const plan: { seed?: number; protocol?: SequenceProtocol } = {};
  const rules: Writable[] = [];
  for (const part of text.split(";")) {
    const rule: Writable = {};
    for (const item of part.split(",")) {
      const [, word = "", value = ""] = /^\s*([a-z-]+)=(.+?)\s*$/.exec(item) ?? [];
      if (word === "") throw new RangeError(`"${item.trim()}" is no word=value, as in loss=0.01.`);
      if (word === "seed") plan.seed = wholeNumber(value);
      else if (word === "protocol") plan.protocol = protocol(value);
      else if (Object.hasOwn(RULE_WORDS, word)) RULE_WORDS[word]?.(rule, value);
      else throw new RangeError(`"${word}" is no damage; there are ${damageWords().join(", ")}.`);
    }
    if (Object.keys(rule).length > 0) rules.push(rule);
  }
  const whole = { ...plan, rules };
  checkDamagePlan(whole);
  if (!rules.some(doesAnything)) throw new RangeError(`"${text}" damages nothing: say loss, duplicate, reorder, …`);
  return whole;
}

/** All words of {@link parseDamage}, for help. */
export function damageWords(): string[] {
  return [...Object.keys(RULE_WORDS), ...PLAN_WORDS];
}

const PLAN_FIELDS = ["seed", "protocol", "rules", "events"];
const RULE_FIELDS = [
  ...["line", "sequences", "frames", "loss", "burstLoss", "burstLength", "burstDensity", "duplicate", "corrupt"],
  ...["duplicateDelayNs", "reorder", "reorderWindow", "reorderTimeNs", "delayNs", "jitterNs"],
];

/**
 * A plan as JSON: the fields of {@link DamagePlan}. @throws RangeError in one sentence when it is none; a field that does
 * not exist is refused, so that a slip does not pass for no damage.
 */
export function damageFromJson(text: string): DamagePlan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The parser quotes what it stumbled over, line ends and all.
    const reason = (error as Error).message.replace(/\s+/g, " ");
    throw new RangeError(`the damage is no JSON: ${reason}.`, { cause: error });
  }
  checkFields(value, PLAN_FIELDS, "the damage");
  const plan = value as DamagePlan;
  if (![plan.rules ?? [], plan.events ?? []].every(Array.isArray)) {
    throw new RangeError("the damage has rules or events that are no list.");
  }
  for (const rule of plan.rules ?? []) checkFields(rule, RULE_FIELDS, "a rule of the damage");
  const kinds: Readonly<Record<string, readonly string[]>> = EVENT_FIELDS;
  for (const event of plan.events ?? []) {
    const fields = Object.hasOwn(kinds, event?.what ?? "") ? kinds[event.what] : undefined;
    if (fields === undefined) {
      throw new RangeError(`an event of the damage is none of ${Object.keys(kinds).join(", ")}.`);
    }
    checkFields(event, ["frame", "what", ...fields], "an event of the damage");
  }
  if (plan.protocol !== undefined) protocol(plan.protocol);
  checkDamagePlan(plan);
  return plan;
}

const EVENT_FIELDS = {
  lost: [],
  duplicated: ["delayNs"],
  reordered: ["frameCount", "withinNs"],
  delayed: ["delayNs"],
  corrupted: ["bit"],
} as const;

function checkFields(value: unknown, known: readonly string[], what: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RangeError(`${what} is no object with ${known.join(", ")}.`);
  }
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) throw new RangeError(`${what} has no field "${name}"; there are ${known.join(", ")}.`);
  }
}

function doesAnything({ loss = 0, burstLoss = 0, duplicate = 0, reorder = 0, delayNs = 0, corrupt = 0 }: DamageRule) {
  return loss > 0 || burstLoss > 0 || duplicate > 0 || reorder > 0 || delayNs > 0 || corrupt > 0;
}

function number(text: string): number {
  const percent = text.endsWith("%");
  const digits = percent ? text.slice(0, -1) : text;
  const value = /^(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(digits) ? Number(digits) : Number.NaN;
  if (Number.isNaN(value)) throw new RangeError(`"${text}" is no number; write 0.01, 1e-6 or 1%.`);
  return percent ? value / 100 : value;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new RangeError(`"${text}" is no whole number from 0 on.`);
}

function protocol(text: string): SequenceProtocol {
  const known = SEQUENCE_PROTOCOLS.find((name) => name === text);
  if (known === undefined) {
    throw new RangeError(`"${text}" is no protocol with sequences; there are ${SEQUENCE_PROTOCOLS.join(", ")}.`);
  }
  return known;
}

/** "17..19", "17", "17..19+25". */
function ranges(text: string): InclusiveRange[] {
  return text.split("+").map((part) => {
    const [, first = "", last = first] = /^(\d+)(?:\.\.(\d+))?$/.exec(part.trim()) ?? [];
    if (first === "") throw new RangeError(`"${part}" is no range; write 17, 17..19 or 17..19+25.`);
    return [wholeNumber(first), wholeNumber(last)];
  });
}
