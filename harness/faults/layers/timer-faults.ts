import type { DevicePort } from "../../../emulator/pcie/device-model.ts";
import { PassPort } from "../../pass-through.ts";
import { faultNumber } from "../fault-kinds.ts";
import type { FaultLayer, FaultParts } from "../layer.ts";

const SLOW = faultNumber("operation-slow");
const STUCK = faultNumber("operation-stuck");
const SLOWNESS = 50;

/**
 * Whatever a card takes its time for, it does by a timer: the end of a reset, the EEPROM, the link, a queue that goes on.
 * One that runs late or never is a reset that takes long, a bit that sticks, a link that does not come.
 */
export function timerFaults(parts: FaultParts): FaultLayer {
  return { port: (inner) => new TimerPort(inner, parts) };
}

class TimerPort extends PassPort {
  readonly #parts: FaultParts;

  constructor(inner: DevicePort, parts: FaultParts) {
    super(inner);
    this.#parts = parts;
  }

  override startTimer(timer: number, delayNs: number): void {
    const { faults } = this.#parts;
    const isStuck = faults.meets(STUCK, this, timer, 0);
    const isSlow = faults.meets(SLOW, this, timer, 0);
    if (isStuck) super.stopTimer(timer);
    else super.startTimer(timer, isSlow ? delayNs * SLOWNESS : delayNs);
  }

  describe(_kind: number, timer: number): string {
    return this.#parts.device?.describeTimer?.(timer) ?? `timer ${timer}`;
  }
}
