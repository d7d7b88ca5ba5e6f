/** A card that transfers what it is told to at once, and a driver's way to tell it: for rules about the order of transfers. */
import { MemoryView } from "../../../emulator/memory/memory-view.ts";
import type { DeviceDeclaration, DeviceModel, DevicePort } from "../../../emulator/pcie/device-model.ts";
import type { Bar } from "../../../emulator/pcie/driver-view.ts";
import { BARE_DECLARATION, BareDevice } from "../../fixtures/bare-device.ts";

export const ADDRESS_LOW = 0x40;
export const ADDRESS_HIGH = 0x44;
const WRITE = 0x00;
const READ = 0x04;
/** The first of four: which word of the 16 bytes is the flag. */
const WRITE_BACK = 0x10;

export const declaration: DeviceDeclaration = { ...BARE_DECLARATION, name: "scribe", about: "transfers" };

/** One DMA of the card: offset in the buffer, bytes, and which word is the flag, for a write-back of 16 bytes. */
export interface Transfer {
  readonly kind: "write" | "read" | "write back";
  readonly offset: number;
  readonly byteLength: number;
  readonly flagWord: number;
}

/** The doorbell for one. */
export function tell(bar: Bar, { kind, offset, byteLength, flagWord }: Transfer): void {
  const register = kind === "write" ? WRITE : kind === "read" ? READ : WRITE_BACK + 4 * flagWord;
  bar.write32(register, (offset << 8) | byteLength);
}

export function create(port: DevicePort): DeviceModel {
  return new Scribe(port);
}

class Scribe extends BareDevice {
  readonly #bytes = MemoryView.ofSize(256);
  #low = 0;
  #high = 0;
  #lap = 0;

  override onWrite(_bar: number, register: number, _byteLength: number, value: number): void {
    const at = (this.#low + (value >>> 8)) | 0;
    const byteLength = value & 0xff;
    if (register === ADDRESS_LOW) this.#low = value;
    else if (register === ADDRESS_HIGH) this.#high = value;
    else if (register === READ) this.port.dmaRead(this.#high, at, byteLength, 0, 0);
    else {
      this.#bytes.bytes.fill(++this.#lap & 0xff);
      const flag = register >= WRITE_BACK ? register - WRITE_BACK : -1;
      this.port.dmaWrite(this.#high, at, this.#bytes, 0, byteLength, flag);
    }
  }

  override onRead(): number {
    return 0x5a;
  }
}
