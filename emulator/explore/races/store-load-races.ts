import { CPU_LIMIT } from "../kinds.ts";
import { PENDING } from "./access-marks.ts";
import { type Clocks, STORES } from "./clocks.ts";
import type { RaceList } from "./race-list.ts";

/** Stores of a CPU since its last full barrier, and pairs of one with a later load: the newest of each. */
const STORE_LIMIT = 8;
const PAIR_LIMIT = 16;

/**
 * What `tso` reorders: a store may come after the loads behind it. Two CPUs that each store to one place and then
 * load what the other stores may both miss the other's (store buffering, Dekker), unless each has an mb in between. No
 * other access is out of order in `tso`, so it is looked for as what it is: such a pair on each of two CPUs, where neither
 * knew of the other's store when it made its own. Two rings' ends that poll each other's index are of this shape too, and
 * right: they are excused as by release and acquire everywhere.
 */
export class StoreLoadRaces {
  readonly #clocks: Clocks;
  readonly #races: RaceList;
  // By CPU and place in its ring.
  readonly #storeCount = new Int32Array(CPU_LIMIT);
  readonly #storeAddress = new Int32Array(CPU_LIMIT * STORE_LIMIT);
  readonly #storeLength = new Int32Array(CPU_LIMIT * STORE_LIMIT);
  readonly #storeSite = new Int32Array(CPU_LIMIT * STORE_LIMIT);
  readonly #storeMark = new Uint8Array(CPU_LIMIT * STORE_LIMIT);
  readonly #storeEpoch = new Int32Array(CPU_LIMIT * STORE_LIMIT);
  /** And by other CPU: up to which of its epochs it was known when the store was made. */
  readonly #storeKnew = new Int32Array(CPU_LIMIT * STORE_LIMIT * CPU_LIMIT);
  readonly #pairCount = new Int32Array(CPU_LIMIT);
  readonly #pairStoreAddress = new Int32Array(CPU_LIMIT * PAIR_LIMIT);
  readonly #pairStoreLength = new Int32Array(CPU_LIMIT * PAIR_LIMIT);
  readonly #pairStoreEpoch = new Int32Array(CPU_LIMIT * PAIR_LIMIT);
  readonly #pairKnew = new Int32Array(CPU_LIMIT * PAIR_LIMIT * CPU_LIMIT);
  readonly #pairLoadAddress = new Int32Array(CPU_LIMIT * PAIR_LIMIT);
  readonly #pairLoadLength = new Int32Array(CPU_LIMIT * PAIR_LIMIT);
  readonly #pairLoadMark = new Uint8Array(CPU_LIMIT * PAIR_LIMIT);
  readonly #pairLoadSite = new Int32Array(CPU_LIMIT * PAIR_LIMIT);

  constructor(clocks: Clocks, races: RaceList) {
    this.#clocks = clocks;
    this.#races = races;
  }

  reset(): void {
    this.#storeCount.fill(0);
    this.#pairCount.fill(0);
  }

  /** A full barrier. */
  fenced(cpu: number): void {
    this.#storeCount[cpu] = 0;
  }

  stored(cpu: number, address: number, byteLength: number, site: number, mark: number): void {
    const count = this.#storeCount[cpu] as number;
    this.#storeCount[cpu] = count + 1;
    const at = cpu * STORE_LIMIT + (count % STORE_LIMIT);
    this.#storeAddress[at] = address;
    this.#storeLength[at] = byteLength;
    this.#storeSite[at] = site;
    this.#storeMark[at] = mark;
    this.#storeEpoch[at] = this.#clocks.epochs[cpu] as number;
    for (let other = 0; other < CPU_LIMIT; other++)
      this.#storeKnew[at * CPU_LIMIT + other] = this.#clocks.at(STORES + cpu, other);
  }

  loaded(cpu: number, address: number, byteLength: number, site: number, mark: number): void {
    const first = cpu * STORE_LIMIT;
    const end = first + Math.min(this.#storeCount[cpu] as number, STORE_LIMIT);
    for (let store = first; store < end; store++) {
      // The CPU's own store is forwarded.
      if (this.#storeTouches(store, address, byteLength)) continue;
      this.#pair(cpu, store, address, byteLength, site, mark);
      this.#meet(cpu, store, address, byteLength);
    }
  }

  /** It is known now what kind of load was made at a site. */
  settle(cpu: number, site: number, mark: number): void {
    for (let pair = cpu * PAIR_LIMIT; pair < (cpu + 1) * PAIR_LIMIT; pair++)
      if (this.#pairLoadSite[pair] === site) this.#pairLoadMark[pair] = mark;
  }

  #pair(cpu: number, store: number, address: number, byteLength: number, site: number, mark: number): void {
    const count = this.#pairCount[cpu] as number;
    this.#pairCount[cpu] = count + 1;
    const at = cpu * PAIR_LIMIT + (count % PAIR_LIMIT);
    this.#pairStoreAddress[at] = this.#storeAddress[store] as number;
    this.#pairStoreLength[at] = this.#storeLength[store] as number;
    this.#pairStoreEpoch[at] = this.#storeEpoch[store] as number;
    for (let other = 0; other < CPU_LIMIT; other++)
      this.#pairKnew[at * CPU_LIMIT + other] = this.#storeKnew[store * CPU_LIMIT + other] as number;
    this.#pairLoadAddress[at] = address;
    this.#pairLoadLength[at] = byteLength;
    this.#pairLoadSite[at] = site;
    this.#pairLoadMark[at] = mark;
  }

  /** The store of a CPU, and its load from there, against the pairs of the others. */
  #meet(cpu: number, store: number, address: number, byteLength: number): void {
    for (let other = 0; other < CPU_LIMIT; other++) {
      if (other === cpu) continue;
      const first = other * PAIR_LIMIT;
      const end = first + Math.min(this.#pairCount[other] as number, PAIR_LIMIT);
      for (let pair = first; pair < end; pair++) {
        const start = this.#pairStoreAddress[pair] as number;
        if (start >= address + byteLength || address >= start + (this.#pairStoreLength[pair] as number)) continue;
        const loaded = this.#pairLoadAddress[pair] as number;
        const length = this.#pairLoadLength[pair] as number;
        if (!this.#storeTouches(store, loaded, length)) continue;
        if ((this.#pairStoreEpoch[pair] as number) <= (this.#storeKnew[store * CPU_LIMIT + other] as number)) continue;
        if ((this.#storeEpoch[store] as number) <= (this.#pairKnew[pair * CPU_LIMIT + cpu] as number)) continue;
        const load = this.#pairLoadSite[pair] as number;
        const loadMark = this.#pairLoadMark[pair] as number;
        // The load behind the store has shown that no mb follows it.
        const by = this.#storeSite[store] as number;
        const mark = (this.#storeMark[store] as number) & ~PENDING;
        this.#races.meet(load, loadMark, false, by, mark, true, loaded, length, true);
        return;
      }
    }
  }

  #storeTouches(store: number, address: number, byteLength: number): boolean {
    const start = this.#storeAddress[store] as number;
    return start < address + byteLength && address < start + (this.#storeLength[store] as number);
  }
}
