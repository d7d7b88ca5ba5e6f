import type { DeviceUse } from "./ownership.ts";

const PAGE_BYTES = 4096;

/** Who has a buffer: a ring, a DMA engine. */
export interface Holder {
  /** Where, in findings: "transmit queue 0". */
  readonly place: string;
  /** "transmit descriptor 3 of queue 0". */
  nameOf(slot: number): string;
  /** How a driver sees that the device is done: "its DD bit is read as 1". */
  readonly completion: string;
  /** Of memory that comes back as a whole only: when, behind "wait until". */
  readonly release?: string;
  /** Whether the device is not done with it. */
  isBusy(slot: number): boolean;
  isLive(): boolean;
  /** Whether nothing but a read of the device's head has shown the driver that it is done. Absent: there is no head. */
  isPassed?(slot: number): boolean;
  /** The buffer behind a slot is in its hands no more. */
  drop(slot: number): void;
}

/** A buffer in a device's hands. */
export interface Hold {
  readonly holder: Holder;
  readonly slot: number;
  readonly iova: number;
  readonly byteLength: number;
  /** `streams`: it writes whenever it likes, and everybody may read at any time. */
  readonly use: DeviceUse | "streams";
}

/** Buffers in a device's hands, by address. */
export class Holds {
  readonly #pages = new Map<number, Hold[]>();

  add(hold: Hold): void {
    for (let page = firstPage(hold); page <= lastPage(hold); page++) {
      const there = this.#pages.get(page);
      if (there === undefined) this.#pages.set(page, [hold]);
      else there.push(hold);
    }
  }

  remove(hold: Hold): void {
    for (let page = firstPage(hold); page <= lastPage(hold); page++) {
      const there = this.#pages.get(page);
      const at = there?.indexOf(hold) ?? -1;
      if (there === undefined || at < 0) continue;
      // Order does not matter, and splice makes an array.
      const last = there.pop() as Hold;
      if (last !== hold) there[at] = last;
    }
  }

  /** One that overlaps these bytes and whose device may still touch it. */
  find(iova: number, byteLength: number): Hold | undefined {
    if (this.#pages.size === 0) return undefined;
    const last = Math.floor((iova + byteLength - 1) / PAGE_BYTES);
    for (let page = Math.floor(iova / PAGE_BYTES); page <= last; page++) {
      const there = this.#pages.get(page);
      if (there === undefined) continue;
      for (const hold of there)
        if (iova < hold.iova + hold.byteLength && hold.iova < iova + byteLength && hold.holder.isLive()) return hold;
    }
    return undefined;
  }

  clear(): void {
    if (this.#pages.size > 0) this.#pages.clear();
  }
}

function firstPage(hold: Hold): number {
  return Math.floor(hold.iova / PAGE_BYTES);
}

function lastPage(hold: Hold): number {
  return Math.floor((hold.iova + hold.byteLength - 1) / PAGE_BYTES);
}
