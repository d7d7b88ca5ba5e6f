import { DriverPciFunction } from "../../driver/pci-function.ts";
import { HostMemory } from "../../memory/host-memory.ts";
import { Iommu } from "../../memory/iommu.ts";
import type { PciFunction } from "../../pcie/driver-view.ts";
import { InterruptController } from "../../pcie/interrupt-controller.ts";
import type { MachineTables } from "../../run/machine.ts";
import { HANDLES, HOLDS, IS_BEHIND, TOOK } from "../tokens/token-page.ts";
import type { WorkerCpu } from "../tokens/worker-cpu.ts";
import { AddressSpace } from "./address-space.ts";
import { ExploredCpu } from "./explored-cpu.ts";
import { exploredFunction } from "./explored-function.ts";
import { ExploredLink } from "./explored-link.ts";
import { NO_SET_UP } from "./no-set-up.ts";

/** What a driver module exports. */
type DriverMain = (functions: readonly PciFunction[], argument: unknown) => unknown;

/** What a worker has to know to be a CPU of a testbed that is explored. Structured-cloneable. */
export interface WorkerDriverData {
  readonly tables: MachineTables;
  readonly cpu: number;
  readonly handlerThread: number;
  /** The explorer's vector on which this CPU is interrupted. */
  readonly vector: number;
}

/** Wraps a driver module: its functions are those of the testbed, and every access of it passes the token. */
export default function wrap(main: DriverMain, data: WorkerDriverData): (cpu: WorkerCpu, argument: unknown) => unknown {
  const { tables, cpu: index, handlerThread, vector } = data;
  const memory = new HostMemory(tables.memory);
  const controller = new InterruptController(tables.interrupts);
  const declarations = tables.functions.map(({ declaration }) => declaration);
  const addresses = new AddressSpace(tables.arena.memory.byteLength, declarations);
  return (worker, argument) => {
    const seat = { cpu: index, thread: worker.thread, handlerThread, vector };
    const cpu = new ExploredCpu(seat, NO_SET_UP, controller, worker);
    worker.state.cpuOf[worker.thread] = index;
    worker.onInterrupt = () => cpu.takeInterrupts();
    worker.interruptsNow = () =>
      (cpu.handlesInterrupts ? HANDLES : 0) |
      (cpu.holdsInterrupts ? HOLDS : 0) |
      (cpu.isBehind() ? IS_BEHIND : 0) |
      (cpu.tookOne() ? TOOK : 0) |
      cpu.racy;
    // The state is that of the run before.
    cpu.reset();
    cpu.explore();
    const functions = tables.functions.map((functionTables, device) => {
      const link = new ExploredLink(NO_SET_UP, cpu, addresses, device);
      const driver = new DriverPciFunction(link, tables, functionTables, memory, cpu);
      const iommu = new Iommu(functionTables.iommu);
      // The sanitizers are in the engine's thread: they find it in the tables.
      return exploredFunction(driver, cpu, undefined, (iova) => iommu.markRaw(iova));
    });
    return main(functions, argument);
  };
}
