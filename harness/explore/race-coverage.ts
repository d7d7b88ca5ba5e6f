import type { Execution } from "../../emulator/explore/execution.ts";
import { Footprint } from "../../emulator/explore/footprint.ts";
import * as k from "../../emulator/explore/kinds.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";
import { PairTable } from "./pair-table.ts";

/** What has been covered. */
export interface CoverageReport {
  /** Pairs of accesses by two actors that touched the same place one after the other, at least one of them writing. */
  readonly racingPairs: number;
  /** Those that were seen in both orders. */
  readonly inBothOrders: number;
  /** Orders of pairs that the first 1,000 schedules saw, and that the last 1,000 saw for the first time. */
  readonly newInFirstThousand: number;
  readonly newInLastThousand: number;
  /** True when there were more pairs than are kept: the numbers are too low. */
  readonly isFull: boolean;
}

/** Schedules by which new pairs are counted. */
const WINDOW = 1000;
/** Places that one run may touch, as a power of two; those beyond it are not looked at. */
const PLACE_BITS = 12;
/** A place is a word of 4 bytes. Of a longer access the first few count. */
const PLACE_SHIFT = 2;
const PLACES_PER_STEP = 8;
const PROBE_LIMIT = 16;

// A site is who accesses what, how, and for how many times in this run, in one 32-bit word.
const ACTOR_SHIFT = 27;
const WRITE_BIT = 1 << 26;
const OCCURRENCE_SHIFT = 22;
const OCCURRENCES = 16;
const PLACE_MASK = (1 << 22) - 1;
/** Actors of a site: a thread, what is on its way down to a device, a device. */
const DOWN_TO = 16;
const DEVICE = 24;

/**
 * Which racing pairs a search has seen in which order. The third write of a status word by the card and the second look
 * of the driver at it are a pair; a search that has stopped seeing new ones is near its end. Allocates nothing in a run.
 *
 * It stands before a strategy and passes everything on.
 */
export class RaceCoverage implements Strategy {
  inner: Strategy;
  readonly #pairs = new PairTable();
  readonly #footprint = new Footprint();
  // By place: who touched it last in this run. A place of another run is empty.
  readonly #place = new Int32Array(1 << PLACE_BITS);
  readonly #placeRun = new Int32Array(1 << PLACE_BITS);
  readonly #lastWrite = new Int32Array(1 << PLACE_BITS);
  readonly #lastRead = new Int32Array(1 << PLACE_BITS);
  // By site without its occurrence: how often it came in this run.
  readonly #site = new Int32Array(1 << PLACE_BITS);
  readonly #siteRun = new Int32Array(1 << PLACE_BITS);
  readonly #occurrences = new Uint8Array(1 << PLACE_BITS);
  #run = 0;
  #newAtWindowStart = 0;
  #newInFirst = 0;
  #newInLast = 0;

  constructor(inner: Strategy) {
    this.inner = inner;
  }

  get name(): string {
    return this.inner.name;
  }

  get seesAll(): boolean {
    return this.inner.seesAll === true;
  }

  get report(): CoverageReport {
    const { pairCount, bothCount, orderCount, isFull } = this.#pairs;
    const newInFirstThousand = this.#run <= WINDOW ? orderCount : this.#newInFirst;
    const newInLastThousand = this.#run < 2 * WINDOW ? orderCount - this.#newAtWindowStart : this.#newInLast;
    return { racingPairs: pairCount, inBothOrders: bothCount, newInFirstThousand, newInLastThousand, isFull };
  }

