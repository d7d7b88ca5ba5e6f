import { promisify } from "node:util";
import { type PromiseTimers, promiseTimers } from "./promise-timers.ts";
import { realPromiseTimers, replaceTimerModules } from "./timer-modules.ts";

/** What the timers of a driver are made of during an explored run. */
export interface TimerHost {
  /** Whether the caller is part of the run: others in the process keep the real timers and clocks. */
  isInside(): boolean;
  nowNs(): number;
  /** Calls `fire` when virtual time has come to `dueNs`. */
  arm(dueNs: number, fire: () => void, name: string): ArmedTimer;
}

/** `isKept`: whether the run goes on until it has fired although the body has returned. */
export interface ArmedTimer {
  keep(isKept: boolean): void;
  disarm(): void;
}

const NS_PER_MS = 1e6;
const UNARMED: ArmedTimer = { keep: () => {}, disarm: () => {} };

/** What `setTimeout` returns: everything that is asked of one of Node's. Its `unref` lets a run end without it. */
class VirtualTimer {
  #armed: ArmedTimer = UNARMED;
  #isKept: boolean;
  #again: () => void = () => {};

  constructor(isKept: boolean) {
    this.#isKept = isKept;
  }

  /** Takes back what it was armed with before. `arm` is called now, and whenever the timer is refreshed. */
  arm(arm: () => ArmedTimer): void {
    this.#again = () => {
      this.#armed.disarm();
      this.#armed = arm();
      this.#armed.keep(this.#isKept);
    };
    this.#again();
  }

  disarm(): void {
    this.#armed.disarm();
    this.#again = () => {};
  }

  ref(): this {
    return this.#keep(true);
  }
  unref(): this {
    return this.#keep(false);
  }
  hasRef(): boolean {
    return this.#isKept;
  }
  refresh(): this {
    this.#again();
    return this;
  }
  close(): this {
    this.disarm();
    return this;
  }
  [Symbol.dispose](): void {
    this.disarm();
  }

  #keep(isKept: boolean): this {
    this.#isKept = isKept;
    this.#armed.keep(isKept);
    return this;
  }
}

type Callback = (...parameters: unknown[]) => void;
type Schedule = (callback: Callback, ...parameters: unknown[]) => unknown;

/**
 * Puts the virtual clock in the place of the process's for whoever is inside of a run: `setTimeout`, `setInterval`,
 * `setImmediate` and what clears them, as globals and in `node:timers` and `node:timers/promises`; `Date` and
 * `performance.now`. Returns what puts them back. What a module has put into a variable of its own before stays real, and so
 * do `AbortSignal.timeout` and `process.hrtime`.
 */
export function installVirtualTimers(host: TimerHost): () => void {
  const delayOf = (delayMs: unknown): number => Math.max(1, Number(delayMs ?? 1) || 1) * NS_PER_MS;
  const once = (name: string, callback: Callback, delayNs: number, parameters: unknown[]): VirtualTimer => {
    const timer = new VirtualTimer(true);
    timer.arm(() => host.arm(host.nowNs() + delayNs, () => callback(...parameters), name));
    return timer;
  };
  const again = (callback: Callback, delayNs: number, parameters: unknown[]): VirtualTimer => {
    // Whatever a driver does every so often is no reason to go on when it has nothing else to do.
    const timer = new VirtualTimer(false);
    const fire = (): void => {
      timer.refresh();
      callback(...parameters);
    };
    timer.arm(() => host.arm(host.nowNs() + delayNs, fire, "setInterval"));
    return timer;
  };
  const virtual = {
    setTimeout: (callback: Callback, delayMs: unknown, ...rest: unknown[]) =>
      once("setTimeout", callback, delayOf(delayMs), rest),
    setInterval: (callback: Callback, delayMs: unknown, ...rest: unknown[]) => again(callback, delayOf(delayMs), rest),
    setImmediate: (callback: Callback, ...rest: unknown[]) => once("setImmediate", callback, 0, rest),
  };
  const globals = globalThis as unknown as Record<string, unknown>;
  const promises = insideOnly(host, promiseTimers(virtual, realPromiseTimers()));
  const timers: Record<string, unknown> = {};
  for (const name of ["setTimeout", "setInterval", "setImmediate"] as const) {
    const real = globals[name] as Schedule;
    const replacement: Schedule = (...parameters) =>
      (host.isInside() ? (virtual[name] as Schedule) : real)(...parameters);
    if (Reflect.has(real, promisify.custom))
      Object.defineProperty(replacement, promisify.custom, { value: promises[name] });
    timers[name] = replacement;
  }
  for (const name of ["clearTimeout", "clearInterval", "clearImmediate"]) {
    const real = globals[name] as (timer: unknown) => void;
    timers[name] = (timer: unknown) => {
      if (timer instanceof VirtualTimer) timer.disarm();
      else real(timer);
    };
  }
  const replacements: Record<string, unknown> = { Date: virtualDate(host), ...timers };
  const before = Object.fromEntries(Object.keys(replacements).map((name) => [name, globals[name]]));
  const realNow = performance.now;
  const giveModulesBack = replaceTimerModules(timers, promises);
  Object.assign(globals, replacements);
  Object.defineProperty(performance, "now", {
    configurable: true,
    value: () => (host.isInside() ? host.nowNs() / NS_PER_MS : realNow.call(performance)),
  });
  return () => {
    Object.assign(globals, before);
    Reflect.deleteProperty(performance, "now");
    giveModulesBack();
  };
}

/** `inside` for whoever is inside of a run, and Node's for the others. */
function insideOnly(host: TimerHost, inside: PromiseTimers): PromiseTimers {
  const real = realPromiseTimers();
  const given = (): PromiseTimers => (host.isInside() ? inside : real);
  return {
    setTimeout: (...parameters) => given().setTimeout(...parameters),
    setImmediate: (...parameters) => given().setImmediate(...parameters),
    setInterval: (...parameters) => given().setInterval(...parameters),
  };
}

/** The same `Date`, for which it is another time. */
function virtualDate(host: TimerHost): DateConstructor {
  const RealDate = Date;
  const nowMs = (): number => (host.isInside() ? Math.floor(host.nowNs() / NS_PER_MS) : RealDate.now());
  return new Proxy(RealDate, {
    construct: (target, parameters, newTarget): object =>
      Reflect.construct(target, parameters.length === 0 ? [nowMs()] : parameters, newTarget) as object,
    apply: () => new RealDate(nowMs()).toString(),
    get: (target, name): unknown => (name === "now" ? nowMs : Reflect.get(target, name)),
  });
}
