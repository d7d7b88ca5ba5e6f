import { Arena } from "../../memory/arena.ts";
import { Iommu, type IommuState } from "../../memory/iommu.ts";
import type { EndpointSnapshot } from "../../pcie/endpoint-slot.ts";
import type { Machine } from "../../run/machine.ts";

/**
 * A machine as it was when the devices had just been plugged in. {@link restore} brings it back there without making
 * anything anew. What lies in host memory stays: whoever allocates it gets it zeroed.
 */
export class Checkpoint {
  readonly #machine: Machine;
  readonly #endpoints: readonly EndpointSnapshot[];
  readonly #arena: Arena;
  readonly #arenaState: Int32Array;
  readonly #iommus: readonly { readonly iommu: Iommu; readonly state: IommuState }[];
  readonly #shared: readonly { readonly words: Int32Array; readonly saved: Int32Array }[];
  readonly #nowNs: number;

  constructor(machine: Machine) {
    const { tables } = machine;
    this.#machine = machine;
    this.#endpoints = machine.endpoints.map((endpoint) => endpoint.snapshot());
    this.#nowNs = machine.host.clock.now[0] as number;
    this.#arena = new Arena(tables.arena);
    this.#arenaState = this.#arena.save();
    this.#iommus = tables.functions.map((functionTables) => {
      const iommu = new Iommu(functionTables.iommu);
      return { iommu, state: iommu.save() };
    });
    this.#shared = [tables.memory.nextSegment, tables.interrupts].map((buffer) => {
      const words = new Int32Array(buffer);
      return { words, saved: words.slice() };
    });
  }

  restore(): void {
    this.#arena.restore(this.#arenaState);
    for (const { iommu, state } of this.#iommus) iommu.restore(state);
    for (const { words, saved } of this.#shared) words.set(saved);
    for (const [index, endpoint] of this.#machine.endpoints.entries()) {
      const state = this.#endpoints[index];
      if (state !== undefined) endpoint.restore(state);
    }
    this.#machine.host.clock.now[0] = this.#nowNs;
  }
}
