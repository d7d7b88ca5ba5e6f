import type { FindingKind } from "../run/findings.ts";

/** A rule that findings name, as the catalogue tells it. */
export interface Rule {
  readonly name: string;
  /** Its severity. `violation`: the driver is wrong. `note`: look at it; a card would take it, or the rule may be mistaken. */
  readonly kind: FindingKind;
  /** What the driver did. */
  readonly what: string;
  /** What hardware does then. */
  readonly hardware: string;
  /** What to do. */
  readonly cure: string;
  /** Not seen on threads: it needs the driver's every access, which there goes past the testbed. */
  readonly foldedOnly?: boolean;
}

/** A catalogue's line for each rule of one severity. */
export type RuleText = readonly [what: string, hardware: string, cure: string];

/** A catalogue from a table by name. */
export function ruleTable(
  kind: FindingKind,
  texts: Readonly<Record<string, RuleText>>,
  options: { readonly foldedOnly?: boolean } = {},
): readonly Rule[] {
  return Object.entries(texts).map(([name, [what, hardware, cure]]) => ({
    name,
    kind,
    what,
    hardware,
    cure,
    ...(options.foldedOnly === true ? { foldedOnly: true } : {}),
  }));
}

/**
 * Which rules a testbed minds. False: only what the devices themselves see, and nothing is watched on the driver's side.
 * A rule with false is not reported: `{ "unmask-without-recheck": false }`.
 */
export type SanitizeOptions = boolean | Readonly<Record<string, boolean>>;

/** Whether the driver's side is watched. */
export function isWatching(options: SanitizeOptions | undefined): boolean {
  return options !== false;
}

/** The rules that are switched off. */
export function silencedRules(options: SanitizeOptions | undefined): ReadonlySet<string> {
  if (typeof options !== "object") return new Set();
  return new Set(Object.keys(options).filter((name) => options[name] === false));
}

/** Whether data races are looked for where nothing else is said. */
export function mindsRaces(options: SanitizeOptions | undefined): boolean {
  return isWatching(options) && !silencedRules(options).has("data-race");
}

/** Throws RangeError for a rule that nobody has: its name is misspelt, and nothing would be switched off. */
export function checkRuleNames(options: SanitizeOptions | undefined, known: readonly Rule[]): void {
  if (typeof options !== "object") return;
  for (const name of Object.keys(options))
    if (!known.some((rule) => rule.name === name))
      throw new RangeError(`sanitize: there is no rule "${name}"; "softbar rules" lists them`);
}
