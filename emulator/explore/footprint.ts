import * as k from "./kinds.ts";
import type { ExplorerState } from "./state.ts";

/** No queue, vector or device is touched. */
const NO_OBJECT = -1;

/**
 * What a pending step touches: a byte range, and an object (a queue, an interrupt vector: the number of its actor). Two
 * steps race when they touch the same object, or overlapping bytes that one of them writes.
 */
export class Footprint {
  address = 0;
  byteLength = 0;
  isWrite = false;
  object: number = NO_OBJECT;

  races(other: Footprint): boolean {
    if (this.object !== NO_OBJECT && this.object === other.object) return true;
    if (!this.isWrite && !other.isWrite) return false;
    return this.address < other.address + other.byteLength && other.address < this.address + this.byteLength;
  }

  /** Takes on what the step of a slot touches. */
  of(state: ExplorerState, slot: number): this {
    this.isWrite = false;
    this.object = NO_OBJECT;
    if (slot < k.FIRST_ENTRY_SLOT) this.#ofThread(state, slot);
    else this.#ofEntry(state, slot - k.FIRST_ENTRY_SLOT);
    return this;
  }

  #ofThread(state: ExplorerState, thread: number): void {
    this.address = state.address[thread] as number;
    this.byteLength = state.byteLength[thread] as number;
    switch (state.kind[thread]) {
      case k.LOAD:
      case k.LOAD_ACQUIRE:
      case k.LOAD_ATOMIC:
      case k.POLL:
      case k.REGISTER_READ:
      case k.REGISTER_POLL:
        return;
      case k.STORE_ATOMIC:
      case k.ADD:
      case k.EXCHANGE:
      case k.COMPARE_EXCHANGE:
      case k.LOCK:
      case k.REGISTER_WRITE:
      case k.REGISTER_SET:
      case k.FUTEX_WAIT:
      case k.FUTEX_NOTIFY:
        this.isWrite = true;
        return;
      case k.STORE:
      case k.STORE_RELEASE:
      case k.UNLOCK:
        // Into the store buffer: nobody else can tell.
        this.isWrite = true;
        if (state.model !== k.SC) this.byteLength = 0;
        return;
      case k.MMIO_WRITE:
      case k.MMIO_WRITE_RELAXED:
        if (state.model === k.SC) this.object = k.DOWN + state.deviceAt(this.address);
        this.byteLength = 0;
        return;
      case k.MMIO_READ:
      case k.MMIO_READ_RELAXED:
      case k.MMIO_POLL:
        this.object = k.DOWN + state.deviceAt(this.address);
        return;
      case k.DMA_WRITE:
      case k.MESSAGE:
        this.object = k.UP + (state.deviceOf[thread] as number);
        this.byteLength = 0;
        return;
      case k.LINE:
        this.object =
          state.latitude.intxOvertakesDma[state.deviceOf[thread] as number] === 1
            ? k.INTERRUPTS + this.address
            : k.UP + (state.deviceOf[thread] as number);
        this.byteLength = 0;
        return;
      case k.WAIT_INTERRUPT:
      case k.SYNCHRONIZE_IRQ:
        this.object = k.INTERRUPTS + (state.operand[thread] as number);
        this.byteLength = 0;
        return;
      default:
        this.byteLength = 0;
    }
  }

  #ofEntry(state: ExplorerState, at: number): void {
    const { flight } = state;
    const queue = flight.queue[at] as number;
    this.address = flight.address[at] as number;
    this.byteLength = flight.byteLength[at] as number;
    switch (flight.kind[at]) {
      case k.BUFFERED_STORE:
      case k.POSTED_WRITE:
      case k.DMA_LANDING:
        this.isWrite = true;
        return;
      case k.BUFFERED_IO:
      case k.COMBINED_WRITE:
        this.object = k.DOWN + state.deviceAt(this.address);
        this.byteLength = 0;
        return;
      case k.READ_REQUEST:
        this.object = k.UP + queue - k.DOWN;
        return;
      case k.MESSAGE_LANDING:
      case k.LINE_LANDING:
        this.object = k.INTERRUPTS + this.address;
        this.byteLength = 0;
        return;
      case k.DMA_FETCH:
        return;
      default:
        // Completions, interrupts and events: their own queue.
        this.object = queue;
        this.byteLength = 0;
    }
  }
}
