import * as k from "../kinds.ts";
import type { ExplorerState } from "../state.ts";

// What a step touches besides bytes; two steps that share a bit do not commute.
const PIPELINE = 0; // + CPU: its store and write-combining buffers
const CONTROL = 8; // + CPU: which of its threads runs
const BUS = 16; // + device: its queues and its insides
const INTERRUPT_BIT = 1 << 24;
const FUTEX_BIT = 1 << 25;

/**
 * What a pending step depends on, coarse but never too little: an order of two steps that matters must not be missed.
 * In the relaxed model the landings are ordered among each other and with every load, because a load may look at the past
 * of several locations at once.
 */
export class Dependence {
  mask = 0;
  address = 0;
  byteLength = 0;
  isWrite = false;
  /** Looks at all of memory: a hand-written wait, or a barrier that asks for what is newest now. */
  readsAll = false;
  isRelaxed = false;
  /** May be published and not possible. */
  mayWait = false;

  dependsOn(other: Dependence): boolean {
    if ((this.mask & other.mask) !== 0) return true;
    if (!this.isWrite && !other.isWrite) return false;
    if (this.isWrite ? other.readsAll : this.readsAll) return true;
    if (this.byteLength === 0 || other.byteLength === 0) return false;
    if (this.isRelaxed) return true;
    return this.address < other.address + other.byteLength && other.address < this.address + this.byteLength;
  }

  of(state: ExplorerState, slot: number): this {
    this.mask = 0;
    this.byteLength = 0;
    this.isWrite = false;
    this.readsAll = false;
    this.mayWait = slot >= k.FIRST_ENTRY_SLOT || !isPlain(state.kind[slot] as number);
    this.isRelaxed = state.model === k.RELAXED;
    if (slot < k.FIRST_ENTRY_SLOT) this.#ofThread(state, slot);
    else this.#ofEntry(state, slot - k.FIRST_ENTRY_SLOT);
    return this;
  }

