import type { DeviceDeclaration } from "../../pcie/device-model.ts";

/** Room for the registers of one device, as a power of two: its BARs one behind the other, then configuration space. */
export const DEVICE_SHIFT = 24;
const CONFIG_READ_AT = 0x00f0_0000;
const CONFIG_WRITE_AT = 0x00f8_0000;
const CONFIG_BYTES = 0x1000;

/** What an address within a device's room is. */
export interface Place {
  /** -1: configuration space, read; -2: written. */
  bar: number;
  offset: number;
}

export const CONFIG_READ: number = -1;
export const CONFIG_WRITE: number = -2;

/**
 * One flat address space for everything that can race in an explored run: host memory from 0, then a room for each
 * device. A range of it names a byte of a BAR as well as one of a descriptor.
 */
export class AddressSpace {
  readonly barBase: number;
  /** By device and BAR: where the BAR begins in the device's room; -1 where there is none. */
  readonly #starts: readonly Int32Array[];
  readonly #lengths: readonly Int32Array[];
  readonly #place: Place = { bar: 0, offset: 0 };

  /** Throws RangeError for a device whose BARs do not fit. */
  constructor(hostBytes: number, declarations: readonly Pick<DeviceDeclaration, "name" | "bars">[]) {
    this.barBase = hostBytes;
    this.#starts = declarations.map(() => new Int32Array(6).fill(-1));
    this.#lengths = declarations.map(() => new Int32Array(6));
    for (const [device, { name, bars }] of declarations.entries()) {
      let start = 0;
      for (const bar of bars) {
        (this.#starts[device] as Int32Array)[bar.index] = start;
        (this.#lengths[device] as Int32Array)[bar.index] = bar.byteLength;
        start += bar.byteLength;
      }
      if (start > CONFIG_READ_AT)
        throw new RangeError(`${name} has ${start} bytes of BARs: an explored run takes 15 MiB`);
    }
  }

  ofBar(device: number, bar: number, offset: number): number {
    return this.barBase + (device << DEVICE_SHIFT) + ((this.#starts[device] as Int32Array)[bar] as number) + offset;
  }

  ofConfigRead(device: number, offset: number): number {
    return this.barBase + (device << DEVICE_SHIFT) + CONFIG_READ_AT + offset;
  }

  ofConfigWrite(device: number, offset: number): number {
    return this.barBase + (device << DEVICE_SHIFT) + CONFIG_WRITE_AT + offset;
  }

  /** What lies at `within` of a device's room. The object is the same at each call. */
  placeAt(device: number, within: number): Place {
    const place = this.#place;
    if (within >= CONFIG_READ_AT) {
      const isWrite = within >= CONFIG_WRITE_AT;
      place.bar = isWrite ? CONFIG_WRITE : CONFIG_READ;
      place.offset = (within - (isWrite ? CONFIG_WRITE_AT : CONFIG_READ_AT)) % CONFIG_BYTES;
      return place;
    }
    const starts = this.#starts[device] as Int32Array;
    const lengths = this.#lengths[device] as Int32Array;
    for (let bar = 0; bar < 6; bar++) {
      const start = starts[bar] as number;
      if (start < 0 || within < start || within >= start + (lengths[bar] as number)) continue;
      place.bar = bar;
      place.offset = within - start;
    }
    return place;
  }
}
