/** `violation`: the driver broke a rule. `note`: it touched what is not modelled, or did something pointless that a card would take. */
export type FindingKind = "violation" | "note";

/** One broken rule at one place; repeats are counted. Structured-cloneable. */
export interface Finding {
  readonly kind: FindingKind;
  /** Short name of the rule: "dma-outside-map". */
  readonly rule: string;
  /** The device's name. */
  readonly device: string;
  /** Register, ring or address, as in the message. */
  readonly place: string;
  /** What happened, what the card did, what to do. */
  readonly message: string;
  /** How often, the first time included. */
  count: number;
  /** Clock time of the first, in nanoseconds. */
  readonly atNs: number;
  /**
   * Where the driver was when it was found the first time: "my-driver.ts:112". In folded runs the access that set it off; in
   * explored ones too if the driver's side found it, else what the driver was at by then. On threads only what the driver's
   * own thread finds has it.
   */
  readonly line?: string;
}

/** A driver that breaks a rule on every packet must not fill the memory: kinds beyond this are only counted. */
const FINDING_LIMIT = 1000;

/** Collects the findings about one device's driver. The run goes on as hardware would. */
export class FindingLog {
  readonly findings: Finding[] = [];
  /** Findings that came after the limit of {@link FINDING_LIMIT} different ones. */
  overflowCount = 0;
  /** By rule, then place: a key of both would be garbage at every repeat. */
  readonly #byRule = new Map<string, Map<string, Finding>>();
  readonly #device: string;
  readonly #now: Float64Array;
  readonly #silenced: ReadonlySet<string>;
  /** Called with every new finding. */
  onFinding: (finding: Finding) => void = () => {};
  /** The driver's line under way, "" for none. Asked for new findings only: it takes a stack. */
  lineOf: ((kind: FindingKind, rule: string, place: string) => string) | undefined;

  /** `silenced`: rules that nobody wants to hear of. */
  constructor(device: string, now: Float64Array, silenced: ReadonlySet<string> = new Set()) {
    this.#device = device;
    this.#now = now;
    this.#silenced = silenced;
  }

  /** Forgets everything: what follows is another run. */
  clear(): void {
    this.findings.length = 0;
    this.overflowCount = 0;
    this.#byRule.clear();
  }

  /** Back to what was found before; nobody is told again. */
  restore(findings: readonly Finding[]): void {
    this.clear();
    for (const finding of findings) {
      const copy = { ...finding };
      this.findings.push(copy);
      const byPlace = this.#byRule.get(copy.rule) ?? new Map<string, Finding>();
      this.#byRule.set(copy.rule, byPlace.set(copy.place, copy));
    }
  }

  record(kind: FindingKind, rule: string, place: string, text: () => string): void {
    const known = this.#byRule.get(rule)?.get(place);
    if (known !== undefined) {
      known.count++;
      return;
    }
    if (this.findings.length >= FINDING_LIMIT) {
      this.overflowCount++;
      return;
    }
    if (this.#silenced.has(rule)) return;
    const line = this.lineOf?.(kind, rule, place) ?? "";
    const finding: Finding = {
      kind,
      rule,
      device: this.#device,
      place,
      message: text(),
      count: 1,
      atNs: this.#now[0] as number,
      ...(line === "" ? {} : { line }),
    };
    const byPlace = this.#byRule.get(rule);
    if (byPlace === undefined) this.#byRule.set(rule, new Map([[place, finding]]));
    else byPlace.set(place, finding);
    this.findings.push(finding);
    this.onFinding(finding);
  }
}
