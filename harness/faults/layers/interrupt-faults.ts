import type { DevicePort } from "../../../emulator/pcie/device-model.ts";
import { PassPort } from "../../pass-through.ts";
import { faultNumber } from "../fault-kinds.ts";
import type { FaultLayer, FaultParts } from "../layer.ts";

const LOST = faultNumber("interrupt-lost");
const LATE = faultNumber("interrupt-late");
const SPURIOUS = faultNumber("interrupt-spurious");
/** What is described as the single interrupt of MSI, or the line. */
const LEGACY = -1;

/** Messages that do not arrive, or late, or without a cause. */
export function interruptFaults(parts: FaultParts): FaultLayer {
  return { port: (inner) => new InterruptPort(inner, parts) };
}

class InterruptPort extends PassPort {
  readonly #parts: FaultParts;
  #isAsserted = false;
  /** What befalls the message under way. */
  #isLost = false;
  #isSpurious = false;

  constructor(inner: DevicePort, parts: FaultParts) {
    super(inner);
    this.#parts = parts;
    parts.onSetBack.push(() => {
      this.#isAsserted = false;
    });
  }

  override raise(vector: number): void {
    const { faults, delays } = this.#parts;
    const lateNs = this.#meets(vector);
    if (this.#isLost) return;
    if (lateNs >= 0) delays.after(lateNs, () => super.raise(vector));
    else super.raise(vector);
    if (this.#isSpurious) delays.after(faults.durationNs, () => super.raise(vector));
  }

  /** A message meets all three kinds, so that all count it. Returns by how much it is late, -1 for not at all. */
  #meets(vector: number): number {
    const { faults } = this.#parts;
    this.#isLost = faults.meets(LOST, this, vector, 0);
    const lateNs = faults.meets(LATE, this, vector, 0) ? faults.durationNs : -1;
    this.#isSpurious = faults.meets(SPURIOUS, this, vector, 0);
    return lateNs;
  }

  /** Only what rises is a message: a fall that is lost would be a level that stays, which is another card's fault. */
  override setLegacyInterrupt(asserted: boolean): void {
    const { faults, delays } = this.#parts;
    const rises = asserted && !this.#isAsserted;
    this.#isAsserted = asserted;
    if (!rises) {
      super.setLegacyInterrupt(asserted);
      return;
    }
    const lateNs = this.#meets(LEGACY);
    if (this.#isLost) return;
    if (lateNs >= 0) {
      delays.after(lateNs, () => super.setLegacyInterrupt(this.#isAsserted));
      return;
    }
    super.setLegacyInterrupt(true);
    if (!this.#isSpurious) return;
    delays.after(faults.durationNs, () => {
      super.setLegacyInterrupt(!this.#isAsserted);
      super.setLegacyInterrupt(true);
      super.setLegacyInterrupt(this.#isAsserted);
    });
  }

  describe(_kind: number, vector: number): string {
    return vector === LEGACY ? `the ${this.interruptMode()} interrupt` : `vector ${vector}`;
  }
}
