/**
 * The smallest device with a doorbell and a completion: a write of n to DOORBELL makes it write n to host memory.
 * What a round trip through it costs above a bare ping-pong is what the testbed costs.
 */
import { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { DeviceDeclaration, DeviceModel, DevicePort, DeviceSpec } from "../../emulator/pcie/device-model.ts";
import { register } from "../../emulator/registers/declare.ts";
import { RegisterMap } from "../../emulator/registers/register-map.ts";

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
  name: "echo",
  about: "doorbell and completion, nothing else",
  identity: { vendorId: 0x1234, deviceId: 0x0001, revisionId: 0, classCode: 0xff0000, interruptPin: 1 },
  bars: [{ index: 0, byteLength: 4096, kind: "memory32", about: "registers" }],
  registerMaps: { 0: map },
  timerCount: 0,
  wirePortCount: 0,
};

export function create(port: DevicePort): DeviceModel {
  return new Echo(port);
}

export function echo(): DeviceSpec {
  return { name: "echo", moduleUrl: import.meta.url, options: {} };
}

class Echo implements DeviceModel {
  readHigh = 0;
  readonly #port: DevicePort;
  readonly #completion = MemoryView.ofSize(4);
  #low = 0;
  #high = 0;

  constructor(port: DevicePort) {
    this.#port = port;
  }

  onWrite(_bar: number, offset: number, _byteLength: number, low: number): void {
    if (offset === COMPLETION_LOW) this.#low = low;
    else if (offset === COMPLETION_HIGH) this.#high = low;
    else {
      this.#completion.words[0] = low;
      this.#port.dmaWrite(this.#high, this.#low, this.#completion, 0, 4, 0);
    }
  }

  onRead(): number {
    return 0x5a;
  }

  onDmaRead(): void {}
  onDmaReadError(): void {}
  onDmaWriteError(): void {}
  onFrame(): void {}
  onTimer(): void {}
  onReset(): void {}

  isIdle(): boolean {
    return true;
  }

  statistics(): Record<string, number> {
    return {};
  }

  snapshot(): unknown {
    return { low: this.#low, high: this.#high };
  }

  restore(state: unknown): void {
    const { low, high } = state as { low: number; high: number };
    this.#low = low;
    this.#high = high;
  }
}
