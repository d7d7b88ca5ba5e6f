/**
 * Two tasks share one card: `softbar explore scenarios/explorations/edu-tasks.ts` searches an async driver, which knows
 * nothing of the testbed: its promises are resolved by its interrupt handler.
 */
import { edu } from "../../devices/edu/index.ts";
import type { Bar, PciFunction } from "../../emulator/pcie/driver-view.ts";
import { type ExplorationModule, exploration } from "../../harness/explore/exploration.ts";

// Data sheet, "Registers": offsets in BAR0.
const FACTORIAL = 0x0008;
const STATUS = 0x0020;
const INTERRUPT_STATUS = 0x0024;
const INTERRUPT_ACKNOWLEDGE = 0x0064;
const STATUS_INTERRUPT = 0x80;

export class AsyncEdu {
  readonly #bar: Bar;
  /** Settles when nobody uses the card any more. */
  #idle: Promise<unknown> = Promise.resolve();
  #onInterrupt: () => void = () => {};

  constructor(pci: PciFunction) {
    const bar = pci.bar(0);
    this.#bar = bar;
    pci.config.setBusMaster(true);
    pci.interrupts("msi", 1)[0]?.handle(() => {
      bar.write32(INTERRUPT_ACKNOWLEDGE, bar.read32(INTERRUPT_STATUS));
      this.#onInterrupt();
    });
    bar.write32(STATUS, STATUS_INTERRUPT);
  }

  /** n! modulo 2^32. The card computes one at a time: who comes second would overwrite the first one's n. */
  factorial(n: number): Promise<number> {
    const result = this.#idle.then(() => this.#compute(n));
    this.#idle = result.catch(() => {});
    return result;
  }

  async #compute(n: number): Promise<number> {
    // Before the card is told: an interrupt that comes while nobody listens is lost.
    const interrupted = new Promise<void>((resolve) => {
      this.#onInterrupt = resolve;
    });
    this.#bar.write32(FACTORIAL, n);
    await interrupted;
    return this.#bar.read32(FACTORIAL);
  }
}

const tasks: ExplorationModule<AsyncEdu> = exploration({
  devices: [edu()],
  setup: (bed) => new AsyncEdu(bed.pci),
  async body(bed, driver) {
    const results = await Promise.all([driver.factorial(5), driver.factorial(6)]);
    if (results.join() !== "120,720") throw new Error(`5! and 6! came out as ${results.join(" and ")}`);
    await bed.quiesceAsync();
  },
});

export default tasks;
