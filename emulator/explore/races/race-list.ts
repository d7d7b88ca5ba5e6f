import { isRace, PENDING } from "./access-marks.ts";

/** Races of one run that are told apart. */
const RACE_LIMIT = 16;
/** Pairs that wait until it is clear what kind their accesses are. */
const WAITING_LIMIT = 64;

/** Pairs of conflicting accesses without an order. The typed arrays are made once; a run begins with two counters. */
class Pairs {
  count = 0;
  readonly firstSite: Int32Array;
  readonly firstMark: Uint8Array;
  readonly firstWrites: Uint8Array;
  readonly secondSite: Int32Array;
  readonly secondMark: Uint8Array;
  readonly secondWrites: Uint8Array;
  readonly address: Int32Array;
  readonly byteLength: Int32Array;
  /** 1: accesses that only synchronise by what stands beside them count. */
  readonly isRelaxed: Uint8Array;

  constructor(limit: number) {
    this.firstSite = new Int32Array(limit);
    this.firstMark = new Uint8Array(limit);
    this.firstWrites = new Uint8Array(limit);
    this.secondSite = new Int32Array(limit);
    this.secondMark = new Uint8Array(limit);
    this.secondWrites = new Uint8Array(limit);
    this.address = new Int32Array(limit);
    this.byteLength = new Int32Array(limit);
    this.isRelaxed = new Uint8Array(limit);
  }

  /** Adds the next bytes of the newest pair to it, if they are; false when they are of another one. */
  extend(
    firstSite: number,
    firstWrites: boolean,
    secondSite: number,
    secondWrites: boolean,
    address: number,
    byteLength: number,
    isRelaxed: boolean,
  ): boolean {
    const at = this.count - 1;
    if (at < 0 || this.firstSite[at] !== firstSite || this.secondSite[at] !== secondSite) return false;
    // The reads of a device are counted apart from its writes.
    if (this.firstWrites[at] !== Number(firstWrites) || this.secondWrites[at] !== Number(secondWrites)) return false;
    if (this.isRelaxed[at] !== Number(isRelaxed)) return false;
    const end = (this.address[at] as number) + (this.byteLength[at] as number);
    if (address > end || address < (this.address[at] as number)) return false;
    this.byteLength[at] = Math.max(end, address + byteLength) - (this.address[at] as number);
    return true;
  }

  /** Whether the newest pair is of these kinds. */
  isLastOf(firstMark: number, secondMark: number): boolean {
    const at = this.count - 1;
    return at >= 0 && this.firstMark[at] === firstMark && this.secondMark[at] === secondMark;
  }

  copy(to: number, from: Pairs, at: number): void {
    this.firstSite[to] = from.firstSite[at] as number;
    this.firstMark[to] = from.firstMark[at] as number;
    this.firstWrites[to] = from.firstWrites[at] as number;
    this.secondSite[to] = from.secondSite[at] as number;
    this.secondMark[to] = from.secondMark[at] as number;
    this.secondWrites[to] = from.secondWrites[at] as number;
    this.address[to] = from.address[at] as number;
    this.byteLength[to] = from.byteLength[at] as number;
    this.isRelaxed[to] = from.isRelaxed[at] as number;
  }
}

/** The races of a run, in the order in which they were noticed, and pairs that may turn out to be one. */
export class RaceList extends Pairs {
  /** Races beyond those that are kept. */
  overflowCount = 0;
  readonly #waiting = new Pairs(WAITING_LIMIT);

  constructor() {
    super(RACE_LIMIT);
  }

  reset(): void {
    this.count = 0;
    this.overflowCount = 0;
    this.#waiting.count = 0;
  }

  /** Two accesses, the second after the first in this run, have no order. */
  meet(
    firstSite: number,
    firstMark: number,
    firstWrites: boolean,
    secondSite: number,
    secondMark: number,
    secondWrites: boolean,
    address: number,
    byteLength: number,
    isRelaxed: boolean,
  ): void {
    const isOpen = ((firstMark | secondMark) & PENDING) !== 0;
    if (!isOpen && !isRace(firstWrites, firstMark, secondWrites, secondMark, isRelaxed)) return;
    const pairs = isOpen ? this.#waiting : this;
    // Those that wait are judged by their kind later: bytes of another kind, the rest of a descriptor behind its flag, wait apart.
    const isSameKind = !isOpen || pairs.isLastOf(firstMark, secondMark);
    if (isSameKind && pairs.extend(firstSite, firstWrites, secondSite, secondWrites, address, byteLength, isRelaxed))
      return;
    if (pairs.count === (isOpen ? WAITING_LIMIT : RACE_LIMIT)) {
      // Of those that wait, one too many is missed; there is room again as soon as anybody goes on.
      if (!isOpen) this.overflowCount++;
      return;
    }
    const at = pairs.count++;
    pairs.firstSite[at] = firstSite;
    pairs.firstMark[at] = firstMark;
    pairs.firstWrites[at] = firstWrites ? 1 : 0;
    pairs.secondSite[at] = secondSite;
    pairs.secondMark[at] = secondMark;
    pairs.secondWrites[at] = secondWrites ? 1 : 0;
    pairs.address[at] = address;
    pairs.byteLength[at] = byteLength;
    pairs.isRelaxed[at] = isRelaxed ? 1 : 0;
  }

  /** It is known now what kind of access was made at a site. */
  settle(site: number, mark: number): void {
    const waiting = this.#waiting;
    let kept = 0;
    for (let at = 0; at < waiting.count; at++) {
      if (waiting.firstSite[at] === site) waiting.firstMark[at] = mark;
      if (waiting.secondSite[at] === site) waiting.secondMark[at] = mark;
      if ((((waiting.firstMark[at] as number) | (waiting.secondMark[at] as number)) & PENDING) === 0) {
        this.meet(
          waiting.firstSite[at] as number,
          waiting.firstMark[at] as number,
          waiting.firstWrites[at] === 1,
          waiting.secondSite[at] as number,
          waiting.secondMark[at] as number,
          waiting.secondWrites[at] === 1,
          waiting.address[at] as number,
          waiting.byteLength[at] as number,
          waiting.isRelaxed[at] === 1,
        );
      } else waiting.copy(kept++, waiting, at);
    }
    waiting.count = kept;
  }

  /** A race of another kind: see TaskRaces. */
  add(firstSite: number, firstWrites: boolean, secondSite: number, secondWrites: boolean, address: number): void {
    this.meet(firstSite, 0, firstWrites, secondSite, 0, secondWrites, address, 4, true);
  }
}
