/** MSI and MSI-X messages are memory writes to this window; bits 12–19 name the CPU, the data the interrupt (Intel SDM 3A, 11.11). */
export const MSI_WINDOW: number = 0xfee00000 | 0;
const MSI_WINDOW_MASK = 0xfff00000 | 0;

/** Interrupts 0 to 15 are the INTx lines of the functions; messages get numbers from 16. */
const FIRST_MESSAGE_IRQ = 16;
export const IRQ_COUNT = 1024;
export const CPU_COUNT = 16;

const COUNTS = 0;
const LEVELS = IRQ_COUNT;
const TARGETS = 2 * IRQ_COUNT;
/** One cache line a CPU: each spins or looks at its own. */
const CPU_SEQUENCES = 3 * IRQ_COUNT;
const CPU_STRIDE = 16;
const NEXT_IRQ = CPU_SEQUENCES + CPU_COUNT * CPU_STRIDE;
const WORD_COUNT = NEXT_IRQ + 16;

/**
 * Where interrupts arrive: one counter for each interrupt and one for each CPU, in shared memory. A device thread adds
 * and notifies; a driver thread compares with what it took last, or sleeps on the counter.
 */
export class InterruptController {
  readonly words: Int32Array;

  /** Over shared memory from {@link createWords}; every thread makes its own. */
  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
  }

  static createWords(): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(WORD_COUNT * 4);
    new Int32Array(buffer)[NEXT_IRQ] = FIRST_MESSAGE_IRQ;
    return buffer;
  }

  /** Takes a number for a message interrupt that goes to `cpu`. Throws RangeError when all are taken. */
  allocate(cpu: number): number {
    const irq = Atomics.add(this.words, NEXT_IRQ, 1);
    if (irq >= IRQ_COUNT) throw new RangeError(`all ${IRQ_COUNT - FIRST_MESSAGE_IRQ} message interrupts are taken`);
    this.direct(irq, cpu);
    return irq;
  }

  /** Directs an interrupt at a CPU. */
  direct(irq: number, cpu: number): void {
    Atomics.store(this.words, TARGETS + irq, cpu);
  }

  /** The CPU that an interrupt is directed at. */
  targetOf(irq: number): number {
    return Atomics.load(this.words, TARGETS + irq);
  }

  /** True when an address (two int32 words) lies in the interrupt window, and so is no memory. */
  static isMessage(high: number, low: number): boolean {
    return high === 0 && (low & MSI_WINDOW_MASK) === MSI_WINDOW;
  }

  /** An interrupt arrives: message or rising edge. */
  arrive(irq: number): void {
    if (irq < 0 || irq >= IRQ_COUNT) return;
    const words = this.words;
    const sequence = CPU_SEQUENCES + (words[TARGETS + irq] as number) * CPU_STRIDE;
    Atomics.add(words, COUNTS + irq, 1);
    Atomics.add(words, sequence, 1);
    Atomics.notify(words, sequence);
  }

  /** Drives the INTx line of a function. A rising edge arrives; the level stays until the device takes it back. */
  setLine(irq: number, asserted: boolean): void {
    const before = Atomics.exchange(this.words, LEVELS + irq, asserted ? 1 : 0);
    if (asserted && before === 0) this.arrive(irq);
  }

  isAsserted(irq: number): boolean {
    return Atomics.load(this.words, LEVELS + irq) === 1;
  }

  /** Arrivals of an interrupt so far, modulo 2^32. */
  countOf(irq: number): number {
    return Atomics.load(this.words, COUNTS + irq);
  }

  /** Changes whenever anything arrives for the CPU: one load tells a driver that there is nothing to do. */
  sequenceOf(cpu: number): number {
    return Atomics.load(this.words, InterruptController.sequenceIndex(cpu));
  }

  /** Index into {@link words} that a CPU sleeps on: any interrupt that is directed at it wakes it. */
  static sequenceIndex(cpu: number): number {
    return CPU_SEQUENCES + cpu * CPU_STRIDE;
  }
}
