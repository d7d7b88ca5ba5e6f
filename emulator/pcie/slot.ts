import { BASE_ADDRESS_0, COMMAND, COMMAND_MEMORY_SPACE } from "./config-header.ts";
import type { ConfigSpace } from "./config-space.ts";

const BASE_ADDRESS_COUNT = 6;

/** The slot that a function sits in: what stands between it and the bus, and may come to harm. */
export class Slot {
  /**
   * False while the card is out: reads give all ones (PCIe 2.3.2: the root complex makes up the completion), writes vanish,
   * and nobody is blamed for either. What the card asks for meanwhile is its wrapper's to stop.
   */
  isPresent = true;
  /** True while what happens is a fault's doing: nobody is blamed for it. */
  isQuiet = false;
  /** True while a fault lets the card write what it has written already. */
  isRepeating = false;
  /** What a configuration read gives instead of `value`. */
  onConfigRead: ((offset: number, byteLength: number, value: number) => number) | undefined;
  readonly #config: ConfigSpace;
  readonly #powerOn: () => void;

  /** `powerOn` puts everything but configuration space to what it is when power comes. */
  constructor(config: ConfigSpace, powerOn: () => void) {
    this.#config = config;
    this.#powerOn = powerOn;
  }

  /** Whether a broken rule is somebody's fault just now. */
  get blames(): boolean {
    return this.isPresent && !this.isQuiet;
  }

  configRead(offset: number, byteLength: number, value: number): number {
    if (!this.isPresent) return 2 ** (8 * byteLength) - 1;
    return this.onConfigRead === undefined ? value : this.onConfigRead(offset, byteLength, value);
  }

  /** Power goes and comes again: everything is at its defaults, and the BARs are assigned and decoded as a kernel does at hot plug. */
  powerCycle(): void {
    const config = this.#config;
    const addresses = Array.from({ length: BASE_ADDRESS_COUNT }, (_, index) =>
      config.read(BASE_ADDRESS_0 + 4 * index, 4),
    );
    config.reset();
    for (const [index, address] of addresses.entries()) config.write(BASE_ADDRESS_0 + 4 * index, 4, address);
    config.write(COMMAND, 2, COMMAND_MEMORY_SPACE);
    this.#powerOn();
  }
}
