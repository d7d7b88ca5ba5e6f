import { DriverPciFunction } from "../../emulator/driver/pci-function.ts";
import type { DeviceSpec } from "../../emulator/pcie/device-model.ts";
import type { Endpoint } from "../../emulator/pcie/endpoint.ts";
import type { RegisterMap } from "../../emulator/registers/register-map.ts";
import { FoldedLink } from "../../emulator/run/folded-link.ts";
import { createTables, declarationOf, loadDevice, Machine } from "../../emulator/run/machine.ts";

/** A folded machine with everything open: its state can be taken out and put into another one. */
export class FoldedMachine {
  readonly pci: DriverPciFunction;
  readonly map: RegisterMap;
  readonly endpoint: Endpoint;
  readonly machine: Machine;

  private constructor(machine: Machine, endpoint: Endpoint, map: RegisterMap) {
    this.machine = machine;
    this.endpoint = endpoint;
    this.map = map;
    const [tables] = machine.tables.functions;
    if (tables === undefined) throw new Error("no function");
    this.pci = new DriverPciFunction(new FoldedLink(machine.host, endpoint), machine.tables, tables, machine.memory, 0);
  }

  static async of(spec: DeviceSpec): Promise<FoldedMachine> {
    const device = await loadDevice(spec);
    const map = declarationOf(device).registerMaps[0];
    const machine = new Machine([device], createTables([device], { clock: "virtual", hostMemoryBytes: 16 << 20 }));
    const [endpoint] = machine.endpoints;
    if (endpoint === undefined || map === undefined) throw new Error("no endpoint, or no registers");
    return new FoldedMachine(machine, endpoint, map);
  }

  /** Follows what is planned, up to `eventLimit` events. */
  rest(eventLimit = 2000): void {
    for (let events = 0; events < eventLimit && this.machine.host.leap(); events++) {
      // One planned event at a time.
    }
  }

  /** Everything that tells one run from another. */
  outcome(): unknown {
    const { endpoint, machine } = this;
    return structuredClone({
      device: endpoint.device.snapshot(),
      statistics: endpoint.device.statistics(),
      bus: endpoint.busStatistics(),
      config: endpoint.config.snapshot(),
      msix: endpoint.msix?.snapshot(),
      timers: endpoint.timers.deadlines,
      findings: endpoint.findings.findings.map(({ rule, place, count, atNs }) => ({ rule, place, count, atNs })),
      interrupts: machine.interrupts.words,
      nowNs: machine.host.clock.now[0],
      memory: machine.tables.arena.memory,
    });
  }

  /** Makes this machine the other one: same card state, same memory and mappings, same time. Both are at rest. */
  become(other: FoldedMachine): void {
    const [from, to] = [other.endpoint, this.endpoint];
    for (const [index, buffer] of sharedMemories(other.machine).entries()) {
      new Uint8Array(sharedMemories(this.machine)[index] as SharedArrayBuffer).set(new Uint8Array(buffer));
    }
    to.config.restore(from.config.snapshot());
    if (from.msix !== undefined) to.msix?.restore(from.msix.snapshot());
    to.timers.deadlines.set(from.timers.deadlines);
    to.timers.next[0] = from.timers.next[0] as number;
    to.device.restore(structuredClone(from.device.snapshot()));
  }
}

function sharedMemories({ tables }: Machine): SharedArrayBuffer[] {
  const { arena, memory, interrupts, clockNow, functions } = tables;
  const iommus = functions.flatMap(({ iommu }) => [iommu.head, iommu.pages, iommu.entries]);
  return [arena.memory, arena.pages, memory.nextSegment, interrupts, clockNow, ...iommus];
}
