/** What a timer of a driver can be asked for here. */
interface Handle {
  unref(): unknown;
  close(): unknown;
}

/** The timers with callbacks that those with promises are made of. */
export interface CallbackTimers {
  setTimeout(fire: () => void, delayMs: number | undefined): Handle;
  setInterval(fire: () => void, delayMs: number | undefined): Handle;
  setImmediate(fire: () => void): Handle;
}

interface Options {
  readonly signal?: AbortSignal | undefined;
  readonly ref?: boolean | undefined;
}

/** What `node:timers/promises` has, by name. */
export interface PromiseTimers {
  setTimeout(delayMs?: number, value?: unknown, options?: Options): Promise<unknown>;
  setImmediate(value?: unknown, options?: Options): Promise<unknown>;
  setInterval(delayMs?: number, value?: unknown, options?: Options): AsyncIterable<unknown>;
}

/** As Node's: of a class of its own, which it does not export. */
class AbortError extends Error {
  override readonly name = "AbortError";
  readonly code = "ABORT_ERR";

  constructor(signal: AbortSignal | undefined) {
    super("The operation was aborted", { cause: signal?.reason });
  }
}

/** `node:timers/promises` over other timers. What Node would refuse is for `real` to refuse, in Node's words. */
export function promiseTimers(callback: CallbackTimers, real: PromiseTimers): PromiseTimers {
  return {
    setTimeout: (delayMs, value, options) =>
      isDelay(delayMs) && isOptions(options)
        ? once(value, options, (fire) => callback.setTimeout(fire, delayMs))
        : real.setTimeout(delayMs, value, options),
    setImmediate: (value, options) =>
      isOptions(options)
        ? once(value, options, (fire) => callback.setImmediate(fire))
        : real.setImmediate(value, options),
    setInterval: (delayMs, value, options) =>
      isDelay(delayMs) && isOptions(options)
        ? again(value, options, (fire) => callback.setInterval(fire, delayMs))
        : real.setInterval(delayMs, value, options),
  };
}

type Start = (fire: () => void) => Handle;

function once(value: unknown, { signal, ref }: Options = {}, start: Start): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) throw new AbortError(signal);
    const abort = (): void => {
      timer.close();
      reject(new AbortError(signal));
    };
    const timer = start(() => {
      signal?.removeEventListener("abort", abort);
      resolve(value);
    });
    if (ref === false) timer.unref();
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** One that is taken more slowly than it comes is owed the rest, as Node does. */
async function* again(value: unknown, { signal, ref }: Options = {}, start: Start): AsyncGenerator<unknown> {
  const isAborted = (): boolean => signal?.aborted === true;
  if (isAborted()) throw new AbortError(signal);
  let owed = 0;
  let wake = (): void => {};
  const timer = start(() => {
    owed++;
    wake();
  });
  const abort = (): void => {
    timer.close();
    wake();
  };
  if (ref === false) timer.unref();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    while (!isAborted()) {
      if (owed === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      for (; owed > 0; owed--) yield value;
    }
    throw new AbortError(signal);
  } finally {
    timer.close();
    signal?.removeEventListener("abort", abort);
  }
}

function isDelay(delayMs: unknown): boolean {
  return delayMs === undefined || typeof delayMs === "number";
}

function isOptions(options: unknown): boolean {
  if (options === undefined) return true;
  if (typeof options !== "object" || options === null) return false;
  const { signal, ref } = options as Options;
  return (signal === undefined || signal instanceof AbortSignal) && (ref === undefined || typeof ref === "boolean");
}
