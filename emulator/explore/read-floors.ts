import { CPU_LIMIT } from "./kinds.ts";

/** Locations of which a CPU remembers how new a version it has seen. */
const LOCATION_LIMIT = 32;

/**
 * How far back each CPU may still look. `floor`: no load returns a version superseded at or before this tick (barriers
 * raise it). `newest`: the newest landing a CPU has read. And per location, what coherence asks for: a CPU that has read
 * or written a version never reads an older one.
 */
export class ReadFloors {
  readonly floor: Int32Array = new Int32Array(CPU_LIMIT);
  readonly newest: Int32Array = new Int32Array(CPU_LIMIT);
  readonly #counts = new Int32Array(CPU_LIMIT);
  readonly #addresses = new Int32Array(CPU_LIMIT * LOCATION_LIMIT);
  readonly #lengths = new Int32Array(CPU_LIMIT * LOCATION_LIMIT);
  readonly #ticks = new Int32Array(CPU_LIMIT * LOCATION_LIMIT);

  reset(): void {
    for (let cpu = 0; cpu < CPU_LIMIT; cpu++) {
      this.floor[cpu] = 0;
      this.newest[cpu] = 0;
      this.#counts[cpu] = 0;
    }
  }

  /** The tick at or before which a version of this byte range must not have been superseded. */
  floorOf(cpu: number, address: number, byteLength: number): number {
    let floor = this.floor[cpu] as number;
    const count = Math.min(this.#counts[cpu] as number, LOCATION_LIMIT);
    for (let at = cpu * LOCATION_LIMIT, end = at + count; at < end; at++) {
      if ((this.#ticks[at] as number) <= floor) continue;
      const start = this.#addresses[at] as number;
      if (start < address + byteLength && address < start + (this.#lengths[at] as number))
        floor = this.#ticks[at] as number;
    }
    return floor;
  }

  /** A CPU has seen, or made, the version of a byte range that landed at `tick`. */
  note(cpu: number, address: number, byteLength: number, tick: number): void {
    if (tick <= (this.floor[cpu] as number)) return;
    const base = cpu * LOCATION_LIMIT;
    const count = this.#counts[cpu] as number;
    for (let at = base, end = base + Math.min(count, LOCATION_LIMIT); at < end; at++) {
      if (this.#addresses[at] !== address || this.#lengths[at] !== byteLength) continue;
      if (tick > (this.#ticks[at] as number)) this.#ticks[at] = tick;
      return;
    }
    const at = base + (count % LOCATION_LIMIT);
    // What is forgotten becomes a floor for everything: stronger than the model, never weaker than coherence.
    if (count >= LOCATION_LIMIT) this.raise(cpu, this.#ticks[at] as number);
    this.#counts[cpu] = count + 1;
    this.#addresses[at] = address;
    this.#lengths[at] = byteLength;
    this.#ticks[at] = tick;
  }

  /** A load returned the version that landed at `tick`. */
  noteLoad(cpu: number, tick: number): void {
    if (tick > (this.newest[cpu] as number)) this.newest[cpu] = tick;
  }

  raise(cpu: number, tick: number): void {
    if (tick > (this.floor[cpu] as number)) this.floor[cpu] = tick;
  }
}
