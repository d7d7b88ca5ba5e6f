import { checkOptionNames } from "../option-names.ts";
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
 * How much of a threaded run is looked at for data races. The transfers of all cards of the testbed count, DMA reads and
 * writes; the windows lie where the seed says, one in each stretch, and the first one at the beginning.
 */
export interface RaceSampling {
  /** Transfers of a stretch. 1 to 2^31 - 1, default 65,536. */
  readonly every?: number;
  /** Of so many in a row the driver's accesses are judged; as many as a stretch has: of all. 1 to 2^20, default 2,048. */
  readonly transfers?: number;
  /** Where the windows lie. Default 1. */
  readonly seed?: number;
}

/** The rule that {@link RaceSampling} is about. */
const DATA_RACE = "data-race";
const SAMPLING_DEFAULTS: Required<RaceSampling> = { every: 65_536, transfers: 2048, seed: 1 };
const WINDOW_LIMIT = 2 ** 20;

/**
 * Which rules a testbed minds. False: only what the devices themselves see, and nothing is watched on the driver's side.
 * A rule with false is not reported: `{ "unmask-without-recheck": false }`. `{ "data-race": { every: 1, transfers: 1 } }`
 * looks for data races in all of a threaded run: {@link RaceSampling}.
 */
export type SanitizeOptions = boolean | Readonly<Record<string, boolean | RaceSampling>>;

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
  return isWatching(options) && !silencedRules(options).has(DATA_RACE);
}

/** How a threaded run is to be looked at for data races; undefined for not at all. Throws RangeError for what cannot be. */
export function raceSampling(options: SanitizeOptions | undefined): Required<RaceSampling> | undefined {
  if (!mindsRaces(options)) return undefined;
  const wish = typeof options === "object" ? options[DATA_RACE] : undefined;
  if (typeof wish === "object") checkOptionNames(`sanitize, "${DATA_RACE}"`, wish, SAMPLING_DEFAULTS);
  const sampling = { ...SAMPLING_DEFAULTS, ...(typeof wish === "object" ? wish : {}) };
  checkWhole("every", sampling.every, 1, 2 ** 31 - 1);
  checkWhole("transfers", sampling.transfers, 1, WINDOW_LIMIT);
  checkWhole("seed", sampling.seed, 0, Number.MAX_SAFE_INTEGER);
  return sampling;
}

/**
 * Throws RangeError for a rule that nobody has: its name is misspelt, and nothing would be switched off. The same for one that
 * takes no more than yes and no, and for a sampling that cannot be.
 */
export function checkRuleNames(options: SanitizeOptions | undefined, known: readonly Rule[]): void {
  if (typeof options !== "object") return;
  for (const [name, wish] of Object.entries(options)) {
    if (!known.some((rule) => rule.name === name))
      throw new RangeError(`sanitize: there is no rule "${name}"; "softbar rules" lists them`);
    if (typeof wish === "object" && name !== DATA_RACE)
      throw new RangeError(`sanitize: "${name}" takes true or false; sampling is for "${DATA_RACE}"`);
  }
  raceSampling(options);
}

function checkWhole(name: string, value: number, lowest: number, highest: number): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  throw new RangeError(`sanitize: ${name} of "${DATA_RACE}" is ${value}: want a whole number, ${lowest} to ${highest}`);
}
