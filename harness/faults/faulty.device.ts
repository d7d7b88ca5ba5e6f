/** The module that puts faults between a device and its port. It is loaded by URL wherever the device is; see faulty.ts. */

import type { DeviceModel, DevicePort } from "../../emulator/pcie/device-model.ts";
import { declarationOf, type LoadedDevice } from "../../emulator/run/machine.ts";
import { PassModel } from "../pass-through.ts";
import { DelayLine } from "./delay-line.ts";
import { faultCounters } from "./fault-counters.ts";
import { FaultInjector } from "./fault-injector.ts";
import type { FaultKind } from "./fault-kinds.ts";
import type { FaultRule } from "./fault-rules.ts";
import type { FaultLayer, FaultParts } from "./layer.ts";
import { dmaReadFaults } from "./layers/dma-read-faults.ts";
import { dmaWriteFaults } from "./layers/dma-write-faults.ts";
import { interruptFaults } from "./layers/interrupt-faults.ts";
import { slotFaults } from "./layers/slot-faults.ts";
import { timerFaults } from "./layers/timer-faults.ts";
import { wireFaults } from "./layers/wire-faults.ts";

/** What a wrapper is made with. Structured-cloneable, but for an injector that is handed over in the same thread. */
export interface FaultyOptions {
  readonly rules: readonly FaultRule[];
  readonly seed: number;
  readonly injector?: FaultInjector;
}

/** What the control plane may ask of it. */
export type FaultCommand =
  | { readonly faults: "arm"; readonly rules: readonly FaultRule[]; readonly seed: number }
  | { readonly faults: "disarm"; readonly kind: FaultKind | undefined }
  | { readonly faults: "report" };

/** In the statistics of a device with faults around it: frames that came and that it was not let see. */
export const FRAMES_LOST = "faultFramesLost";

/** Innermost first: what is nearest to the bus comes last. */
const LAYERS: readonly ((parts: FaultParts) => FaultLayer)[] = [
  timerFaults,
  wireFaults,
  dmaReadFaults,
  dmaWriteFaults,
  interruptFaults,
  slotFaults,
];

/** The device with all faults around it, none of them armed but those of the options. */
export function wrapDevice(device: LoadedDevice, options: unknown): LoadedDevice {
  const { rules, seed, injector } = options as FaultyOptions;
  const declaration = declarationOf(device);
  return {
    module: {
      declaration: { ...declaration, timerCount: declaration.timerCount + 1 },
      create(port: DevicePort): DeviceModel {
        const faults = injector ?? new FaultInjector();
        faults.arm(rules, seed);
        const delays = new DelayLine(port, declaration.timerCount);
        const parts: FaultParts = { faults, delays, device: undefined, framesLost: 0, onSetBack: [] };
        const layers = LAYERS.map((layer) => layer(parts));
        const wrapped = layers.reduceRight((inner, layer) => layer.port?.(inner) ?? inner, port);
        const model = device.module.create(wrapped, device.options);
        parts.device = model;
        return new FaultyModel(
          delays.model(layers.reduce((inner, layer) => layer.model?.(inner) ?? inner, model)),
          parts,
        );
      },
    },
    options: undefined,
  };
}

/** Answers the control plane, and is set back with the device. */
class FaultyModel extends PassModel {
  readonly #parts: FaultParts;

  constructor(inner: DeviceModel, parts: FaultParts) {
    super(inner);
    this.#parts = parts;
  }

  override control(command: unknown): unknown {
    const { faults } = this.#parts;
    const asked = command as FaultCommand;
    if (asked.faults === "arm") faults.arm(asked.rules, asked.seed);
    else if (asked.faults === "disarm") faults.disarm(asked.kind);
    else if (asked.faults === "report") return faults.report();
    else return super.control(command);
    return undefined;
  }

  /** The device's own counters, and by kind how often a fault has struck, and could have. */
  override statistics(): Record<string, number> {
    const { faults, framesLost } = this.#parts;
    return {
      ...super.statistics(),
      [FRAMES_LOST]: framesLost,
      ...faultCounters(faults.report(), faults.armedKinds),
    };
  }

  /** What was put off is not in it, nor what has begun: snapshots are made with nothing under way. */
  override snapshot(): unknown {
    const { faults, framesLost } = this.#parts;
    return { device: super.snapshot(), faults: faults.snapshot(), framesLost } satisfies FaultyState;
  }

  override restore(state: unknown): void {
    const { device, faults, framesLost } = state as FaultyState;
    this.#parts.framesLost = framesLost;
    this.#parts.delays.clear();
    for (const setBack of this.#parts.onSetBack) setBack();
    super.restore(device);
    this.#parts.faults.restore(faults);
  }
}

interface FaultyState {
  readonly device: unknown;
  readonly faults: unknown;
  readonly framesLost: number;
}
