import { OutsideBufferError } from "../../emulator/driver/dma-buffer.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { DeviceStuckError, TestbedError } from "../../emulator/run/testbed-error.ts";
import { isAnyAsync } from "../explore/plain-functions.ts";
import { type RunLimit, RunLimitError } from "../explore/run-limit.ts";
import type { Testbed } from "../testbed.ts";
import type { FaultSite } from "./fault-injector.ts";
import { describeFault, type FaultKind } from "./fault-kinds.ts";
import { HangError } from "./fault-limits.ts";
import { RefusedError } from "./faulty-function.ts";
import { isMadeInBody } from "./made-in-body.ts";
import { GuardError, type MemoryGuard } from "./memory-guard.ts";
import type { RunWaits } from "./run-waits.ts";

/** What a driver is put through under each fault. */
export interface FaultScenario<Context> {
  /** Brings the driver up. What it allocates before it throws must be given back by then. */
  readonly setup?: (bed: Testbed) => Context | Promise<Context>;
  /**
   * Returns when all is well or well again; throws the driver's own error when it is not. Its own checks are assertions. A plain
   * Error that it makes itself, and not the driver below it, is taken for a check that does not hold as well, unless its
   * `cause` is an error of the driver's: whoever gives up in the body throws the driver's error on, or one of a class of its own.
   */
  readonly body: (bed: Testbed, context: Context) => unknown;
  /** What the driver has lost, in words, before it is closed: packet buffers that nobody has, say. */
  readonly account?: (context: Context) => string | undefined | Promise<string | undefined>;
  /** Closes the driver, whatever has become of it: no DMA mapping may be left behind. */
  readonly teardown?: (context: Context, bed: Testbed) => unknown;
  /**
   * Whether an error is one that a driver may give up with, wherever it comes from. Default: an Error that is no slip of the
   * language, no assertion, and no plain Error of the body's own.
   */
  readonly isClean?: (error: unknown) => boolean;
  /** Rules that nobody can keep under a kind of fault, beside those that a power glitch makes meaningless. */
  readonly excusedRules?: Readonly<Partial<Record<FaultKind, readonly string[]>>>;
}

/**
 * `recovered`: it came to its end · `clean-error`: it gave up with an error of its own · `hang`: it was stopped at a limit ·
 * `lost-buffer`: something was not given back · `outside`: it reached for memory that is not its own · `violation`: it broke a
 * rule of the device · `wrong-result`: it said that all was well, and a check of the body did not hold · `failed`: an error that
 * is none of a driver's · `deceived`: a wrong result where the card lies so that no driver can tell: no failure · `not-met`: on
 * threads, the run did not come to the fault this time: no failure, and nothing tested.
 */
export type FaultVerdict =
  | "recovered"
  | "clean-error"
  | "deceived"
  | "not-met"
  | "wrong-result"
  | "hang"
  | "lost-buffer"
  | "outside"
  | "violation"
  | "failed";

export interface FaultOutcome {
  readonly verdict: FaultVerdict;
  /** Why, in words; empty for "recovered". */
  readonly detail: string;
  /** Whether all faults that were armed have struck. */
  readonly hasStruck: boolean;
  /** Accesses and waits of the driver. */
  readonly steps: number;
  /** What the sanitizers have to say of a run without faults, violations first. */
  readonly findings: readonly Finding[];
}

/** A site in a testbed of several devices. */
export interface PlacedSite extends FaultSite {
  readonly device: number;
}

/**
 * A power glitch takes all registers away, and what the driver does before it notices breaks any rule; so do writes that it has
 * made and the card has not seen.
 */
const LAWLESS: readonly FaultKind[] = ["power-glitch", "write-lost"];

/**
 * Whether an error is one that a driver gives up with: no slip of the language, no assertion, nothing of the testbed's. The default
 * of {@link FaultScenario.isClean} but for plain Errors of the body's own, which only a run can tell.
 */
export function isCleanError(error: unknown): boolean {
  if (error instanceof RefusedError) return true;
  if (!(error instanceof Error) || error instanceof TestbedError) return false;
  const slips = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, GuardError];
  return !slips.some((Slip) => error instanceof Slip) && !isAssertion(error);
}

function isAssertion(error: unknown): boolean {
  return error instanceof Error && error.name === "AssertionError";
}

/** A plain Error that says nothing of a driver's. */
function isBodysOwn(error: unknown, body: FaultScenario<never>["body"]): boolean {
  if (!(error instanceof Error) || error.constructor !== Error || error.name !== "Error") return false;
  return isMadeInBody(error, body) && !isCleanError(error.cause);
}

/** Whether a card lies under the faults of `chain` so that no driver can tell. */
export function isDeceit(chain: readonly PlacedSite[]): boolean {
  return chain.some(({ kind }) => describeFault(kind).nature === "silent");
}

type Step = () => unknown;

/** A scenario in a testbed, from its set-up to what it leaves behind, and what is to be said of it. */
export class ScenarioRun<Context> {
  outcome: Pick<FaultOutcome, "verdict" | "detail"> = { verdict: "recovered", detail: "" };
  readonly #scenario: FaultScenario<Context>;
  readonly #bed: Testbed;
  readonly #guard: MemoryGuard;
  readonly #limit: RunLimit;
  readonly #waits: RunWaits;
  #context: Context | undefined;
  #isUp = false;
  #isInBody = false;

  constructor(scenario: FaultScenario<Context>, bed: Testbed, guard: MemoryGuard, limit: RunLimit, waits: RunWaits) {
    this.#scenario = scenario;
    this.#bed = bed;
    this.#guard = guard;
    this.#limit = limit;
    this.#waits = waits;
  }

