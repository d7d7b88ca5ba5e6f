import { DEVICE_LIMIT } from "./kinds.ts";

/**
 * Where specifications leave a choice, or where the world is ruder than they are. The defaults are what a program must
 * bear everywhere; what is rarer is asked for.
 */
export interface MachineLatitude {
  /**
   * How often in a run a wait with a limit may end by it although others could still go on: they were slow. Without it,
   * time moves only when nobody can go on. Default 0.
   */
  readonly earlyTimeoutsMax?: number;
  /** How often in a run a sleeper may wake although nobody woke it. Default 0. */
  readonly spuriousWakesMax?: number;
  /** Whether an uncached access of a CPU drives its write-combining buffer out first, as x86 does. Default false. */
  readonly uncachedFlushesCombining?: boolean;
}

export interface LinkLatitude {
  /**
   * How likely the link lets a DMA write with the relaxed-ordering bit pass earlier ones: there are switches that never
   * do. Decided for each write. Default 1.
   */
  readonly relaxedOrderingProbability?: number;
  /** Whether a legacy interrupt line overtakes DMA writes. As a message on the link it does not; behind it, it may. Default true. */
  readonly intxOvertakesDma?: boolean;
}

/** What is allowed now, and how much of it is left in this run. */
export class Latitude {
  earlyTimeoutsMax = 0;
  spuriousWakesMax = 0;
  earlyTimeoutsLeft = 0;
  spuriousWakesLeft = 0;
  uncachedFlushesCombining = false;
  readonly relaxedOrderingProbability: Float64Array = new Float64Array(DEVICE_LIMIT).fill(1);
  readonly intxOvertakesDma: Uint8Array = new Uint8Array(DEVICE_LIMIT).fill(1);
  /** True when some link leaves relaxed ordering to chance. */
  hasChances = false;

  get allowsEarly(): boolean {
    return this.earlyTimeoutsMax > 0 || this.spuriousWakesMax > 0;
  }

  ofMachine(wanted: MachineLatitude): void {
    const { earlyTimeoutsMax, spuriousWakesMax, uncachedFlushesCombining } = wanted;
    if (earlyTimeoutsMax !== undefined) this.earlyTimeoutsMax = earlyTimeoutsMax;
    if (spuriousWakesMax !== undefined) this.spuriousWakesMax = spuriousWakesMax;
    if (uncachedFlushesCombining !== undefined) this.uncachedFlushesCombining = uncachedFlushesCombining;
  }

  ofLink(device: number, wanted: LinkLatitude): void {
    const { relaxedOrderingProbability: probability, intxOvertakesDma } = wanted;
    if (probability !== undefined) {
      if (!(probability >= 0 && probability <= 1))
        throw new RangeError(`relaxedOrderingProbability is from 0 to 1, not ${probability}`);
      this.relaxedOrderingProbability[device] = probability;
    }
    if (intxOvertakesDma !== undefined) this.intxOvertakesDma[device] = intxOvertakesDma ? 1 : 0;
    this.hasChances = this.relaxedOrderingProbability.some((each) => each > 0 && each < 1);
  }

  /** A run begins. */
  reset(): void {
    this.earlyTimeoutsLeft = this.earlyTimeoutsMax;
    this.spuriousWakesLeft = this.spuriousWakesMax;
  }
}
