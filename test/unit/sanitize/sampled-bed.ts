/** A card in this thread whose driver is looked at for data races, as it would be in a threaded run. */
import { DriverPciFunction } from "../../../emulator/driver/pci-function.ts";
import { HostMemory } from "../../../emulator/memory/host-memory.ts";
import type { PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { FoldedLink } from "../../../emulator/run/folded-link.ts";
import { createTables, type LoadedDevice, Machine, type MachineOptions } from "../../../emulator/run/machine.ts";
import type { RaceFinder } from "../../../emulator/sanitize/race-findings.ts";
import { RaceSampler } from "../../../emulator/sanitize/race-sampler.ts";
import type { RaceTables } from "../../../emulator/sanitize/race-tables.ts";
import { type RaceSampling, raceSampling } from "../../../emulator/sanitize/rule.ts";
import { sampledFunctions } from "../../../emulator/sanitize/sampled-function.ts";

/** Small: a property makes hundreds. */
export const SMALL: MachineOptions = {
  clock: "virtual",
  hostMemoryBytes: 65_536,
  wireQueueBytes: 4096,
  iommu: { windowBytes: 1_048_576, mappingCount: 16 },
};

export interface SampledBed {
  readonly races: RaceTables;
  /** What was said, each time. */
  readonly messages: string[];
  /** Lines of the driver that were found. */
  readonly lines: string[];
  /** The function as a further CPU holds it. */
  function(cpuIndex: number): PciFunction;
}

/** `line`: of the driver, at the moment. */
export function sampledBed(device: LoadedDevice, sampling: RaceSampling, line: () => string): SampledBed {
  const tables = createTables([device], SMALL, raceSampling({ "data-race": sampling }));
  const { races } = tables;
  const machine = new Machine([device], tables);
  const [endpoint] = machine.endpoints;
  const [functionTables] = tables.functions;
  if (races === undefined || endpoint === undefined || functionTables === undefined) throw new Error("no such machine");
  const messages: string[] = [];
  const lines: string[] = [];
  return {
    races,
    messages,
    lines,
    function: (cpuIndex) => {
      const link = new FoldedLink(machine.host, endpoint);
      const pci = new DriverPciFunction(link, tables, functionTables, new HostMemory(tables.memory), cpuIndex);
      const finder: RaceFinder = {
        cpuIndex,
        deviceNames: [functionTables.declaration.name],
        log: new Int32Array(races.log),
        lineOf: line,
        line: "",
      };
      const findings = {
        record: (_kind: string, _rule: string, _place: string, text: () => string) => {
          lines.push(finder.line);
          messages.push(text());
        },
      };
      const parts = { findings, arena: tables.arena.memory, labelAt: () => "ring" };
      const [sampled] = sampledFunctions([pci], [parts], new RaceSampler(races, cpuIndex, finder));
      if (sampled === undefined) throw new Error("no function");
      return sampled;
    },
  };
}