  /** Set-up, body, account and teardown, whatever has become of those before; nothing behind one that hangs. */
  async toItsEnd(): Promise<void> {
    const steps = [
      () => this.#setUp(),
      () => this.#whenUp(() => this.#callBody()),
      () => this.#whenUp(() => this.#account()),
      () => this.#whenUp(() => this.#scenario.teardown?.(this.#context as Context, this.#bed)),
      () => this.#lookForRemains(),
    ];
    for (let at = 0; at < steps.length && !this.#hangs; ) {
      let pending: Promise<unknown> | undefined;
      try {
        // Its stop watch costs more than a short run does: one for all steps that nobody has to wait for.
        this.#limit.guard(() => {
          while (pending === undefined && at < steps.length && !this.#hangs) pending = this.#take(steps[at++] as Step);
        });
      } catch (error) {
        this.#judge(error);
      }
      if (pending === undefined) continue;
      try {
        await this.#waits.until(pending);
      } catch (error) {
        this.#judge(error);
      }
      this.#judgeThrown();
    }
    await this.#waits.end();
    this.#judgeThrown();
  }

  get #hangs(): boolean {
    return this.outcome.verdict === "hang";
  }

  /** Takes a step. Returns what is to be awaited, if it is one that waits. */
  #take(step: Step): Promise<unknown> | undefined {
    try {
      const value = step();
      return isPromise(value) ? Promise.resolve(value).catch((error: unknown) => this.#judge(error)) : undefined;
    } catch (error) {
      this.#judge(error);
      return undefined;
    }
  }

  #setUp(): unknown {
    const use = (made: unknown): void => {
      this.#context = made as Context;
      this.#isUp = true;
    };
    return whenThere(this.#scenario.setup?.(this.#bed), use);
  }

  #whenUp(step: Step): unknown {
    return this.#isUp ? step() : undefined;
  }

  /** {@link isMadeInBody} knows the body by its being called from this file. */
  #callBody(): unknown {
    this.#isInBody = true;
    return this.#scenario.body(this.#bed, this.#context as Context);
  }

  #account(): unknown {
    this.#isInBody = false;
    return whenThere(this.#scenario.account?.(this.#context as Context), (lost) => {
      if (lost !== undefined) this.#worsen("lost-buffer", lost);
    });
  }

  #lookForRemains(): void {
    this.#guard.check();
    // Whoever has no teardown leaves the driver as it is.
    if (this.#isUp && this.#scenario.teardown === undefined) return;
    const left = this.#bed.functions.reduce((sum, pci) => sum + pci.dma.mappingCount, 0);
    if (left > 0) this.#worsen("lost-buffer", `${left} DMA mappings are left behind`);
  }

  /** Broken rules count, but for those that nobody can keep under the faults of `chain`. */
  judgeRules(chain: readonly PlacedSite[]): void {
    const { excusedRules } = this.#scenario;
    const isExcused = (rule: string): boolean =>
      chain.some(({ kind }) => LAWLESS.includes(kind) || excusedRules?.[kind]?.includes(rule) === true);
    const broken = this.#bed.violations.find(({ rule }) => !isExcused(rule));
    if (broken !== undefined) this.#worsen("violation", `${broken.rule}: ${broken.message}`);
  }

  #judge(error: unknown): void {
    this.#worsen(this.#verdictOf(error), detailOf(error));
  }

  #judgeThrown(): void {
    for (const error of this.#waits.takeThrown()) this.#judgeUnawaited(error);
  }

  /** Outside of a testbed Node ends the process for it. */
  #judgeUnawaited(error: unknown): void {
    const verdict = this.#verdictOf(error);
    if (verdict === "hang") this.#worsen(verdict, detailOf(error));
    else this.#worsen("failed", `a promise was rejected that nobody awaits: ${detailOf(error)}`);
  }

  #verdictOf(error: unknown): FaultVerdict {
    if (error instanceof HangError || error instanceof RunLimitError || error instanceof DeviceStuckError)
      return "hang";
    if (error instanceof OutsideBufferError || error instanceof GuardError) return "outside";
    const { isClean } = this.#scenario;
    if (isClean?.(error) === true) return "clean-error";
    if (isAssertion(error)) return "wrong-result";
    if (isClean !== undefined || !isCleanError(error)) return "failed";
    return this.#isInBody && isBodysOwn(error, this.#scenario.body) ? "wrong-result" : "clean-error";
  }

  /** The worst counts, and of two that are as bad the first. */
  #worsen(verdict: FaultVerdict, detail: string): void {
    if (BADNESS.indexOf(verdict) > BADNESS.indexOf(this.outcome.verdict)) this.outcome = { verdict, detail };
  }
}

function isPromise<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === "function";
}

function whenThere<Value>(value: Value | PromiseLike<Value>, use: (value: Value) => void): unknown {
  return isPromise(value) ? value.then(use) : use(value);
}

function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.name === "Error" ? "" : `${error.name}: `}${error.message}`;
}

/**
 * Whether a scenario awaits by declaration: then its timers and clocks are virtual. Throws what `refusal` makes for one of its
 * functions that is none or that yields, of which nothing would be run.
 */
export function isAsyncScenario<Context>(
  { setup, body, account, teardown }: FaultScenario<Context>,
  refusal: (what: string) => Error,
): boolean {
  const given = Object.entries({ setup, body, account, teardown }).filter(([, is]) => is !== undefined);
  return isAnyAsync(Object.fromEntries(given), refusal);
}

const BADNESS: readonly FaultVerdict[] = [
  "recovered",
  "clean-error",
  "wrong-result",
  "violation",
  "lost-buffer",
  "failed",
  "outside",
  "hang",
];
