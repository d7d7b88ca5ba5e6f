import { DriverPciFunction } from "../../../emulator/driver/pci-function.ts";
import type { DeviceModule, DevicePort } from "../../../emulator/pcie/device-model.ts";
import { FoldedLink } from "../../../emulator/run/folded-link.ts";
import { createTables, type LoadedDevice, Machine, type MachineOptions } from "../../../emulator/run/machine.ts";
import { BARE_DECLARATION, BareDevice } from "../../fixtures/bare-device.ts";

/** Offsets of the lever card: each write is one request of the device. */
export const RAISE = 0x0000;
export const ASSERT = 0x0004;
export const START_TIMER = 0x0008;

/** A card whose interrupts and timer are levers in its driver's hands. A timer that runs out raises vector 0. */
class LeverCard extends BareDevice {
  override onWrite(_bar: number, offset: number, _byteLength: number, low: number): void {
    if (offset === RAISE) this.port.raise(low);
    if (offset === ASSERT) this.port.setLegacyInterrupt(low !== 0);
    if (offset === START_TIMER) this.port.startTimer(0, low);
  }

  override onTimer(): void {
    this.port.raise(0);
  }
}

const MODULE: DeviceModule = {
  declaration: {
    ...BARE_DECLARATION,
    name: "lever",
    bars: [{ index: 0, byteLength: 0x2000, kind: "memory32", about: "levers and MSI-X" }],
    msix: { vectorCount: 4, bar: 0, tableOffset: 0x1000, pendingBitsOffset: 0x1800 },
    timerCount: 1,
  },
  create: (port: DevicePort) => new LeverCard(port),
};

export interface DriverBench {
  readonly machine: Machine;
  readonly functions: readonly DriverPciFunction[];
}

/** `count` lever cards and one CPU, folded; bus masters. */
export function driverBench(count = 1, options: MachineOptions = {}): DriverBench {
  const devices: LoadedDevice[] = Array.from({ length: count }, () => ({ module: MODULE, options: {} }));
  const tables = createTables(devices, { clock: "virtual", busMaster: true, hostMemoryBytes: 1 << 20, ...options });
  const machine = new Machine(devices, tables);
  const functions: DriverPciFunction[] = [];
  for (const [index, endpoint] of machine.endpoints.entries()) {
    const functionTables = tables.functions[index];
    if (functionTables === undefined) throw new Error("a function without tables");
    const link = new FoldedLink(machine.host, endpoint);
    functions.push(new DriverPciFunction(link, tables, functionTables, machine.memory, functions[0]?.cpu ?? 0));
  }
  return { machine, functions };
}
