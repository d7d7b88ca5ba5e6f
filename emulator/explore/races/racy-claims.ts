import { CPU_LIMIT } from "../kinds.ts";

const NONE = 0;
const IS_RACY = 1;
/** No more, but the next load checks what was read, and must be behind a read barrier. */
const LOOKS_BACK = 2;

/** By CPU: what its driver says of the races that it takes part in (beginRacy, endRacy). */
export class RacyClaims {
  readonly #claims = new Uint8Array(CPU_LIMIT);
  /** The last load of which it was said; -1 for none. */
  readonly #loadSites = new Int32Array(CPU_LIMIT);

  reset(): void {
    this.#claims.fill(NONE);
  }

  isRacy(cpu: number): boolean {
    return this.#claims[cpu] === IS_RACY;
  }

  begin(cpu: number): void {
    this.#claims[cpu] = IS_RACY;
    this.#loadSites[cpu] = -1;
  }

  end(cpu: number, looksBack: boolean): void {
    if (this.#claims[cpu] === IS_RACY) this.#claims[cpu] = looksBack && this.#loadSites[cpu] !== -1 ? LOOKS_BACK : NONE;
  }

  loaded(cpu: number, site: number): void {
    this.#loadSites[cpu] = site;
  }

  /** From here on a look back is behind what it checks. */
  readBarrier(cpu: number): void {
    if (this.#claims[cpu] === LOOKS_BACK) this.#claims[cpu] = NONE;
  }

  /** A load that is in no such race: the site of the one that it was to look back at without a barrier between, or -1. */
  lookBack(cpu: number): number {
    if (this.#claims[cpu] !== LOOKS_BACK) return -1;
    this.#claims[cpu] = NONE;
    return this.#loadSites[cpu] as number;
  }
}
