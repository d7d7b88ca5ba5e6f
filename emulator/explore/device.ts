import * as k from "./kinds.ts";
import { BAR_BYTES, type ExplorerState, type Pending } from "./state.ts";

/**
 * A device of a small program: registers, and a generator function that is its engine. `yield nic.dmaWrite32(at, 1)` asks
 * for a transaction, which travels through the device's queue and lands in a later step.
 */
export class Device {
  readonly name: string;
  readonly index: number;
  readonly #state: ExplorerState;
  readonly #names: Map<number, string>;
  #thread = -1;
  #registerCount = 0;

  constructor(name: string, index: number, state: ExplorerState, names: Map<number, string>) {
    this.name = name;
    this.index = index;
    this.#state = state;
    this.#names = names;
  }

  /** The thread that the device's generator runs as. Set when the program is laid out. */
  set thread(thread: number) {
    this.#thread = thread;
  }

  /** Lays out a 32-bit register; returns the address by which CPU and device name it. */
  register(name: string): number {
    if (4 * (this.#registerCount + 1) > BAR_BYTES)
      throw new RangeError(`${this.name} has more than ${BAR_BYTES / 4} registers`);
    const address = this.#state.windowOf(this.index) + 4 * this.#registerCount++;
    this.#names.set(address, name);
    return address;
  }

  /** Bytes of its BAR that are in use. */
  get barBytes(): number {
    return 4 * this.#registerCount;
  }

  // ---- its own registers --------------------------------------------------------------------------------------------
  readRegister32(register: number): Pending {
    return this.#publish(k.REGISTER_READ, register, 0);
  }
  writeRegister32(register: number, value: number): Pending {
    return this.#publish(k.REGISTER_WRITE, register, value);
  }
  /** Sets bits in one go: how hardware records a cause. Answers with what was there before. */
  setRegisterBits32(register: number, bits: number): Pending {
    return this.#publish(k.REGISTER_SET, register, bits);
  }
  /** Waits until the register is as asked: what a doorbell is for. */
  waitRegister32(register: number, isEnough: (value: number) => boolean, limitNs?: number): Pending {
    this.#state.limitNs[this.#thread] = this.#state.nowNs + (limitNs ?? Number.POSITIVE_INFINITY);
    this.#state.predicates[this.#thread] = isEnough;
    return this.#publish(k.REGISTER_POLL, register, 0);
  }
  /** Within a hook: looks at a register without a step. */
  peek32(register: number): number {
    this.#state.timeline.load(register, 4, 0);
    return this.#state.timeline.low;
  }
  /** Within a hook: changes a register without a step. */
  poke32(register: number, value: number): void {
    this.#state.timeline.land(register, 4, value, 0);
  }

  // ---- memory -------------------------------------------------------------------------------------------------------
  /** One DMA read, behind the device's own earlier writes. */
  dmaRead32(address: number): Pending {
    return this.#fetch(1, 0, address, 0, 0, 0);
  }
  /** Reads of several words asked for at once: they have no order among each other. {@link fetched} has the answers. */
  fetch(first: number, second: number, third: number = -1, fourth: number = -1): Pending {
    return this.#fetch(2 + (third < 0 ? 0 : 1) + (fourth < 0 ? 0 : 1), 0, first, second, third, fourth);
  }
  /** The same from a device that waits for each completion before the next read. */
  fetchInOrder(first: number, second: number, third: number = -1, fourth: number = -1): Pending {
    return this.#fetch(2 + (third < 0 ? 0 : 1) + (fourth < 0 ? 0 : 1), 1, first, second, third, fourth);
  }
  fetched(index: number): number {
    return this.#state.fetched[this.#thread * 4 + index] as number;
  }
  dmaWrite32(address: number, value: number): Pending {
    this.#state.operand[this.#thread] = 0;
    return this.#publish(k.DMA_WRITE, address, value);
  }
  /** With the relaxed-ordering bit: may pass earlier writes to other addresses. */
  dmaWriteRelaxed32(address: number, value: number): Pending {
    this.#state.operand[this.#thread] = 1;
    return this.#publish(k.DMA_WRITE, address, value);
  }

  // ---- interrupts ---------------------------------------------------------------------------------------------------
  /** MSI or MSI-X: a write, behind the DMA writes before it. */
  message(vector: number): Pending {
    return this.#publish(k.MESSAGE, vector, 0);
  }
  /** Within a step of the device: posts the message at once, so that a mask and the message are one decision. */
  postMessage(vector: number): void {
    this.#state.postUp(this.index, k.MESSAGE_LANDING, vector, 4, 0, 0);
  }
  /** INTx: a line, which overtakes every DMA write unless the link says otherwise. */
  setLine(vector: number, isUp: boolean): Pending {
    return this.#publish(k.LINE, vector, isUp ? 1 : 0);
  }

  #publish(kind: number, address: number, value: number): Pending {
    return this.#state.publish(this.#thread, kind, address, 4, value | 0, 0);
  }

  #fetch(count: number, isOrdered: 0 | 1, a: number, b: number, c: number, d: number): Pending {
    const { fetchAddresses } = this.#state;
    const base = this.#thread * 4;
    fetchAddresses[base] = a;
    fetchAddresses[base + 1] = b;
    fetchAddresses[base + 2] = c;
    fetchAddresses[base + 3] = d;
    this.#state.operand[this.#thread] = isOrdered;
    return this.#state.publish(this.#thread, k.FETCH, a, count, 0, 0);
  }
}
