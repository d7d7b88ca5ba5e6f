import type { Bar, DmaBuffer, Interrupt, PciFunction } from "../../../emulator/pcie/driver-view.ts";
import * as toy from "./fixtures/toy-device.ts";

/** A mistake to plant in the driver, each of a kind that one kind of fault brings out. */
export type Bug =
  | "waits-for-ever"
  | "leaks"
  | "believes-length"
  | "believes-registers"
  | "sleeps-on-one-interrupt"
  | "counts-on-vectors"
  | "leaves-the-old-length";

const MS = 1_000_000;

/** A driver of the toy card that goes through every fault, unless a bug is planted in it. */
export class ToyDriver {
  readonly #pci: PciFunction;
  readonly #bar: Bar;
  readonly #bug: Bug | undefined;
  readonly #buffers: DmaBuffer[] = [];
  readonly #vectors: Interrupt[];
  #grade = 0;
  readonly #answer = new Uint8Array(16);

  readonly #limitMs: number;

  /** `limitMs`: how long the card may take for anything. */
  constructor(pci: PciFunction, bug?: Bug, limitMs = 2) {
    this.#limitMs = limitMs;
    this.#pci = pci;
    this.#bar = pci.bar(0);
    this.#bug = bug;
    try {
      this.#vectors = pci.interrupts("msix", 2);
      if (bug === "counts-on-vectors") (this.#vectors[1] as Interrupt).mask();
      this.#allocate("question and answer");
      this.#allocate("spare");
      this.#reset();
      pci.config.setBusMaster(true);
    } catch (error) {
      if (bug !== "leaks") this.close();
      throw error;
    }
  }

  /** Asks and returns the answer, which is `value` + 1. Throws Error when there is none, or none that can be. */
  ask(value: number): number {
    const buffer = this.#buffers[0] as DmaBuffer;
    buffer.write32(0, value);
    buffer.write32(toy.FLAG_AT, 0);
    if (this.#bug !== "leaves-the-old-length") buffer.write32(toy.LENGTH_AT, 0);
    this.#bar.write32(toy.ADDRESS_LOW, buffer.iovaLow >>> 0);
    this.#bar.write32(toy.ADDRESS_HIGH, buffer.iovaHigh >>> 0);
    const before = this.#bar.read32(toy.ROUNDS);
    this.#bar.write32(toy.GO, 1);
    if (this.#bug === "sleeps-on-one-interrupt" && !(this.#vectors[0] as Interrupt).wait(1000))
      throw new RangeError("the interrupt is missing");
    const deadlineNs = this.#deadlineNs();
    while ((buffer.readAcquire32(toy.FLAG_AT) & 1) === 0) {
      if (this.#pci.cpu.nowNs() > deadlineNs && this.#bug !== "waits-for-ever") throw new Error("toy: no answer");
      this.#pci.cpu.relax();
    }
    const length = buffer.read32(toy.LENGTH_AT);
    if (this.#bug !== "believes-length" && length !== 4) throw new Error(`toy: an answer of ${length} bytes`);
    buffer.copyTo(toy.ANSWER_AT, this.#answer, 0, length);
    const rounds = this.#bar.read32(toy.ROUNDS);
    if (this.#bug === "believes-registers") this.#grade = (["one"][rounds - before - 1] as string).length;
    if (rounds - before !== 1) throw new Error("toy: the rounds are wrong: the card was reset, or is gone");
    return new DataView(this.#answer.buffer).getUint32(0, true);
  }

  get grade(): number {
    return this.#grade;
  }

  close(): void {
    this.#pci.config.setBusMaster(false);
    for (const buffer of this.#buffers.splice(0)) buffer.free();
  }

  #deadlineNs(): number {
    return this.#pci.cpu.nowNs() + this.#limitMs * MS;
  }

  #allocate(label: string): void {
    this.#buffers.push(this.#pci.dma.alloc(64, { label }));
  }

  #reset(): void {
    this.#bar.write32(toy.RESET, 1);
    const deadlineNs = this.#deadlineNs();
    while (this.#bar.read32(toy.RESET) !== 0) {
      if (this.#pci.cpu.nowNs() > deadlineNs) throw new Error("toy: the reset does not end");
      this.#pci.cpu.relax();
    }
  }
}
