import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { loadDevice, type MachineOptions } from "../../emulator/run/machine.ts";
import { RunLimit } from "../explore/run-limit.ts";
import type { Testbed } from "../testbed.ts";
import { FAULT_KINDS, type FaultKind, faultNumber } from "./fault-kinds.ts";
import { runWithFaults } from "./fault-run.ts";
import { LateWatch } from "./late-watch.ts";
import {
  type FaultOutcome,
  type FaultScenario,
  type FaultVerdict,
  isAsyncScenario,
  type PlacedSite,
} from "./scenario-run.ts";
import { nameOf, placeKey, placeOfName } from "./site-names.ts";
import { runThreaded } from "./threaded-fault-run.ts";

/** A link does not lose a write: whoever wants to see it says so. */
const NOT_BY_ITSELF: readonly FaultKind[] = ["write-lost"];
const STEP_LIMIT = 1_000_000;
const VIRTUAL_LIMIT_NS = 60e9;
const WALL_LIMIT_MS = 10_000;
const SITE_LIMIT = 20_000;
/** Between two sites the event loop gets a turn at least so often: for progress and interrupts. */
const SITES_PER_HOP = 16;

export interface EveryFaultOptions<Context> extends Omit<FaultScenario<Context>, "body"> {
  /**
   * `folded` (default): in virtual time, the same every time. `threaded`: with the devices in a thread of their own, which takes
   * some ten milliseconds a site; say which `kinds`. Of failure paths nothing is known there.
   */
  readonly run?: "folded" | "threaded";
  /** Default all but `write-lost`. */
  readonly kinds?: readonly FaultKind[];
  /** Only these sites, by name: "dma-read-error#7". */
  readonly only?: readonly string[];
  /** Runs in all, after which it ends with what it has, and `isComplete` false. Default 20,000. */
  readonly siteLimit?: number;
  /** Accesses and waits of the driver in one run. Default a million. */
  readonly stepLimit?: number;
  /** Virtual time of one run. Default a minute. */
  readonly virtualLimitNs?: number;
  /** Time of one run on the wall clock, for loops that access nothing and promises that nobody resolves. Default 10,000. */
  readonly runLimitMs?: number;
  readonly machine?: MachineOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (visited: number, known: number) => void;
}

/** What became of a fault at one site. */
export interface SiteResult {
  /** What the run is replayed by: `dma-read-error#7`, and faults of its failure path behind a `+`. */
  readonly name: string;
  readonly where: string;
  readonly verdict: FaultVerdict;
  readonly detail: string;
}

export interface EveryFaultResult {
  /** Sites that the body meets by itself, and those that only failure paths meet. */
  readonly siteCount: number;
  readonly failurePathCount: number;
  /** Sites at which the fault has struck. */
  readonly visitedCount: number;
  readonly verdicts: Readonly<Record<FaultVerdict, number>>;
  /** By kind: sites. */
  readonly kinds: Readonly<Partial<Record<FaultKind, number>>>;
  /** Sites at which {@link isFailure} holds. */
  readonly failures: readonly SiteResult[];
  /** All, in the order in which they were visited. */
  readonly sites: readonly SiteResult[];
  /** False when it was ended before all sites were visited that were asked for, or when some were not met (on threads). */
  readonly isComplete: boolean;
}

/** The scenario fails with no fault at all, a site that is asked for is not there, or there is nothing to visit. */
export class EveryFaultError extends Error {
  override readonly name = "EveryFaultError";
  /** Of the run without a fault; undefined where the options make no sense, or nothing is tested. */
  readonly verdict: FaultVerdict | undefined;

  constructor(message: string, verdict?: FaultVerdict) {
    super(message);
    this.verdict = verdict;
  }
}

/**
 * Runs a driver once for each place at which a fault could strike, with a fault at that place alone, in virtual time. The
 * places are found by a run without faults: each occurrence of each kind, from set-up to teardown. Those that come up on
 * failure paths only (a read in the cleanup after an allocation that failed) are visited with the fault that leads there. It
 * ends when none is left.
 *
 * ```ts
 * const result = await everyFault(ixgbe(), {
 *   setup: (bed) => MyDriver.probe(bed.pci, { ringSize: 8 }),
 *   account: (driver) => driver.pool.missing(),
 *   teardown: (driver) => driver.close(),
 * }, (bed, driver) => exchangeFrames(bed, driver));
 * expect(result.failures).toEqual([]);
 * ```
 *
 * Rejects with {@link EveryFaultError} when it fails without any fault, meets no site of the kinds that are asked for, or none
 * of the name that is.
 */
