import type { Machine } from "../../emulator/explore/machine.ts";
import type { ExploredMachine } from "../../emulator/explore/plugged/explored-machine.ts";
import type { DeviceDeclaration } from "../../emulator/pcie/device-model.ts";
import { RegisterNames } from "./register-names.ts";
import type { FieldValues } from "./trace-event.ts";
import type { TracedDevice } from "./trace-header.ts";
import { tracedDevice } from "./trace-recorder.ts";

export interface ExploredRegister {
  readonly device: number;
  readonly bar: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly register: string;
}

/** What the addresses of an explored run are: one flat space, of a small program or of a driver with its devices. */
export class ExploredPlaces {
  readonly devices: readonly TracedDevice[];
  readonly #machine: Machine;
  readonly #plugged: ExploredMachine | undefined;
  readonly #registers: RegisterNames;

  constructor(machine: Machine, plugged: ExploredMachine | undefined) {
    this.#machine = machine;
    this.#plugged = plugged;
    const declarations: readonly DeviceDeclaration[] = plugged?.endpoints.map(({ declaration }) => declaration) ?? [];
    this.#registers = new RegisterNames(declarations);
    this.devices =
      plugged === undefined
        ? machine.devices.map(({ name }) => ({ name, about: "", wirePortCount: 0, vectorCount: 0, rings: [] }))
        : declarations.map(tracedDevice);
  }

  /** A register; undefined for configuration space. */
  register(address: number, byteLength: number): ExploredRegister | undefined {
    const { state } = this.#machine;
    const device = state.deviceAt(address);
    const within = address - state.windowOf(device);
    if (this.#plugged === undefined)
      return { device, bar: 0, offset: within, byteLength, register: this.#machine.nameOf(address) };
    const { bar, offset } = this.#plugged.addresses.placeAt(device, within);
    if (bar < 0) return undefined;
    return { device, bar, offset, byteLength, register: this.#registers.name(device, bar, offset) };
  }

  fields({ device, bar, offset, byteLength }: ExploredRegister, value: number): FieldValues | undefined {
    return this.#registers.fields(device, bar, offset, byteLength, value);
  }

  /** Whether a write there is a doorbell, as far as its device declares it. */
  isDoorbell({ device, bar, offset }: ExploredRegister): boolean {
    return this.#registers.isDoorbell(device, bar, offset);
  }

  /** A place in configuration space. */
  config(address: number): { readonly device: number; readonly offset: number; readonly isWrite: boolean } {
    const { state } = this.#machine;
    const device = state.deviceAt(address);
    const place = this.#plugged?.addresses.placeAt(device, address - state.windowOf(device));
    return { device, offset: place?.offset ?? 0, isWrite: place?.bar === -2 };
  }

  /** A place in host memory. */
  memory(
    address: number,
    byteLength: number,
  ): { readonly byteLength: number; readonly buffer: string; readonly bufferOffset: number } {
    for (const [start, buffer] of this.#plugged?.labels ?? []) {
      if (address < start || address >= start + buffer.byteLength) continue;
      const label = buffer.label === "" ? "DMA buffer" : buffer.label;
      return { byteLength, buffer: label, bufferOffset: address - start };
    }
    return { byteLength, buffer: this.nameOf(address), bufferOffset: 0 };
  }

  nameOf(address: number): string {
    return this.#machine.nameOf(address);
  }
}
