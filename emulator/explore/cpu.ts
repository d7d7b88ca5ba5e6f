import * as k from "./kinds.ts";
import type { ExplorerState, Pending } from "./state.ts";

/**
 * A CPU as a generator function sees it: `const value = yield cpu.read32(at)`. Each method publishes the operation and
 * returns at once; the value comes back from `yield` when the explorer has let the operation happen.
 *
 * Addresses are what {@link Machine.word} and {@link Device.register} returned. Plain accesses are JavaScript's element
 * accesses and C's plain ones: they may be reordered as the memory model allows.
 */
export class Cpu {
  readonly #state: ExplorerState;
  readonly #thread: number;

  constructor(state: ExplorerState, thread: number) {
    this.#state = state;
    this.#thread = thread;
  }

  /** High word of the last 8-byte answer. */
  get high(): number {
    return this.#state.answerHigh[this.#thread] as number;
  }

  /** True when the last operation with a limit ended because of it. */
  get timedOut(): boolean {
    return this.#state.timedOut[this.#thread] === 1;
  }

  // ---- memory -------------------------------------------------------------------------------------------------------
  read8(address: number): Pending {
    return this.#publish(k.LOAD, address, 1, 0);
  }
  read16(address: number): Pending {
    return this.#publish(k.LOAD, address, 2, 0);
  }
  read32(address: number): Pending {
    return this.#publish(k.LOAD, address, 4, 0);
  }
  /** Answers with the low word; {@link high} has the other. */
  read64(address: number): Pending {
    return this.#publish(k.LOAD, address, 8, 0);
  }
  readAcquire32(address: number): Pending {
    return this.#publish(k.LOAD_ACQUIRE, address, 4, 0);
  }
  write8(address: number, value: number): Pending {
    return this.#publish(k.STORE, address, 1, value);
  }
  write16(address: number, value: number): Pending {
    return this.#publish(k.STORE, address, 2, value);
  }
  write32(address: number, value: number): Pending {
    return this.#publish(k.STORE, address, 4, value);
  }
  write64(address: number, low: number, high: number): Pending {
    return this.#state.publish(this.#thread, k.STORE, address, 8, low | 0, high | 0);
  }
  writeRelease32(address: number, value: number): Pending {
    return this.#publish(k.STORE_RELEASE, address, 4, value);
  }
  /** `Atomics.load`: sequentially consistent, like all below. */
  atomicLoad32(address: number): Pending {
    return this.#publish(k.LOAD_ATOMIC, address, 4, 0);
  }
  atomicStore32(address: number, value: number): Pending {
    return this.#publish(k.STORE_ATOMIC, address, 4, value);
  }
  /** Answers with what was there before; so do the next two. */
  add32(address: number, value: number): Pending {
    return this.#publish(k.ADD, address, 4, value);
  }
  exchange32(address: number, value: number): Pending {
    return this.#publish(k.EXCHANGE, address, 4, value);
  }
  compareExchange32(address: number, expected: number, value: number): Pending {
    this.#state.operand[this.#thread] = expected;
    return this.#publish(k.COMPARE_EXCHANGE, address, 4, value);
  }

  // ---- barriers -----------------------------------------------------------------------------------------------------
  mb(): Pending {
    return this.#publish(k.MB, 0, 0, 0);
  }
  rmb(): Pending {
    return this.#publish(k.RMB, 0, 0, 0);
  }
  /** Also empties the write-combining buffer, as sfence does. */
  wmb(): Pending {
    return this.#publish(k.WMB, 0, 0, 0);
  }
  dmaRmb(): Pending {
    return this.#publish(k.DMA_RMB, 0, 0, 0);
  }
  dmaWmb(): Pending {
    return this.#publish(k.DMA_WMB, 0, 0, 0);
  }

  // ---- the device ---------------------------------------------------------------------------------------------------
  /** Posted; ordered behind the stores before it (Linux: writel). */
  mmioWrite32(register: number, value: number): Pending {
    return this.#publish(k.MMIO_WRITE, register, 4, value);
  }
  /** Posted; not ordered with memory (Linux: writel_relaxed). */
  mmioWriteRelaxed32(register: number, value: number): Pending {
    return this.#publish(k.MMIO_WRITE_RELAXED, register, 4, value);
  }
  /** Pushes the posted writes before it, and is itself behind the DMA writes that the device made before (readl). */
  mmioRead32(register: number): Pending {
    return this.#publish(k.MMIO_READ, register, 4, 0);
  }
  mmioReadRelaxed32(register: number): Pending {
    return this.#publish(k.MMIO_READ_RELAXED, register, 4, 0);
  }
  /** A store to write-combining memory of the device: leaves whenever it likes, at the latest at wmb or mb. */
  combiningWrite32(register: number, value: number): Pending {
    return this.#publish(k.WC_WRITE, register, 4, value);
  }