export async function everyFault<Context = undefined>(
  devices: DeviceSpec | readonly DeviceSpec[],
  options: EveryFaultOptions<Context>,
  body: (bed: Testbed, context: Context) => unknown,
): Promise<EveryFaultResult> {
  const specs = Array.isArray(devices) ? (devices as readonly DeviceSpec[]) : [devices as DeviceSpec];
  for (const kind of options.kinds ?? []) faultNumber(kind);
  const scenario: FaultScenario<Context> = { ...options, body };
  const isAsync = isAsyncScenario(scenario, refusal);
  const loaded = await Promise.all(specs.map(loadDevice));
  const limits = {
    steps: options.stepLimit ?? STEP_LIMIT,
    virtualNs: options.virtualLimitNs ?? VIRTUAL_LIMIT_NS,
  };
  const wallLimit = new RunLimit(options.runLimitMs ?? WALL_LIMIT_MS);
  const watch = new LateWatch(wallLimit.limitMs);
  if (isAsync) watch.start();
  const how = { limits, wallLimit, watch, isAsync, machine: options.machine };
  const runChain: RunChain =
    options.run === "threaded"
      ? (chain, onSite) => runThreaded(specs, scenario, chain, how, chain.length === 0 ? onSite : () => {})
      : (chain, onSite) => runWithFaults(loaded, scenario, chain, { ...how, isFirst: chain.length === 0 }, onSite);
  try {
    return await new SiteWalk(options, runChain, isAsync).walk();
  } finally {
    await watch.close();
  }
}

/** What a scenario cannot be made of. */
export function refusal(what: string): EveryFaultError {
  return new EveryFaultError(`${what}: of one that yields nothing would be run`);
}

type Chain = readonly PlacedSite[];
type RunChain = (chain: Chain, onSite: (site: PlacedSite) => void) => Promise<FaultOutcome>;

