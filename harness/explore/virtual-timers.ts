/** What the timers of a driver are made of during an explored run. */
export interface TimerHost {
  nowNs(): number;
  /** Calls `fire` when virtual time has come to `dueNs`; what is returned takes that back. */
  arm(dueNs: number, fire: () => void, name: string): () => void;
}

const NS_PER_MS = 1e6;

/** What `setTimeout` returns: everything that is asked of one of Node's, though nothing here keeps a process alive. */
class VirtualTimer {
  disarm: () => void = () => {};

  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return false;
  }
  [Symbol.dispose](): void {
    this.disarm();
  }
}

type Callback = (...parameters: unknown[]) => void;

/**
 * Puts the virtual clock in the place of the process's: `setTimeout`, `setInterval`, `setImmediate` and what clears them,
 * `Date` and `performance.now`. Returns what puts them back. What a module has taken from `node:timers` stays real.
 */
export function installVirtualTimers(host: TimerHost): () => void {
  const once = (callback: Callback, delayNs: number, name: string, parameters: unknown[]): VirtualTimer => {
    const timer = new VirtualTimer();
    timer.disarm = host.arm(host.nowNs() + delayNs, () => callback(...parameters), name);
    return timer;
  };
  const again = (callback: Callback, delayNs: number, parameters: unknown[]): VirtualTimer => {
    const timer = new VirtualTimer();
    const arm = (): void => {
      const dueNs = host.nowNs() + delayNs;
      timer.disarm = host.arm(
        dueNs,
        () => {
          arm();
          callback(...parameters);
        },
        "setInterval",
      );
    };
    arm();
    return timer;
  };
  const clear = (timer: unknown): void => {
    if (timer instanceof VirtualTimer) timer.disarm();
  };
  const delayOf = (delayMs: number | undefined): number => Math.max(1, delayMs ?? 1) * NS_PER_MS;
  const RealDate = Date;
  class VirtualDate extends RealDate {
    constructor(...parameters: readonly unknown[]) {
      if (parameters.length === 0) super(host.nowNs() / NS_PER_MS);
      else super(...(parameters as [number]));
    }
    static override now(): number {
      return Math.floor(host.nowNs() / NS_PER_MS);
    }
  }
  const replacements: Readonly<Record<string, unknown>> = {
    setTimeout: (callback: Callback, delayMs?: number, ...parameters: unknown[]) =>
      once(callback, delayOf(delayMs), "setTimeout", parameters),
    setInterval: (callback: Callback, delayMs?: number, ...parameters: unknown[]) =>
      again(callback, delayOf(delayMs), parameters),
    setImmediate: (callback: Callback, ...parameters: unknown[]) => once(callback, 0, "setImmediate", parameters),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
    Date: VirtualDate,
  };
  const globals = globalThis as unknown as Record<string, unknown>;
  const before = Object.fromEntries(Object.keys(replacements).map((name) => [name, globals[name]]));
  Object.assign(globals, replacements);
  Object.defineProperty(performance, "now", { configurable: true, value: () => host.nowNs() / NS_PER_MS });
  return () => {
    Object.assign(globals, before);
    Reflect.deleteProperty(performance, "now");
  };
}
