import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";

/** One reason for which a card drops a frame. */
export interface DropPlace {
  /** The counter's name in the device's statistics. */
  readonly counter: string;
  /** "packet buffer full": for the summary. */
  readonly about: string;
  /** Registers in which a driver finds the same frames, with what each of them counts. None where the card has none. */
  readonly registers?: Readonly<Record<string, string>>;
}

/** A card to replay into, and the driver that takes the frames out. */
export interface ReplayTarget {
  readonly device: DeviceSpec;
  /** Wire port of the card. Default 0. */
  readonly port?: number;
  /**
   * URL of the driver module: its default export is called with (functions, {@link ReplayDriverArgument}) on a CPU of its
   * own and returns a {@link ReplayDriverResult}.
   */
  readonly driverUrl: string;
  /** What else the driver module gets, as `argument.options`. Structured-cloneable. */
  readonly driverOptions?: unknown;
  /**
   * False for a card that keeps frames to itself: its driver says by `ReplaySink.taken` how many have come, in its result's
   * `card` what became of them, and nothing that looks into frames can be had. Default true.
   */
  readonly deliversFrames?: boolean;
  /** The counter of frames that reached host memory, or that the card has kept. */
  readonly deliveredCounter?: string;
  /** The counter of their bytes; needed where the driver does not see them. */
  readonly deliveredBytesCounter?: string;
  /** Every reason for which the card drops a frame: their sum and what was delivered is what was sent. */
  readonly drops: readonly DropPlace[];
}
