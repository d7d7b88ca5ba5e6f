import type { ClientMemory } from "./client-memory.ts";
import {
  EINVAL,
  IRQ_COUNT,
  IRQ_FLAG_AUTOMASKED,
  IRQ_FLAG_EVENTFD,
  IRQ_FLAG_MASKABLE,
  IRQ_FLAG_NORESIZE,
  IRQ_INTX,
  IRQ_MSI,
  IRQ_MSIX,
  RequestError,
  SET_ACTION_MASK,
  SET_ACTION_TRIGGER,
  SET_ACTION_UNMASK,
  SET_DATA_BOOL,
  SET_DATA_EVENTFD,
  SET_DATA_NONE,
} from "./protocol.ts";

/** A file descriptor of the client's that an interrupt is signalled through. */
export interface EventSignal {
  signal(): void;
  close(): void;
}

/** The body of a SET_IRQS request. */
export interface SetIrqs {
  readonly flags: number;
  readonly index: number;
  readonly start: number;
  readonly count: number;
  /** By interrupt from `start` on, where the flags say that they come along. */
  readonly booleans: readonly boolean[];
  /** Descriptors that came with it, by interrupt from `start` on; none takes back what there is. */
  readonly descriptorCount: number;
}

const DATA = SET_DATA_NONE | SET_DATA_BOOL | SET_DATA_EVENTFD;
const ACTIONS = SET_ACTION_MASK | SET_ACTION_UNMASK | SET_ACTION_TRIGGER;
const SIGNALS = SET_DATA_EVENTFD | SET_ACTION_TRIGGER;

/**
 * How interrupts reach a client: through the descriptors that it handed over, or, where it could not, as the memory
 * writes that MSI messages are. Signals stand behind the writes of the device: where those go by message, a signal waits
 * until the client has acknowledged them.
 */
export class ClientInterrupts {
  /** By interrupt kind: how many there are. */
  readonly counts: readonly number[];
  readonly #memory: ClientMemory;
  readonly #hasSignals: boolean;
  readonly #signals: (EventSignal | undefined)[][] = Array.from({ length: IRQ_COUNT }, () => []);
  readonly #masked: boolean[][] = Array.from({ length: IRQ_COUNT }, () => []);
  /** Raised while masked, by kind and number. */
  readonly #pending: boolean[][] = Array.from({ length: IRQ_COUNT }, () => []);
  readonly #waiting: EventSignal[] = [];
  #isHigh = false;

  /** `hasSignals`: the client's descriptors are received. */
  constructor(memory: ClientMemory, counts: readonly number[], hasSignals: boolean) {
    this.#memory = memory;
    this.#hasSignals = hasSignals;
    this.counts = counts;
  }

  /** What is said of an interrupt kind (linux/vfio.h). */
  flagsOf(index: number): number {
    const kind = index === IRQ_INTX ? IRQ_FLAG_MASKABLE | IRQ_FLAG_AUTOMASKED : IRQ_FLAG_NORESIZE;
    return this.#hasSignals ? kind | IRQ_FLAG_EVENTFD : kind;
  }

  /**
   * Does what a request says. Those of `descriptors` that it keeps are made into signals by `signalOf` and taken out.
   * @throws RequestError EINVAL for what no interrupt of the device answers to: nothing is done or kept then.
   */
  set(request: SetIrqs, descriptors: Set<number>, signalOf: (descriptor: number) => EventSignal): void {
    this.#check(request);
    const { flags, index, start, count, booleans } = request;
    if ((flags & SIGNALS) === SIGNALS) {
      const signals = signalsOf(descriptors, signalOf);
      for (let nth = 0; nth < count; nth++) this.#replace(index, start + nth, signals[nth]);
      return;
    }
    // No interrupts at all: the client takes them back.
    if (count === 0) this.#drop(index);
    for (let nth = 0; nth < count; nth++) {
      if ((flags & SET_DATA_BOOL) !== 0 && booleans[nth] !== true) continue;
      if ((flags & SET_ACTION_MASK) !== 0) this.#mask(index, start + nth, true);
      else if ((flags & SET_ACTION_UNMASK) !== 0) this.#mask(index, start + nth, false);
      else this.#raise(index, start + nth);
    }
  }

  /** False when the client has no descriptor for the vector: the message then goes the way of the table. */
  raiseMsix(vector: number): boolean {
    return this.#raise(IRQ_MSIX, vector);
  }

