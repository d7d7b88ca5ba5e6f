import type { MemoryView } from "../../memory/memory-view.ts";
import type { Endpoint } from "../../pcie/endpoint.ts";
import type { Uplink } from "../../pcie/endpoint-slot.ts";
import * as k from "../kinds.ts";
import type { ExplorerState } from "../state.ts";
import { pieceLength } from "../timeline.ts";

/** Tags of a device's events: its timers, then a frame for each wire port, beginning with that of port 0. */
export const TIMER_EVENT = 0;
export const FRAME_EVENT = 1;

/** How pictures call an event. */
export function eventName(tag: number): string {
  if (tag === TIMER_EVENT) return "timer";
  return tag === FRAME_EVENT ? "frame from the wire" : `frame from the wire of port ${tag - FRAME_EVENT}`;
}

/** A read of what is not mapped races with nothing. */
const NOWHERE = -4096;

/** What a function sends up in an explored run: each write, message and read takes its place in a queue. */
export class ExploredUplink implements Uplink {
  readonly #state: ExplorerState;
  readonly #endpoint: Endpoint;
  readonly #device: number;
  readonly #vectorOf: (irq: number) => number;
  readonly #onLine: (asserted: boolean) => void;
  /** When the timer event that is on its way comes due. */
  #timerDueNs = Number.POSITIVE_INFINITY;

  /** `vectorOf`: the vector of the explorer on which the CPU is interrupted that an interrupt is directed at. */
  constructor(
    state: ExplorerState,
    endpoint: Endpoint,
    device: number,
    vectorOf: (irq: number) => number,
    onLine: (asserted: boolean) => void,
  ) {
    this.#onLine = onLine;
    this.#state = state;
    this.#endpoint = endpoint;
    this.#device = device;
    this.#vectorOf = vectorOf;
  }

  /** A run begins: nothing is on its way but what the set-up has armed. */
  begin(): void {
    this.#timerDueNs = Number.POSITIVE_INFINITY;
    this.timer();
  }

  write(
    address: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    flagOffset: number,
    isRelaxed: boolean,
  ): void {
    if (flagOffset < 0) {
      this.#state.postDmaWrite(this.#device, address, memory.bytes, offset, byteLength, isRelaxed);
      return;
    }
    // A write-back lands in pieces of 8 bytes, that with the flag last: so cards build them, and so drivers read them.
    const flagPiece = flagOffset & ~7;
    for (let piece = 0; piece < byteLength; piece += 8)
      if (piece !== flagPiece) this.#postPiece(address, memory, offset, byteLength, piece, flagOffset);
    this.#postPiece(address, memory, offset, byteLength, flagPiece, flagOffset);
  }

  read(address: number, byteLength: number, tag: number, context: number): void {
    this.#state.requestRead(this.#device, address < 0 ? NOWHERE : address, byteLength, tag, context);
  }

  message(data: number): void {
    this.#state.postMessage(this.#device, this.#vectorOf(data), data);
  }

  line(asserted: boolean): void {
    const state = this.#state;
    if (state.latitude.intxOvertakesDma[this.#device] === 1) {
      if (asserted) state.races?.order.lineRaised(this.#device, this.#vectorOf(this.#device));
      this.#onLine(asserted);
    } else state.postUp(this.#device, k.LINE_LANDING, this.#vectorOf(this.#device), 4, asserted ? 1 : 0, 0);
  }

  timer(): void {
    const dueNs = this.#endpoint.timers.next[0] as number;
    if (dueNs >= this.#timerDueNs) return;
    this.#timerDueNs = dueNs;
    this.#state.schedule(this.#device, dueNs - this.#state.nowNs, TIMER_EVENT, TIMER_EVENT);
  }

  /** A timer event has come due: the next one is planned anew. */
  timersRan(): void {
    this.#timerDueNs = Number.POSITIVE_INFINITY;
    this.timer();
  }

  #postPiece(
    address: number,
    memory: MemoryView,
    offset: number,
    byteLength: number,
    piece: number,
    flagOffset: number,
  ): void {
    const length = pieceLength(byteLength - piece);
    const { bytes } = memory;
    let low = 0;
    let high = 0;
    for (let byte = 0; byte < length; byte++) {
      const value = bytes[offset + piece + byte] as number;
      if (byte < 4) low |= value << (8 * byte);
      else high |= value << (8 * (byte - 4));
    }
    const at = this.#state.postUp(this.#device, k.DMA_LANDING, address + piece, length, low, high);
    this.#state.races?.hasFlag(at, address + flagOffset);
  }
}