  // ---- races that are meant -----------------------------------------------------------------------------------------
  /** No operation: what is accessed from here on, others may access meanwhile, and it does no harm (see the driver's Cpu). */
  beginRacy(_reason: string): void {
    this.#state.races?.beginRacy(this.#state.cpuOf[this.#thread] as number);
  }
  endRacy(looksBack: boolean): void {
    this.#state.races?.endRacy(this.#state.cpuOf[this.#thread] as number, looksBack);
  }

  // ---- waiting ------------------------------------------------------------------------------------------------------
  /** Reads again and again until `isEnough`; parks as long as the newest value is not. Ends earlier with a limit. */
  poll32(address: number, isEnough: (value: number) => boolean, limitNs: number = Number.POSITIVE_INFINITY): Pending {
    return this.#wait(k.POLL, address, isEnough, limitNs);
  }
  /** The same on a register. Not for a register that a read changes. */
  pollRegister32(
    register: number,
    isEnough: (value: number) => boolean,
    limitNs: number = Number.POSITIVE_INFINITY,
  ): Pending {
    return this.#wait(k.MMIO_POLL, register, isEnough, limitNs);
  }
  /** In a loop written by hand: parks until something that was read since the last relax() changes. */
  relax(): Pending {
    return this.#publish(k.RELAX, 0, 0, 0);
  }
  delay(durationNs: number): Pending {
    this.#limit(durationNs);
    return this.#publish(k.DELAY, 0, 0, 0);
  }
  /** `Atomics.wait`: answers 0 when woken, 1 when the value was another, 2 when the limit was over. */
  futexWait(address: number, expected: number, limitNs: number = Number.POSITIVE_INFINITY): Pending {
    this.#limit(limitNs);
    this.#state.operand[this.#thread] = expected;
    return this.#publish(k.FUTEX_WAIT, address, 4, 0);
  }
  /** `Atomics.notify`: answers how many were woken. */
  futexNotify(address: number, count: number = k.THREAD_LIMIT): Pending {
    this.#state.operand[this.#thread] = count;
    return this.#publish(k.FUTEX_NOTIFY, address, 4, 0);
  }
  lock(address: number): Pending {
    return this.#publish(k.LOCK, address, 4, 0);
  }
  /** Orders memory; posted writes made under the lock may leave after it. */
  unlock(address: number): Pending {
    return this.#publish(k.UNLOCK, address, 4, 0);
  }

  // ---- interrupts ---------------------------------------------------------------------------------------------------
  /** Waits for an interrupt without a handler; one that came since the last wait is enough. Answers 0 after the limit. */
  waitInterrupt(vector: number, limitNs: number = Number.POSITIVE_INFINITY): Pending {
    this.#limit(limitNs);
    this.#state.operand[this.#thread] = vector;
    return this.#publish(k.WAIT_INTERRUPT, 0, 0, 0);
  }
  /** Waits until no handler of this vector runs or is about to. */
  synchronizeIrq(vector: number): Pending {
    this.#state.operand[this.#thread] = vector;
    return this.#publish(k.SYNCHRONIZE_IRQ, 0, 0, 0);
  }
  /** Answers what {@link irqRestore} wants. */
  irqSave(): Pending {
    return this.#publish(k.IRQ_SAVE, 0, 0, 0);
  }
  irqRestore(saved: number): Pending {
    this.#state.operand[this.#thread] = saved;
    return this.#publish(k.IRQ_RESTORE, 0, 0, 0);
  }

  #publish(kind: number, address: number, byteLength: number, value: number): Pending {
    return this.#state.publish(this.#thread, kind, address, byteLength, value | 0, 0);
  }

  #wait(kind: number, address: number, isEnough: (value: number) => boolean, limitNs: number): Pending {
    this.#limit(limitNs);
    this.#state.predicates[this.#thread] = isEnough;
    return this.#publish(kind, address, 4, 0);
  }

  #limit(durationNs: number): void {
    this.#state.limitNs[this.#thread] = this.#state.nowNs + durationNs;
  }
}
