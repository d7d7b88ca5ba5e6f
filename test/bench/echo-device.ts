/**
 * The smallest device with a doorbell and a completion: a write of n to DOORBELL makes it write n to host memory.
 * What a round trip through it costs above a bare ping-pong is what the testbed costs.
 */
import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceDeclaration, DeviceModel, DevicePort, DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { register } from "../../emulator/registers/declare.ts";
import { RegisterMap } from "../../emulator/registers/register-map.ts";
import { BARE_DECLARATION, BareDevice } from "../fixtures/bare-device.ts";

export const DOORBELL = 0x0000;
export const COMPLETION_LOW = 0x0004;
export const COMPLETION_HIGH = 0x0008;

const map = new RegisterMap(4096, [
  register("DOORBELL", {
    offset: DOORBELL,
    access: "wo",
    mirror: "doorbell",
    about: "Rings; the value is the completion.",
  }),
  register("COMPLETION_LOW", { offset: COMPLETION_LOW, access: "rw", about: "Where completions go, low word." }),
  register("COMPLETION_HIGH", { offset: COMPLETION_HIGH, access: "rw", about: "Where completions go, high word." }),
]);

export const declaration: DeviceDeclaration = {
  ...BARE_DECLARATION,
  name: "echo",
  about: "doorbell and completion, nothing else",
  registerMaps: { 0: map },
};

export function create(port: DevicePort): DeviceModel {
  return new Echo(port);
}

export function echo(): DeviceSpec {
  return { name: "echo", moduleUrl: import.meta.url, options: {} };
}

class Echo extends BareDevice {
  readonly #completion = MemoryView.ofSize(4);
  #low = 0;
  #high = 0;

  override onWrite(_bar: number, offset: number, _byteLength: number, low: number): void {
    if (offset === COMPLETION_LOW) this.#low = low;
    else if (offset === COMPLETION_HIGH) this.#high = low;
    else {
      this.#completion.words[0] = low;
      this.port.dmaWrite(this.#high, this.#low, this.#completion, 0, 4, 0);
    }
  }

  override onRead(): number {
    return 0x5a;
  }

  override snapshot(): unknown {
    return { low: this.#low, high: this.#high };
  }

  override restore(state: unknown): void {
    const { low, high } = state as { low: number; high: number };
    this.#low = low;
    this.#high = high;
  }
}