/** Visits sites until none is left, and collects what becomes of them. */
class SiteWalk<Context> {
  readonly #options: EveryFaultOptions<Context>;
  readonly #run: RunChain;
  /** Timers that are not virtual. */
  readonly #realTimers: string;
  readonly #kinds: ReadonlySet<FaultKind>;
  readonly #waiting: Chain[] = [];
  /** What has been met, by kind and place: on failure paths one of each is enough, whatever its number. */
  readonly #known = new Set<string>();
  readonly #sites: SiteResult[] = [];
  readonly #verdicts: Record<FaultVerdict, number> = {
    recovered: 0,
    "clean-error": 0,
    deceived: 0,
    "not-met": 0,
    "wrong-result": 0,
    hang: 0,
    "lost-buffer": 0,
    outside: 0,
    violation: 0,
    failed: 0,
  };
  /** Of every kind, by name, as the run without faults meets them. */
  readonly #ordinary = new Map<string, PlacedSite>();
  #visitedCount = 0;
  #failurePathCount = 0;

  constructor(options: EveryFaultOptions<Context>, run: RunChain, isAsync: boolean) {
    this.#options = options;
    this.#run = run;
    this.#realTimers = isAsync
      ? "timers that it has kept from before the run"
      : "timers, which are virtual where set-up or body is declared async";
    this.#kinds = new Set(options.kinds ?? FAULT_KINDS.filter((kind) => !NOT_BY_ITSELF.includes(kind)));
  }

  async walk(): Promise<EveryFaultResult> {
    const { only, siteLimit = SITE_LIMIT, signal, onProgress } = this.#options;
    await this.#findSites();
    const kinds: Partial<Record<FaultKind, number>> = {};
    for (const [site] of this.#waiting) if (site !== undefined) kinds[site.kind] = (kinds[site.kind] ?? 0) + 1;
    const siteCount = this.#waiting.length;
    if (only !== undefined) this.#waiting.splice(0, siteCount, ...only.map((name) => this.#named(name)));
    else if (siteCount === 0)
      throw new EveryFaultError(`nothing is tested: the run comes to no place for ${[...this.#kinds].join(", ")}`);
    let runCount = 0;
    for (let chain = this.#waiting[0]; chain !== undefined; chain = this.#waiting[0]) {
      if (runCount >= siteLimit || signal?.aborted === true) break;
      this.#waiting.shift();
      await this.#visit(chain, only === undefined);
      runCount++;
      onProgress?.(runCount, runCount + this.#waiting.length);
      if (runCount % SITES_PER_HOP === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (runCount > 0 && this.#visitedCount === 0 && this.#sites.every(({ verdict }) => verdict === "not-met"))
      throw new EveryFaultError(`nothing is tested: in ${runCount} runs none came to its fault`);
    return {
      siteCount,
      failurePathCount: this.#failurePathCount,
      visitedCount: this.#visitedCount,
      verdicts: this.#verdicts,
      kinds,
      failures: this.#sites.filter(isFailure),
      sites: this.#sites,
      isComplete: this.#waiting.length === 0 && this.#visitedCount === runCount,
    };
  }

  /** The run without a fault: every occurrence of every kind is a site of its own. */
  async #findSites(): Promise<void> {
    const outcome = await this.#run([], (site) => {
      this.#known.add(placeKey(site));
      this.#ordinary.set(nameOf(site), site);
      if (this.#kinds.has(site.kind)) this.#waiting.push([site]);
    });
    if (outcome.verdict !== "recovered")
      throw new EveryFaultError(`it fails without any fault: ${whyOf(outcome)}`, outcome.verdict);
  }

  async #visit(chain: Chain, extend: boolean): Promise<void> {
    const last = chain.at(-1) as PlacedSite;
    let hasStruck = false;
    const outcome = await this.#run(chain, (site) => {
      if (hasStruck && extend) this.#meetOnFailurePath(chain, site);
      if (site.kind === last.kind && site.nth === last.nth && site.device === last.device) hasStruck = true;
    });
    const name = chain.map(nameOf).join("+");
    const where = chain.map((site) => site.where).join(", then ");
    if (outcome.hasStruck) this.#visitedCount++;
    else if (!extend && chain.length > 1)
      throw new EveryFaultError(`${name} is not there: the run does not come to all of these places`);
    const { verdict, detail } = outcome.hasStruck ? outcome : this.#withoutFault(outcome);
    this.#verdicts[verdict]++;
    this.#sites.push({ name, where, verdict, detail });
  }

  /** The run did not come to its fault. On threads that says nothing, unless it fails all the same. */
  #withoutFault(outcome: FaultOutcome): Pick<FaultOutcome, "verdict" | "detail"> {
    if (this.#options.run !== "threaded")
      return {
        verdict: "failed",
        detail: `the run did not come to this place: it is not the same every time, but goes by files, chance, or ${this.#realTimers}`,
      };
    const detail = "the fault was not met this time";
    return isFailure(outcome)
      ? { verdict: outcome.verdict, detail: `${detail}, and yet: ${outcome.detail}` }
      : { verdict: "not-met", detail };
  }

  #meetOnFailurePath(chain: Chain, site: PlacedSite): void {
    const key = placeKey(site);
    if (!this.#kinds.has(site.kind) || this.#known.has(key)) return;
    this.#known.add(key);
    this.#failurePathCount++;
    this.#waiting.push([...chain, site]);
  }

  /** A chain by its name. Places on failure paths are not known beforehand: they strike where they are met. */
  #named(name: string): Chain {
    return name.split("+").map((part, index) => {
      const known = this.#ordinary.get(part);
      if (known !== undefined) return known;
      const place = placeOfName(part);
      if (place === undefined) throw new EveryFaultError(`"${part}" is no site: want KIND#N`);
      if (index > 0) return place;
      const count = [...this.#ordinary.values()].filter(
        (site) => site.kind === place.kind && site.device === place.device,
      ).length;
      throw new EveryFaultError(`${part} is not there: the run comes to ${count || "no"} places for ${place.kind}`);
    });
  }
}

/**
 * Whether a driver is wrong: neither well again, nor with an error of its own, nor deceived by what no driver can tell.
 * {@link FaultVerdict} has what they mean.
 */
export function isFailure({ verdict }: Pick<SiteResult, "verdict">): boolean {
  return !HARMLESS.includes(verdict);
}

const HARMLESS: readonly FaultVerdict[] = ["recovered", "clean-error", "deceived", "not-met"];
/** What the sanitizers say is often why: so many of it are told. */
const FINDINGS_TOLD = 3;

/** Why a run without faults failed, with what the sanitizers have to say of it. */
export function whyOf({ verdict, detail, findings }: FaultOutcome): string {
  const told = findings.filter(({ message }) => !detail.includes(message)).slice(0, FINDINGS_TOLD);
  const lines = told.map(({ rule, line, message }) => `${rule}${line === undefined ? "" : ` at ${line}`}: ${message}`);
  return [`${verdict}: ${detail}`, ...lines].join("\n  ");
}
