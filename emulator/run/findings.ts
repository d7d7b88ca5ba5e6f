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
  /** Where that was called from, innermost first: up to four lines. In folded and explored runs. */
  readonly calledFrom?: readonly string[];
}

/** A place in the driver's source: a line, and those that it was called from. */
export type DriverPlace = Required<Pick<Finding, "line" | "calledFrom">>;

/** The stack under way, kept as it is: to put it into words costs ten times as much as to keep it. */
export interface KeptStack {
  /** Made when it is asked for. */
  readonly stack: { readonly stack?: string };
  /** The driver's line, where another place than the stack has said it. */
  readonly announced: string;
}

/** A driver that breaks a rule on every packet must not fill the memory: kinds beyond this are only counted. */
const FINDING_LIMIT = 1000;
/** Lines of the driver that are told apart where one rule is broken at one place; repeats whose line is looked up. */
const LINES_PER_PLACE = 8;
const LOOKS_PER_PLACE = 256;

/** What was found of one rule at one place: one finding for each line of the driver, where that is asked for. */
interface Found {
  readonly findings: Finding[];
  looks: number;
}

/** Collects the findings about one device's driver. The run goes on as hardware would. */
export class FindingLog {
  readonly findings: Finding[] = [];
  /** Findings that came after the limit of {@link FINDING_LIMIT} different ones. The last finding says so. */
  overflowCount = 0;
  /** By rule, then place: a key of both would be garbage at every repeat. */
  readonly #byRule = new Map<string, Map<string, Found>>();
  readonly #device: string;
  readonly #now: Float64Array;
  readonly #silenced: ReadonlySet<string>;
  /** Called with every new finding. */
  onFinding: (finding: Finding) => void = () => {};
  /** The driver's line under way, "" for none. Not asked for at every repeat: it takes a stack. */
  lineOf: ((kind: FindingKind, rule: string, place: string, kept?: KeptStack) => string) | undefined;
  /** The lines that it was called from. Asked for where there is a line. */
  callersOf: ((kept?: KeptStack) => readonly string[]) | undefined;
  /** Keeps the stack for {@link lineOf} and {@link callersOf}. Absent: they are asked at once. */
  keepStack: (() => KeptStack) | undefined;

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
    if (this.#byRule.size > 0) this.#byRule.clear();
  }

  /** Back to what was found before; nobody is told again. */
  restore(findings: readonly Finding[]): void {
    this.clear();
    for (const finding of findings) this.#keep({ ...finding });
  }

  /** Where the driver is, for a finding of this kind that may only be recorded later, if ever; undefined where nobody knows. */
  here(kind: FindingKind, rule: string, place: string): DriverPlace | undefined {
    const kept = this.keepStack?.();
    return kept === undefined
      ? this.#placeOf(kind, rule, place)
      : new KeptPlace(() => this.#placeOf(kind, rule, place, kept));
  }

  #placeOf(kind: FindingKind, rule: string, place: string, kept?: KeptStack): DriverPlace | undefined {
    const line = this.lineOf?.(kind, rule, place, kept) ?? "";
    return line === "" ? undefined : { line, calledFrom: this.callersOf?.(kept) ?? [] };
  }

  /**
   * One more of a kind. `where`: where the driver was, or "here" for where it is, which then tells one finding from another at
   * the same place. Absent: it does not, as the finding is made in the card's own time.
   */
  record(kind: FindingKind, rule: string, place: string, text: () => string, where?: DriverPlace | "here"): void {
    const at = where instanceof KeptPlace ? where.place : where;
    const known = this.#known(kind, this.#byRule.get(rule)?.get(place), at);
    if (known !== undefined) {
      known.count++;
      return;
    }
    if (this.#silenced.has(rule)) return;
    if (this.findings.length >= FINDING_LIMIT) {
      this.#overflow();
      return;
    }
    const found = at === undefined || at === "here" ? this.#placeOf(kind, rule, place) : at;
    const finding = { kind, rule, place, message: text(), ...this.#common() };
    if (found === undefined || found.line === "") this.#add(finding);
    else this.#add({ ...finding, ...(found.calledFrom.length === 0 ? { line: found.line } : found) });
  }

  /** The finding of which this is a repeat; undefined where there is none. */
  #known(kind: FindingKind, found: Found | undefined, at: DriverPlace | "here" | undefined): Finding | undefined {
    const first = found?.findings[0];
    if (found === undefined || first === undefined || at === undefined || this.lineOf === undefined) return first;
    let line: string;
    if (at !== "here") line = at.line;
    else if (found.looks++ < LOOKS_PER_PLACE) line = this.lineOf(kind, first.rule, first.place);
    else return first;
    const same = found.findings.find((each) => (each.line ?? "") === line);
    return same ?? (found.findings.length === LINES_PER_PLACE ? first : undefined);
  }

  #common(): Pick<Finding, "device" | "count" | "atNs"> {
    return { device: this.#device, count: 1, atNs: this.#now[0] as number };
  }

  #add(finding: Finding): void {
    this.#keep(finding);
    this.onFinding(finding);
  }

  #keep(finding: Finding): void {
    const { rule, place } = finding;
    const byPlace = this.#byRule.get(rule) ?? new Map<string, Found>();
    this.#byRule.set(rule, byPlace);
    const found = byPlace.get(place);
    if (found === undefined) byPlace.set(place, { findings: [finding], looks: 0 });
    else found.findings.push(finding);
    this.findings.push(finding);
  }

  /** The number is told where the findings are: who reads them must not take them for all. */
  #overflow(): void {
    this.overflowCount++;
    const last = this.#byRule.get(LEFT_OUT.rule)?.get("")?.findings[0];
    if (last !== undefined) last.count = this.overflowCount;
    else {
      const message = `There are more than ${FINDING_LIMIT} different findings; those beyond are counted here. Mend the first ones, or switch their rules off.`;
      this.#add({ ...LEFT_OUT, place: "", message, ...this.#common() });
    }
  }
}

/** A place of which nothing is read from the stack before it is asked for. */
class KeptPlace implements DriverPlace {
  readonly #read: () => DriverPlace | undefined;
  #place: DriverPlace | undefined;
  #isRead = false;

  constructor(read: () => DriverPlace | undefined) {
    this.#read = read;
  }

  /** Undefined where nobody knows. */
  get place(): DriverPlace | undefined {
    if (!this.#isRead) this.#place = this.#read();
    this.#isRead = true;
    return this.#place;
  }

  get line(): string {
    return this.place?.line ?? "";
  }

  get calledFrom(): readonly string[] {
    return this.place?.calledFrom ?? [];
  }
}

const LEFT_OUT = { rule: "findings-left-out", kind: "note" } as const;
