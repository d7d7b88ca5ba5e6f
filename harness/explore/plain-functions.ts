/**
 * Refuses a set-up or a body that awaits: what it does after its first await is outside of the run, and would look as if
 * it had been explored. A function that is not declared as such may return a promise all the same.
 */
export class PlainFunctions {
  #refusal: TypeError | undefined;

  /** Throws for a function that is async, or a generator. */
  constructor(setup: unknown, body: unknown) {
    for (const [what, is] of Object.entries({ setup, body })) {
      if (typeof is === "function" && is.constructor.name === "Function") continue;
      throw new TypeError(`explore: ${what} is no plain function; one that awaits or yields cannot be explored.`);
    }
  }

  /** Hands on what a function has returned. Throws for a promise. */
  check<Returned>(what: string, returned: Returned): Returned {
    if (typeof (returned as { then?: unknown } | undefined)?.then !== "function") return returned;
    // Nobody else will hear of it when it is rejected.
    Promise.resolve(returned).catch(() => {});
    this.#refusal = new TypeError(`explore: ${what} returned a promise; what it does later is not explored.`);
    throw this.#refusal;
  }

  /** A body's refusal ends its run, not the search: this throws it once more. */
  throwRefusal(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }
}
