import type { DeviceModel, DevicePort } from "../../emulator/pcie/device-model.ts";
import type { DelayLine } from "./delay-line.ts";
import type { FaultInjector } from "./fault-injector.ts";

/** What the wrappers of one device share. */
export interface FaultParts {
  readonly faults: FaultInjector;
  readonly delays: DelayLine;
  /** The device itself, once it has been created: for what it knows of its own requests. */
  device: DeviceModel | undefined;
  /** Frames towards the card that never reached it. */
  framesLost: number;
  /** Called when a run is set back: what has begun is over. */
  readonly onSetBack: (() => void)[];
}

/** Faults of one place, as a wrapper on either side of a device. Layers stack in any order, and each works alone. */
export interface FaultLayer {
  port?(inner: DevicePort): DevicePort;
  model?(inner: DeviceModel): DeviceModel;
}