  /** The single MSI: through a descriptor, or as the memory write that it is. */
  raiseMsi(addressHigh: number, addressLow: number, data: number): void {
    if (this.#raise(IRQ_MSI, 0)) return;
    this.#memory.requests.writeMessage((addressHigh >>> 0) * 2 ** 32 + (addressLow >>> 0), data);
  }

  /** INTx changes. As VFIO has it, each signal masks the line until the client unmasks it, and a line that is high then signals again. */
  setLine(asserted: boolean): void {
    this.#isHigh = asserted;
    this.#signalLine();
  }

  /** The client acknowledged writes: signals that stood behind them go out. */
  advance(): void {
    if (this.#memory.requests.unacknowledgedCount > 0) return;
    for (const signal of this.#waiting.splice(0)) signal.signal();
  }

  close(): void {
    for (let index = 0; index < IRQ_COUNT; index++) this.#drop(index);
    this.#waiting.length = 0;
  }

  #check({ flags, index, start, count, booleans, descriptorCount }: SetIrqs): void {
    const available = this.counts[index];
    const data = flags & DATA;
    const action = flags & ACTIONS;
    if (available === undefined) throw new RequestError(EINVAL, `there is no interrupt kind ${index}`);
    if (start + count > available) {
      throw new RequestError(
        EINVAL,
        `interrupts ${start} to ${start + count - 1} of kind ${index}, which has ${available}`,
      );
    }
    if (!isOneBit(data) || !isOneBit(action) || (flags & ~(DATA | ACTIONS)) !== 0)
      throw new RequestError(EINVAL, `flags 0x${flags.toString(16)} name not one kind of data and one action`);
    if (count === 0 && (data !== SET_DATA_NONE || action !== SET_ACTION_TRIGGER)) {
      throw new RequestError(EINVAL, "no interrupts are meant, and more is asked than to take them back");
    }
    if (data === SET_DATA_BOOL && booleans.length < count)
      throw new RequestError(EINVAL, `${booleans.length} values for ${count} interrupts`);
    // A client would be told of its own requests only: nobody else masks.
    if (data === SET_DATA_EVENTFD && action !== SET_ACTION_TRIGGER)
      throw new RequestError(
        EINVAL,
        "descriptors are signalled when an interrupt triggers, not when it is masked or unmasked",
      );
    if (data === SET_DATA_EVENTFD && descriptorCount !== 0 && descriptorCount !== count)
      throw new RequestError(EINVAL, `${descriptorCount} descriptors for ${count} interrupts`);
  }

  #signalLine(): void {
    if (!this.#isHigh || this.#masked[IRQ_INTX]?.[0] === true) return;
    if (this.#raise(IRQ_INTX, 0)) (this.#masked[IRQ_INTX] as boolean[])[0] = true;
  }

  #raise(index: number, number: number): boolean {
    const signal = this.#signals[index]?.[number];
    if (signal === undefined) return false;
    if (this.#masked[index]?.[number] === true) this.#pendingOf(index)[number] = true;
    else if (this.#memory.requests.unacknowledgedCount > 0) this.#waiting.push(signal);
    else signal.signal();
    return true;
  }

  #replace(index: number, number: number, signal: EventSignal | undefined): void {
    const signals = this.#signals[index] as (EventSignal | undefined)[];
    this.#forget(signals[number]);
    signals[number] = signal;
  }

  #mask(index: number, number: number, isMasked: boolean): void {
    (this.#masked[index] as boolean[])[number] = isMasked;
    if (isMasked) return;
    if (index === IRQ_INTX) this.#signalLine();
    const pending = this.#pendingOf(index);
    if (pending[number] !== true) return;
    pending[number] = false;
    this.#raise(index, number);
  }

  #drop(index: number): void {
    for (const signal of this.#signals[index] ?? []) this.#forget(signal);
    this.#signals[index] = [];
    this.#masked[index] = [];
    this.#pending[index] = [];
  }

  #forget(signal: EventSignal | undefined): void {
    if (signal === undefined) return;
    for (let at = this.#waiting.indexOf(signal); at >= 0; at = this.#waiting.indexOf(signal))
      this.#waiting.splice(at, 1);
    signal.close();
  }

  #pendingOf(index: number): boolean[] {
    return this.#pending[index] as boolean[];
  }
}

function isOneBit(bits: number): boolean {
  return bits !== 0 && (bits & (bits - 1)) === 0;
}

/** Takes the descriptors, all of them or none. @throws RequestError EINVAL when one is no event descriptor. */
function signalsOf(descriptors: Set<number>, signalOf: (descriptor: number) => EventSignal): EventSignal[] {
  try {
    const signals = [...descriptors].map(signalOf);
    descriptors.clear();
    return signals;
  } catch (error) {
    throw new RequestError(EINVAL, `a descriptor of an interrupt cannot be used: ${(error as Error).message}`);
  }
}