  #touch(state: ExplorerState, address: number, byteLength: number, isWrite: boolean): void {
    this.address = address;
    this.byteLength = byteLength;
    this.isWrite = isWrite;
    // The registers of a device are part of it.
    if (address >= state.barBase) this.mask |= 1 << (BUS + state.deviceAt(address));
  }

  #ofThread(state: ExplorerState, thread: number): void {
    const cpu = state.cpuOf[thread] as number;
    const device = state.deviceOf[thread] as number;
    const kind = state.kind[thread] as number;
    const address = state.address[thread] as number;
    const byteLength = state.byteLength[thread] as number;
    if (cpu >= 0) {
      this.mask |= 1 << (CONTROL + cpu);
      // How a handler ends is what synchronizeIrq waits for.
      if (state.mainOf[cpu] !== thread) this.mask |= INTERRUPT_BIT;
    }
    if (device >= 0) this.mask |= 1 << (BUS + device);
    switch (kind) {
      case k.LOAD:
      case k.LOAD_ACQUIRE:
      case k.POLL:
      case k.REGISTER_READ:
      case k.REGISTER_POLL:
        this.#touch(state, address, byteLength, false);
        return;
      case k.STORE:
      case k.STORE_RELEASE:
      case k.UNLOCK:
        if (state.model === k.SC) this.#touch(state, address, byteLength, true);
        return;
      case k.REGISTER_WRITE:
      case k.REGISTER_SET:
        this.#touch(state, address, byteLength, true);
        return;
      case k.LOAD_ATOMIC:
      case k.STORE_ATOMIC:
      case k.ADD:
      case k.EXCHANGE:
      case k.COMPARE_EXCHANGE:
      case k.LOCK:
        this.#touch(state, address, byteLength, kind !== k.LOAD_ATOMIC);
        this.#ofBarrier(cpu);
        return;
      case k.FUTEX_WAIT:
      case k.FUTEX_NOTIFY:
        this.#touch(state, address, byteLength, false);
        this.#ofBarrier(cpu);
        this.mask |= FUTEX_BIT;
        return;
      case k.MB:
      case k.WMB:
      case k.DMA_WMB:
        this.#ofBarrier(cpu);
        return;
      case k.MMIO_WRITE:
      case k.MMIO_WRITE_RELAXED:
        if (state.latitude.uncachedFlushesCombining) this.#ofBarrier(cpu);
        if (state.model === k.SC) this.mask |= 1 << (BUS + state.deviceAt(address));
        return;
      case k.MMIO_READ:
      case k.MMIO_READ_RELAXED:
      case k.MMIO_POLL:
        this.#ofBarrier(cpu);
        this.mask |= 1 << (BUS + state.deviceAt(address));
        return;
      case k.WAIT_INTERRUPT:
      case k.SYNCHRONIZE_IRQ:
        this.readsAll = this.isRelaxed;
        this.mask |= INTERRUPT_BIT;
        return;
      case k.LINE:
      case k.IRQ_RESTORE:
        this.mask |= INTERRUPT_BIT;
        return;
      case k.RELAX:
      case k.AWAIT:
        this.readsAll = true;
        return;
      default:
    }
  }

  /** Waits for the buffers of its CPU, and in the relaxed model closes the view of the past. */
  #ofBarrier(cpu: number): void {
    if (cpu >= 0) this.mask |= 1 << (PIPELINE + cpu);
    this.readsAll = this.isRelaxed;
  }

  #ofEntry(state: ExplorerState, at: number): void {
    const { flight } = state;
    const queue = flight.queue[at] as number;
    const address = flight.address[at] as number;
    const byteLength = flight.byteLength[at] as number;
    switch (flight.kind[at]) {
      case k.BUFFERED_STORE:
        this.mask |= 1 << (PIPELINE + queue - k.STORE_BUFFER);
        this.#touch(state, address, byteLength, true);
        return;
      case k.BUFFERED_IO:
        this.mask |= (1 << (PIPELINE + queue - k.STORE_BUFFER)) | (1 << (BUS + state.deviceAt(address)));
        return;
      case k.COMBINED_WRITE:
        this.mask |= (1 << (PIPELINE + queue - k.COMBINING)) | (1 << (BUS + state.deviceAt(address)));
        return;
      case k.INTERRUPT: {
        const handler = state.handlerOf[queue - k.INTERRUPTS] as number;
        this.mask |= INTERRUPT_BIT | (1 << (CONTROL + (state.cpuOf[handler] as number)));
        this.readsAll = this.isRelaxed;
        return;
      }
      case k.POSTED_WRITE:
        // A device that reacts may drive its line at once.
        if (state.hooks[queue - k.DOWN] !== undefined) this.mask |= INTERRUPT_BIT;
        this.#touch(state, address, byteLength, true);
        return;
      case k.DMA_LANDING:
        this.mask |= 1 << (BUS + queue - k.UP);
        this.#touch(state, address, byteLength, true);
        return;
      case k.MESSAGE_LANDING:
      case k.LINE_LANDING:
        this.mask |= INTERRUPT_BIT | (1 << (BUS + queue - k.UP));
        return;
      case k.COMPLETION:
        this.mask |= 1 << (BUS + queue - k.UP);
        this.mask |= 1 << (CONTROL + (state.cpuOf[flight.thread[at] as number] as number));
        this.readsAll = this.isRelaxed;
        return;
      case k.DMA_FETCH:
        this.mask |= 1 << (BUS + queue - k.FETCHES);
        this.#touch(state, address, byteLength, false);
        return;
      default:
        this.mask |= 1 << (BUS + ((queue - k.DOWN) % k.DEVICE_LIMIT));
    }
  }
}

/** Always possible once it is published. */
function isPlain(kind: number): boolean {
  return (
    kind === k.LOAD ||
    kind === k.LOAD_ACQUIRE ||
    kind === k.STORE ||
    kind === k.STORE_RELEASE ||
    kind === k.UNLOCK ||
    kind === k.REGISTER_READ ||
    kind === k.REGISTER_WRITE ||
    kind === k.REGISTER_SET ||
    kind === k.DMA_WRITE ||
    kind === k.MESSAGE
  );
}