  begin(run: Execution, seed: number): void {
    if (this.#run > 0 && this.#run % WINDOW === 0) this.#endWindow();
    this.#run++;
    this.inner.begin(run, seed);
  }

  choose(run: Execution): number {
    return this.inner.choose(run);
  }

  chooseVersion(run: Execution, thread: number, count: number): number {
    return this.inner.chooseVersion(run, thread, count);
  }

  onYield(run: Execution, thread: number): void {
    this.inner.onYield(run, thread);
  }

  onStep(run: Execution, slot: number, actor: number, ordinal: number): void {
    const footprint = this.#footprint.of(run.state, slot);
    if (footprint.byteLength > 0) this.#touch(run, slot, actor, footprint);
    this.inner.onStep(run, slot, actor, ordinal);
  }

  #endWindow(): void {
    const { orderCount } = this.#pairs;
    this.#newInLast = orderCount - this.#newAtWindowStart;
    if (this.#run === WINDOW) this.#newInFirst = this.#newInLast;
    this.#newAtWindowStart = orderCount;
  }

  #touch(run: Execution, slot: number, actor: number, { address, byteLength, isWrite }: Footprint): void {
    const first = address >> PLACE_SHIFT;
    const last = Math.min((address + byteLength - 1) >> PLACE_SHIFT, first + PLACES_PER_STEP - 1);
    const who = actorOf(run, slot, actor);
    const bare = (who << ACTOR_SHIFT) | (isWrite ? WRITE_BIT : 0) | (first & PLACE_MASK);
    const site = bare | (this.#occurrence(bare) << OCCURRENCE_SHIFT);
    for (let place = first; place <= last; place++) {
      const at = this.#find(this.#place, this.#placeRun, place);
      if (at < 0) return;
      if (this.#placeRun[at] !== this.#run) {
        this.#placeRun[at] = this.#run;
        this.#place[at] = place;
        this.#lastWrite[at] = 0;
        this.#lastRead[at] = 0;
      }
      this.#meet(this.#lastWrite[at] as number, site);
      if (isWrite) {
        this.#meet(this.#lastRead[at] as number, site);
        this.#lastWrite[at] = site;
        this.#lastRead[at] = 0;
      } else this.#lastRead[at] = site;
    }
  }

  #meet(earlier: number, later: number): void {
    if (earlier !== 0 && earlier >>> ACTOR_SHIFT !== later >>> ACTOR_SHIFT) this.#pairs.add(earlier, later);
  }

  /** How often the site has come in this run before, up to a limit: later ones count as one. */
  #occurrence(bare: number): number {
    const at = this.#find(this.#site, this.#siteRun, bare);
    if (at < 0) return OCCURRENCES - 1;
    if (this.#siteRun[at] !== this.#run) {
      this.#siteRun[at] = this.#run;
      this.#site[at] = bare;
      this.#occurrences[at] = 0;
    }
    const before = this.#occurrences[at] as number;
    if (before < OCCURRENCES - 1) this.#occurrences[at] = before + 1;
    return before;
  }

  #find(keys: Int32Array, runs: Int32Array, key: number): number {
    let at = (Math.imul(key, 0x9e37_79b1) >>> 0) >>> (32 - PLACE_BITS);
    for (let probe = 0; probe < PROBE_LIMIT; probe++) {
      if (runs[at] !== this.#run || keys[at] === key) return at;
      at = (at + 1) & ((1 << PLACE_BITS) - 1);
    }
    return -1;
  }
}

/** Who makes a step: what leaves a CPU's buffers is that CPU's, and a device's transfers are the device's. */
function actorOf(run: Execution, slot: number, actor: number): number {
  const { state } = run;
  if (slot < k.FIRST_ENTRY_SLOT) {
    const device = state.deviceOf[slot] as number;
    return device >= 0 ? DEVICE + device : slot;
  }
  const waiter = state.flight.thread[slot - k.FIRST_ENTRY_SLOT] as number;
  if (actor < k.DOWN) {
    const cpu = actor < k.COMBINING ? actor - k.STORE_BUFFER : actor - k.COMBINING;
    return Math.max(0, state.mainOf[cpu] as number);
  }
  if (actor >= k.UP) return DEVICE + ((actor - k.UP) % k.DEVICE_LIMIT);
  return waiter >= 0 ? waiter : DOWN_TO + actor - k.DOWN;
}
