const PLAIN = "[object Function]";
const ASYNC = "[object AsyncFunction]";

/**
 * Whether an exploration awaits: it does when its set-up or its body is declared `async`. Nothing is called to find that
 * out. Throws TypeError for a generator, and for what is no function.
 */
export function isAsyncExploration(setup: unknown, body: unknown): boolean {
  return isAnyAsync({ setup, body }, (what) => new TypeError(`explore: ${what}; one that yields is not explored.`));
}

/** Whether a function is declared `async`. */
export function isAsyncFunction(is: unknown): boolean {
  return Object.prototype.toString.call(is) === ASYNC;
}

/** Whether any of these functions, by name, is declared `async`. Throws what `refusal` makes for one that is none, or yields. */
export function isAnyAsync(functions: Readonly<Record<string, unknown>>, refusal: (what: string) => Error): boolean {
  let isAsync = false;
  for (const [what, is] of Object.entries(functions)) {
    const tag = Object.prototype.toString.call(is);
    if (tag !== PLAIN && tag !== ASYNC) throw refusal(`${what} is neither a plain nor an async function`);
    isAsync ||= isAsyncFunction(is);
  }
  return isAsync;
}

/** A function that is not declared `async` has returned a promise: what it does later would look as if it were explored. */
export class PromiseReturnedError extends TypeError {
  constructor(what: string) {
    super(`explore: ${what} returned a promise, and what it does later is not explored; declare it async.`);
  }
}

/** Hands on what a plain function has returned. Throws {@link PromiseReturnedError} for a promise. */
export function notPromised<Returned>(what: string, returned: Returned | Promise<Returned>): Returned {
  if (typeof (returned as { then?: unknown } | undefined)?.then !== "function") return returned as Returned;
  // Nobody else will hear of it when it is rejected.
  Promise.resolve(returned).catch(() => {});
  throw new PromiseReturnedError(what);
}
