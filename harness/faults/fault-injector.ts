import { deriveSeed, Rng } from "../../emulator/run/rng.ts";
import { describeFault, FAULT_KINDS, type FaultKind, faultNumber } from "./fault-kinds.ts";
import { checkRule, type FaultRule } from "./fault-rules.ts";

/** An occurrence at which a fault could strike, or has struck. Structured-cloneable. */
export interface FaultSite {
  readonly kind: FaultKind;
  /** Which occurrence of its kind, from 1 on since the testbed was plugged in. */
  readonly nth: number;
  /** What the card or driver was doing: "descriptors 0–3 of receive queue 0". */
  readonly where: string;
}

/** What {@link FaultInjector.report} says of one kind. */
export interface FaultCount {
  readonly met: number;
  readonly struck: number;
}

/** Structured-cloneable. */
export interface FaultReport {
  /** By kind: how often it could have struck and did. Kinds that nothing met are left out. */
  readonly counts: Readonly<Partial<Record<FaultKind, FaultCount>>>;
  /** Where faults have struck, in order; the first thousand. */
  readonly struck: readonly FaultSite[];
  /**
   * Rules that are armed and have not struck as often as they are to; of those by chance, those that never have. At the end of a
   * test such a fault was not tested.
   */
  readonly waiting: readonly WaitingFault[];
}

/** Structured-cloneable. */
export interface WaitingFault {
  readonly rule: FaultRule;
  /** How often its kind was met since it was armed, wherever. */
  readonly met: number;
  readonly struck: number;
}

/** Says in words what a wrapper was about to pass on; asked only when it is recorded or looked for. */
export interface FaultPlace {
  describe(kind: number, a: number, b: number): string;
}

const STRUCK_LIMIT = 1000;

interface ArmedRule {
  readonly rule: FaultRule;
  readonly nths: readonly number[] | undefined;
  readonly rng: Rng;
  /** How often its kind had been met when it was armed. */
  readonly metBefore: number;
  struckCount: number;
}

/** Decides which faults strike. One for all devices of a testbed in a thread; wrappers ask it at each occurrence. */
export class FaultInjector {
  /** How long the fault that has just struck lasts. */
  durationNs = 0;
  /** Called at each occurrence while it is set: for whoever looks for all of them. */
  onSite: ((site: FaultSite) => void) | undefined;
  readonly #met: Float64Array = new Float64Array(FAULT_KINDS.length);
  readonly #struckCounts: Float64Array = new Float64Array(FAULT_KINDS.length);
  readonly #rules: ArmedRule[][] = FAULT_KINDS.map(() => []);
  readonly #struck: FaultSite[] = [];
  /** Kinds for which there was a rule at any time. */
  readonly armedKinds: Set<FaultKind> = new Set();
  #armedCount = 0;

