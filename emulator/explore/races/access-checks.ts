import { RELAXED } from "../kinds.ts";
import type { ExplorerState } from "../state.ts";
import { FIRST_DEVICE_SITE, whoseSite } from "./access-marks.ts";
import { type Clocks, FIRST_DEVICE } from "./clocks.ts";
import type { RaceList } from "./race-list.ts";
import type { Shadow } from "./shadow.ts";

/** Holds each access against those before it at the same bytes, and takes its place among them. */
export class AccessChecks {
  readonly #state: ExplorerState;
  readonly #shadow: Shadow;
  readonly #clocks: Clocks;
  readonly #races: RaceList;
  /** Byte ranges in which races are meant: start and end by turns. */
  readonly #meant: number[] = [];

  constructor(state: ExplorerState, shadow: Shadow, clocks: Clocks, races: RaceList) {
    this.#state = state;
    this.#shadow = shadow;
    this.#clocks = clocks;
    this.#races = races;
  }

  /** Races at these addresses are meant, in all runs. */
  allowAt(address: number, byteLength: number): void {
    this.#meant.push(address, address + byteLength);
  }

  /** The actor of a site. */
  #actorOf(site: number): number {
    const who = whoseSite(site);
    return who < FIRST_DEVICE_SITE ? (this.#state.cpuOf[who] as number) : FIRST_DEVICE + who - FIRST_DEVICE_SITE;
  }

  read(count: number, actor: number, row: number, site: number, mark: number, isNewest: boolean): void {
    const shadow = this.#shadow;
    const clocks = this.#clocks;
    const epoch = clocks.epochs[actor] as number;
    for (let at = 0; at < count; at++) {
      const cell = shadow.found[at] as number;
      const writeEpoch = shadow.writeEpoch(cell);
      if (writeEpoch !== 0) {
        const writer = this.#actorOf(shadow.writeSite(cell));
        if (writer !== actor && writeEpoch > clocks.at(row, writer)) this.#meetWrite(cell, site, mark, isNewest);
      }
      shadow.setRead(cell, actor, epoch, site, mark);
    }
  }

  /** A read without an order to the last write: it has seen it, or what was there before it. */
  #meetWrite(cell: number, site: number, mark: number, isNewest: boolean): void {
    const shadow = this.#shadow;
    const races = this.#races;
    const isRelaxed = this.#state.model === RELAXED;
    const writeSite = shadow.writeSite(cell);
    const writeMark = shadow.writeMark(cell);
    const address = shadow.addressOf(cell);
    const byteLength = shadow.byteLengthOf(cell);
    if (this.#isMeant(address)) return;
    if (isNewest) races.meet(writeSite, writeMark, true, site, mark, false, address, byteLength, isRelaxed);
    else races.meet(site, mark, false, writeSite, writeMark, true, address, byteLength, isRelaxed);
  }

  /** An actor, which was behind `row` when it was in `epoch`, has written a byte range, and published `release`. */
  write(
    actor: number,
    row: number,
    epoch: number,
    site: number,
    mark: number,
    release: number,
    address: number,
    byteLength: number,
  ): void {
    const shadow = this.#shadow;
    const races = this.#races;
    const clocks = this.#clocks;
    const isRelaxed = this.#state.model === RELAXED;
    const count = shadow.find(address, byteLength);
    for (let at = 0; at < count; at++) {
      const cell = shadow.found[at] as number;
      const place = shadow.addressOf(cell);
      const length = shadow.byteLengthOf(cell);
      const writeEpoch = shadow.writeEpoch(cell);
      let readers = shadow.readers(cell);
      // Whoever has read what another has written, and writes there, is behind it: memory is coherent.
      if (writeEpoch !== 0 && (readers & (1 << actor)) === 0) {
        const writeSite = shadow.writeSite(cell);
        const writeMark = shadow.writeMark(cell);
        const writer = this.#actorOf(writeSite);
        if (writer !== actor && writeEpoch > clocks.at(row, writer) && !this.#isMeant(place))
          races.meet(writeSite, writeMark, true, site, mark, true, place, length, isRelaxed);
      }
      readers &= ~(1 << actor);
      for (let reader = 0; readers !== 0; reader++, readers >>>= 1) {
        if ((readers & 1) === 0 || shadow.readEpoch(cell, reader) <= clocks.at(row, reader)) continue;
        if (this.#isMeant(place)) continue;
        const readSite = shadow.readSite(cell, reader);
        const readMark = shadow.readMark(cell, reader);
        races.meet(readSite, readMark, false, site, mark, true, place, length, isRelaxed);
      }
      shadow.setWrite(cell, epoch, site, mark, release);
    }
  }

  #isMeant(address: number): boolean {
    const meant = this.#meant;
    for (let at = 0; at < meant.length; at += 2)
      if (address >= (meant[at] as number) && address < (meant[at + 1] as number)) return true;
    return false;
  }
}
