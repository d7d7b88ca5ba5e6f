import type { TraceLog } from "./trace-log.ts";
import * as ring from "./trace-ring.ts";

/** What a CPU waits for; the place in it is what stands in the ring. */
export const WAIT_KINDS = ["interrupt", "relax", "delay", "poll", "lock", "promise", "synchronizeIrq"] as const;
export type WaitKind = (typeof WAIT_KINDS)[number];

/** The place in it stands in the ring. */
export const BARRIERS = ["mb", "rmb", "wmb", "dmaRmb", "dmaWmb"] as const;

export const PLAIN = 0;
/** An acquiring load, a releasing store. */
export const ORDERED = 1;
/** Bits of the order; above them is how often a load was repeated. */
export const ORDER_BITS = 2;
const REPEATS_MAX = 2 ** 28;

/**
 * What one CPU does, written down. A driver that polls would fill every ring: a load that returns what the one before it
 * has, from the same place, is counted and not noted, and relaxes in a row are one wait.
 */
export class CpuLog {
  readonly log: TraceLog;
  readonly cpu: number;
  #handlerDepth = 0;
  #isRelaxing = false;
  #readDevice = -1;
  #readHigh = 0;
  #readLow = 0;
  #readBytes = 0;
  #readValue = 0;
  #readOrder = 0;
  #repeats = 0;

  constructor(log: TraceLog, cpu: number) {
    this.log = log;
    this.cpu = cpu;
  }

  /** Something that is noted each time. */
  note(kind: number, device: number, byteLength: number, a: number, b: number, c: number, d: number): void {
    this.#break();
    this.log.note(kind, this.#place(device), byteLength, a, b, c, d);
  }

  noteText(
    kind: number,
    device: number,
    byteLength: number,
    a: number,
    b: number,
    c: number,
    d: number,
    text: string,
  ): void {
    this.#break();
    this.log.noteText(kind, this.#place(device), byteLength, a, b, c, d, text);
  }

  /** A load of up to 4 bytes. */
  load(device: number, high: number, low: number, byteLength: number, value: number, order: number): void {
    const isSamePlace = low === this.#readLow && high === this.#readHigh && device === this.#readDevice;
    if (
      isSamePlace &&
      value === this.#readValue &&
      byteLength === this.#readBytes &&
      order === this.#readOrder &&
      this.#repeats < REPEATS_MAX
    ) {
      this.#repeats++;
      return;
    }
    this.#break();
    this.#readDevice = device;
    this.#readHigh = high;
    this.#readLow = low;
    this.#readBytes = byteLength;
    this.#readValue = value;
    this.#readOrder = order;
    this.log.note(ring.MEMORY_READ, this.#place(device), byteLength, high, low, value, order);
  }

  /** A copy into memory or out of it, with its first bytes. */
  copy(
    kind: number,
    device: number,
    high: number,
    low: number,
    data: Uint8Array,
    at: number,
    byteLength: number,
  ): void {
    this.#break();
    const kept = Math.min(byteLength, this.log.detail.dmaBytes);
    this.log.noteAll(kind, this.#place(device), byteLength, high, low, 0, PLAIN, data, at, kept, "");
  }

  relax(): void {
    if (this.#isRelaxing) return;
    this.#isRelaxing = true;
    // The load that it polls with goes on being compared.
    this.log.note(ring.WAIT, this.#place(0), 0, WAIT_KINDS.indexOf("relax"), 0, 0, 0);
  }

  wait(what: WaitKind, device: number, text: string): void {
    this.noteText(ring.WAIT, device, 0, WAIT_KINDS.indexOf(what), 0, 0, 0, text);
  }

  /** `vector` is that of an interrupt that was waited for. */
  wake(what: WaitKind, device: number, isTimedOut: boolean, text: string, vector: number = 0): void {
    this.noteText(ring.WAKE, device, 0, WAIT_KINDS.indexOf(what), isTimedOut ? 1 : 0, vector, 0, text);
  }

  enterHandler(device: number, vector: number): void {
    this.#break();
    this.#handlerDepth++;
    this.log.note(ring.HANDLER_ENTER, this.#place(device), 0, vector, 0, 0, 0);
  }

  exitHandler(device: number, vector: number): void {
    this.#break();
    this.log.note(ring.HANDLER_EXIT, this.#place(device), 0, vector, 0, 0, 0);
    this.#handlerDepth--;
  }

  /** Something else than polling comes: what was not noted is said now. */
  #break(): void {
    this.#tellRepeats();
    this.#readDevice = -1;
    if (!this.#isRelaxing) return;
    this.#isRelaxing = false;
    this.log.note(ring.WAKE, this.#place(0), 0, WAIT_KINDS.indexOf("relax"), 0, 0, 0);
  }

  #tellRepeats(): void {
    if (this.#repeats === 0) return;
    const how = this.#readOrder | (this.#repeats << ORDER_BITS);
    this.#repeats = 0;
    const place = this.#place(this.#readDevice);
    this.log.note(ring.MEMORY_READ, place, this.#readBytes, this.#readHigh, this.#readLow, this.#readValue, how);
  }

  #place(device: number): number {
    return ring.placeWord(device, this.cpu, this.#handlerDepth > 0);
  }
}
