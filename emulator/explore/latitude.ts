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
  /**
   * How likely an event that a device has planned up to a millisecond ahead comes while CPUs could still go on: they were
   * kept from it. Without it, time moves only when nobody can go on. Decided for each event. Default 0 for small programs,
   * 0.25 for drivers with their devices.
   */
  readonly promptEventProbability?: number;
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
  promptEventProbability = 0;
  readonly relaxedOrderingProbability: Float64Array = new Float64Array(DEVICE_LIMIT).fill(1);
  readonly intxOvertakesDma: Uint8Array = new Uint8Array(DEVICE_LIMIT).fill(1);
  /** True when anything is left to chance. */
  hasChances = false;

  get allowsEarly(): boolean {
    return this.earlyTimeoutsMax > 0 || this.spuriousWakesMax > 0;
  }

  ofMachine(wanted: MachineLatitude): void {
    const { earlyTimeoutsMax, spuriousWakesMax, uncachedFlushesCombining, promptEventProbability } = wanted;
    if (promptEventProbability !== undefined) {
      checkProbability("promptEventProbability", promptEventProbability);
      this.promptEventProbability = promptEventProbability;
      this.#noteChances();
    }
    if (earlyTimeoutsMax !== undefined) this.earlyTimeoutsMax = earlyTimeoutsMax;
    if (spuriousWakesMax !== undefined) this.spuriousWakesMax = spuriousWakesMax;
    if (uncachedFlushesCombining !== undefined) this.uncachedFlushesCombining = uncachedFlushesCombining;
  }

  ofLink(device: number, wanted: LinkLatitude): void {
    const { relaxedOrderingProbability: probability, intxOvertakesDma } = wanted;
    if (probability !== undefined) {
      checkProbability("relaxedOrderingProbability", probability);
      this.relaxedOrderingProbability[device] = probability;
    }
    if (intxOvertakesDma !== undefined) this.intxOvertakesDma[device] = intxOvertakesDma ? 1 : 0;
    this.#noteChances();
  }

  #noteChances(): void {
    const isChance = (each: number): boolean => each > 0 && each < 1;
    this.hasChances = isChance(this.promptEventProbability) || this.relaxedOrderingProbability.some(isChance);
  }

  /** A run begins. */
  reset(): void {
    this.earlyTimeoutsLeft = this.earlyTimeoutsMax;
    this.spuriousWakesLeft = this.spuriousWakesMax;
  }
}

function checkProbability(name: string, probability: number): void {
  if (!(probability >= 0 && probability <= 1)) throw new RangeError(`${name} is from 0 to 1, not ${probability}`);
}
