import type { Machine } from "../../run/machine.ts";
import { ExploredWire, type WireSurroundings } from "./explored-wire.ts";

/** What every port has sent, by device. */
export type SentFrames = readonly (readonly (readonly Uint8Array[])[])[];

/** The wires of all ports of all devices of an explored machine. */
export class ExploredWires {
  /** By device, then by port. */
  readonly #wires: readonly (readonly ExploredWire[])[];
  readonly #all: readonly ExploredWire[];
  readonly #first: ExploredWire | undefined;

  /** Takes the place of the wires that the machine has laid, along the same cables. */
  constructor(machine: Machine, around: WireSurroundings) {
    this.#wires = machine.endpoints.map((endpoint, device) =>
      endpoint.wires.map((_wire, port) => new ExploredWire(around, endpoint, device, port)),
    );
    for (const [device, ports] of this.#wires.entries()) {
      const { wires } = machine.endpoints[device] as (typeof machine.endpoints)[number];
      for (const [port, wire] of ports.entries()) wires[port] = wire;
      machine.host.sources.push(...ports);
    }
    for (const [near, far] of machine.tables.options.cables ?? []) {
      const ends = [this.#wires[near[0]]?.[near[1]], this.#wires[far[0]]?.[far[1]]] as const;
      if (ends[0] !== undefined) ends[0].far = ends[1];
      if (ends[1] !== undefined) ends[1].far = ends[0];
    }
    this.#all = this.#wires.flat();
    this.#first = this.#all.find((wire) => wire.far === undefined);
  }

  /** The wire of a port that no cable takes. */
  open(device: number, port: number): ExploredWire | undefined {
    const wire = this.#wires[device]?.[port];
    return wire?.far === undefined ? wire : undefined;
  }

  /** The first port of the first device that has one without a cable. */
  first(): ExploredWire | undefined {
    return this.#first;
  }

  /** A frame that is on its way to a port is there. */
  arrive(device: number, port: number): void {
    this.#wires[device]?.[port]?.arrive();
  }

  reset(): void {
    for (const wire of this.#all) wire.reset();
  }

  save(): SentFrames {
    return this.#wires.map((ports) => ports.map((wire) => wire.sent.slice()));
  }

  restore(sent: SentFrames): void {
    for (const [device, ports] of this.#wires.entries()) {
      for (const [port, wire] of ports.entries()) {
        wire.reset();
        wire.sent.push(...(sent[device]?.[port] ?? []));
      }
    }
  }
}
