import { FAULT_KINDS, type FaultKind, faultNumber } from "./fault-kinds.ts";

/** When a fault strikes, and how hard. */
export interface FaultRule {
  readonly kind: FaultKind;
  /**
   * At which occurrence, from 1 on since the rule was armed, or at each of several: 1 is the next one. A rule that a testbed is
   * plugged in with is armed then, before anything has happened.
   */
  readonly nth?: number | readonly number[];
  /** At every occurrence, with this probability. Either this or {@link nth}. */
  readonly probability?: number;
  /** Number of the device in its testbed; 0 when absent. */
  readonly device?: number;
  /** Only at places whose description contains this: "queue 0". */
  readonly where?: string;
  /** Strikes no more often than this. */
  readonly limit?: number;
  /** How long it lasts, in nanoseconds, for kinds that last; Infinity for ever. */
  readonly durationNs?: number;
}

/** Throws RangeError, in one sentence, for a rule that makes no sense. */
export function checkRule(rule: FaultRule): void {
  faultNumber(rule.kind);
  const { kind, nth, probability, limit, durationNs } = rule;
  const refuse = (what: string): never => {
    throw new RangeError(`fault ${kind}: ${what}`);
  };
  if ((nth === undefined) === (probability === undefined)) refuse("say when: either nth or probability");
  if (nth !== undefined && [nth].flat().length === 0) refuse("nth names no occurrence: it would never strike");
  for (const each of nth === undefined ? [] : [nth].flat())
    if (!Number.isSafeInteger(each) || each < 1) refuse(`nth is ${each}; occurrences are counted from 1`);
  if (probability !== undefined && !(probability >= 0 && probability <= 1))
    refuse(`probability is ${probability}; want 0 to 1`);
  if (limit !== undefined && !(limit >= 1)) refuse(`limit is ${limit}; want 1 or more`);
  if (durationNs !== undefined && !(durationNs >= 0)) refuse(`durationNs is ${durationNs}; want 0 or more`);
}

/** A rule in few words: what strikes, when and where. */
export function faultText({ kind, nth, probability, where }: FaultRule): string {
  const when = nth === undefined ? `=${probability}` : `#${[nth].flat().join(",")}`;
  return `${kind}${when}${where === undefined ? "" : ` at "${where}"`}`;
}

/**
 * Rules as they stand on a command line: `dma-read-error#7`, `interrupt-lost=0.01`, with settings behind commas:
 * `link-flap#3,durationNs=5000000,where=queue 0`. Several are separated by semicolons. Throws RangeError.
 */
export function parseFaults(text: string): FaultRule[] {
  return text.split(";").map((part) => {
    const [head = "", ...settings] = part.split(",").map((word) => word.trim());
    const [, kind = "", sign = "", number = ""] = /^([a-z-]+)(?:([#=])([\d.e-]+))?$/.exec(head) ?? [];
    if (!FAULT_KINDS.includes(kind as FaultKind) || sign === "")
      throw new RangeError(
        `fault "${head}": want KIND#N or KIND=PROBABILITY; KIND is one of ${FAULT_KINDS.join(", ")}`,
      );
    const when = sign === "#" ? { nth: Number(number) } : { probability: Number(number) };
    const rule: FaultRule = { kind: kind as FaultKind, ...when, ...Object.fromEntries(settings.map(settingOf)) };
    checkRule(rule);
    return rule;
  });
}

function settingOf(setting: string): [string, string | number] {
  const [, name = "", value = ""] = /^(where|limit|durationNs|device)=(.+)$/.exec(setting) ?? [];
  if (name === "")
    throw new RangeError(`fault setting "${setting}": there are where=TEXT, limit=N, device=N and durationNs=N`);
  return [name, name === "where" ? value : Number(value)];
}