  /**
   * From here on `rules` hold, beside those that do already: the n-th is counted from now. Each has its own stream of chance,
   * from seed and order.
   */
  arm(rules: readonly FaultRule[], seed = 1): void {
    for (const rule of rules) checkRule(rule);
    for (const rule of rules) {
      const kind = faultNumber(rule.kind);
      this.armedKinds.add(rule.kind);
      const rng = new Rng(deriveSeed(seed, this.#armedCount++));
      this.#rules[kind]?.push(armedRule(rule, rng, this.#met[kind] as number, 0));
    }
  }

  /** Takes the rules of one kind back, or all. What has begun goes on: a link that is down comes up in its time. */
  disarm(kind?: FaultKind): void {
    if (kind === undefined) for (const rules of this.#rules) rules.length = 0;
    else (this.#rules[faultNumber(kind)] as ArmedRule[]).length = 0;
  }

  /** One more occurrence of a kind, of which `place` knows more: whether the fault strikes. Then {@link durationNs} is set. */
  meets(kind: number, place: FaultPlace, a: number, b: number): boolean {
    const nth = (this.#met[kind] as number) + 1;
    this.#met[kind] = nth;
    const rules = this.#rules[kind] as ArmedRule[];
    if (rules.length === 0 && this.onSite === undefined) return false;
    return this.#decide(kind, nth, rules, place, a, b);
  }

  /** How often a kind was met so far. */
  metOf(kind: number): number {
    return this.#met[kind] as number;
  }

  report(): FaultReport {
    const counts: Partial<Record<FaultKind, FaultCount>> = {};
    for (const [index, kind] of FAULT_KINDS.entries()) {
      const met = this.#met[index] as number;
      if (met > 0) counts[kind] = { met, struck: this.#struckCounts[index] as number };
    }
    const waiting = this.#rules.flatMap((rules, kind) =>
      rules.filter(isWaiting).map(({ rule, metBefore, struckCount }) => {
        return { rule, met: (this.#met[kind] as number) - metBefore, struck: struckCount };
      }),
    );
    return { counts, struck: this.#struck.slice(), waiting };
  }

  /** Counters, chance and rules as data, and back: a run that is set back meets the same faults again. */
  snapshot(): unknown {
    return {
      met: this.#met.slice(),
      struckCounts: this.#struckCounts.slice(),
      struckCount: this.#struck.length,
      rules: this.#rules.map((rules) =>
        rules.map(({ rule, rng, metBefore, struckCount }) => [rule, rng.state.slice(), metBefore, struckCount]),
      ),
    } satisfies InjectorState;
  }

  restore(state: unknown): void {
    const saved = state as InjectorState;
    this.#met.set(saved.met);
    this.#struckCounts.set(saved.struckCounts);
    this.#struck.length = Math.min(this.#struck.length, saved.struckCount);
    for (const [kind, rules] of saved.rules.entries()) {
      const armed = rules.map(([rule, words, ...counts]) => armedRule(rule, Rng.resume(words.slice()), ...counts));
      (this.#rules[kind] as ArmedRule[]).splice(0, Number.POSITIVE_INFINITY, ...armed);
    }
  }

  #decide(kind: number, nth: number, rules: ArmedRule[], place: FaultPlace, a: number, b: number): boolean {
    const name = FAULT_KINDS[kind] as FaultKind;
    let where: string | undefined;
    if (this.onSite !== undefined) {
      where = place.describe(kind, a, b);
      this.onSite({ kind: name, nth, where });
    }
    let strikes: ArmedRule | undefined;
    for (const armed of rules) {
      const { rule, nths, metBefore, struckCount } = armed;
      // Drawn at every occurrence, so that one rule does not shift the chance of another.
      const isDue = nths === undefined ? armed.rng.chance(rule.probability ?? 0) : nths.includes(nth - metBefore);
      if (!isDue || strikes !== undefined || struckCount >= (rule.limit ?? Number.POSITIVE_INFINITY)) continue;
      if (rule.where !== undefined) {
        where ??= place.describe(kind, a, b);
        if (!where.includes(rule.where)) continue;
      }
      strikes = armed;
    }
    if (strikes === undefined) return false;
    strikes.struckCount++;
    this.durationNs = strikes.rule.durationNs ?? describeFault(name).durationNs ?? 0;
    this.#struckCounts[kind] = (this.#struckCounts[kind] as number) + 1;
    where ??= place.describe(kind, a, b);
    if (this.#struck.length < STRUCK_LIMIT) this.#struck.push({ kind: name, nth, where });
    return true;
  }
}

interface InjectorState {
  readonly met: Float64Array;
  readonly struckCounts: Float64Array;
  readonly struckCount: number;
  readonly rules: (readonly [rule: FaultRule, chance: Uint32Array, metBefore: number, struckCount: number])[][];
}

function armedRule(rule: FaultRule, rng: Rng, metBefore: number, struckCount: number): ArmedRule {
  return { rule, nths: rule.nth === undefined ? undefined : [rule.nth].flat(), rng, metBefore, struckCount };
}

function isWaiting({ rule, nths, struckCount }: ArmedRule): boolean {
  if (nths !== undefined) return struckCount < Math.min(new Set(nths).size, rule.limit ?? Number.POSITIVE_INFINITY);
  return struckCount === 0 && rule.probability !== 0;
}
