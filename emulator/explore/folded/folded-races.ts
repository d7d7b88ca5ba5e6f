import { DriverPciFunction } from "../../driver/pci-function.ts";
import { Iommu, iovaName } from "../../memory/iommu.ts";
import type { PciFunction } from "../../pcie/driver-view.ts";
import { FoldedLink } from "../../run/folded-link.ts";
import type { FunctionTables, Machine } from "../../run/machine.ts";
import { TestbedError } from "../../run/testbed-error.ts";
import { RELAXED } from "../kinds.ts";
import { DEVICE_SHIFT } from "../plugged/address-space.ts";
import { exploredFunction } from "../plugged/explored-function.ts";
import { RaceDetector } from "../races/race-detector.ts";
import { ExplorerState } from "../state.ts";
import { FoldedRaceCpu, HANDLER, TASK } from "./folded-race-cpu.ts";
import { FoldedRaceLink } from "./folded-race-link.ts";
import { FoldedRacePort } from "./folded-race-port.ts";
import { FoldedRaceUplink } from "./folded-race-uplink.ts";

/**
 * Looks for data races in a folded run: one order of events, but what orders them is what would in the `relaxed` memory model.
 * All DMA memory lies in the arena then; `dma.map` is refused.
 */
export class FoldedRaces {
  readonly detector: RaceDetector;
  readonly cpu: FoldedRaceCpu;
  /** The functions in the driver's hands. */
  readonly functions: readonly PciFunction[];
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
    const { tables, memory, interrupts } = machine;
    const arena = new Uint8Array(tables.arena.memory);
    const state = new ExplorerState(arena, arena.length, DEVICE_SHIFT);
    state.model = RELAXED;
    state.cpuOf[TASK] = 0;
    state.cpuOf[HANDLER] = 0;
    state.mainOf[0] = TASK;
    const detector = new RaceDetector(state);
    detector.reset();
    this.detector = detector;
    const view = memory.segment(0);
    if (view === undefined) throw new TestbedError("a machine without memory");
    const links = machine.endpoints.map((endpoint, device) => {
      // Whoever answers DMA reads is a whole card; the machine itself brings the answers here.
      state.hooks[device] = { onDmaRead: () => {} };
      endpoint.uplink = new FoldedRaceUplink(state, detector, view, interrupts, device);
      return new FoldedRaceLink(new FoldedLink(machine.host, endpoint), state, detector, device);
    });
    const [first] = links;
    if (first === undefined) throw new TestbedError("no device is plugged in");
    const cpu = new FoldedRaceCpu(first, interrupts, new FoldedRacePort(state, detector), detector);
    this.cpu = cpu;
    for (const link of links) link.cpu = cpu;
    this.functions = tables.functions.map((functionTables, device) => {
      const endpoint = machine.endpoints[device];
      const driver = new DriverPciFunction(links[device] ?? first, tables, functionTables, memory, cpu, endpoint);
      return exploredFunction(driver, cpu);
    });
  }

  /** The devices have come to rest: all that they did is before what the driver does from here on. */
  settled(): void {
    this.detector.order.settled(this.cpu.index);
  }

  /** A byte of DMA memory as driver and device know it. */
  placeOf(address: number): string {
    for (const { iommu } of this.#machine.tables.functions as readonly FunctionTables[])
      for (const { segmentOffset, byteLength, iova, label } of new Iommu(iommu).mappings()) {
        const offset = address - segmentOffset;
        if (offset < 0 || offset >= byteLength) continue;
        return `${label === "" ? "buffer" : label}+0x${offset.toString(16)} (IOVA ${iovaName(iova + offset)})`;
      }
    return `0x${address.toString(16)}`;
  }
}
