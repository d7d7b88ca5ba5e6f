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

  constructor(inner: DevicePort, parts: FaultParts) {
    super(inner);
    this.#parts = parts;
    parts.onSetBack.push(() => {
      this.#isAsserted = false;
    });
  }

  override raise(vector: number): void {
    const { faults, delays } = this.#parts;
    if (faults.meets(LOST, this, vector, 0)) return;
    if (faults.meets(LATE, this, vector, 0)) delays.after(faults.durationNs, () => super.raise(vector));
    else super.raise(vector);
    if (faults.meets(SPURIOUS, this, vector, 0)) delays.after(faults.durationNs, () => super.raise(vector));
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
    if (faults.meets(LOST, this, LEGACY, 0)) return;
    if (faults.meets(LATE, this, LEGACY, 0)) {
      delays.after(faults.durationNs, () => super.setLegacyInterrupt(this.#isAsserted));
      return;
    }
    super.setLegacyInterrupt(true);
    if (!faults.meets(SPURIOUS, this, LEGACY, 0)) return;
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
