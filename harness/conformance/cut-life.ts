import type { Bar, PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { DeviceUnderTest } from "./device-under-test.ts";

/** A driver's life that ends in the middle of its work: instead of one more register write, as when its process is killed. */
export class CutLife {
  /** Register writes that were made. */
  writeCount = 0;
  readonly #writeLimit: number;
  readonly #cut = new Error("the driver's life was cut off");

  constructor(writeLimit: number) {
    this.#writeLimit = writeLimit;
  }

  run(device: DeviceUnderTest, pci: PciFunction): void {
    try {
      device.driverLife(this.#counted(pci));
    } catch (error) {
      if (error !== this.#cut) throw error;
    }
  }

  #counted(pci: PciFunction): PciFunction {
    const bars = new Map<number, Bar>();
    const barOf = (index: number): Bar => {
      const bar = bars.get(index) ?? this.#countedBar(pci.bar(index));
      bars.set(index, bar);
      return bar;
    };
    return new Proxy(pci, { get: (target, name) => (name === "bar" ? barOf : memberOf(target, name)) });
  }

  #countedBar(bar: Bar): Bar {
    return new Proxy(bar, {
      get: (target, name) => {
        if (typeof name === "string" && name.startsWith("write")) this.#count();
        return memberOf(target, name);
      },
    });
  }

  /** Looking a write up is taken for making it: drivers do not keep the method. */
  #count(): void {
    if (this.writeCount >= this.#writeLimit) throw this.#cut;
    this.writeCount++;
  }
}

/** Bound, because what is behind a proxy has private fields. */
function memberOf(target: object, name: string | symbol): unknown {
  const member: unknown = Reflect.get(target, name);
  return typeof member === "function" ? member.bind(target) : member;
}
