import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import * as reg from "./registers.ts";

const ADDRESS_COUNT = 128;
const { SBP, MPE, UPE, BAM } = reg.FCTRL.fields;
const { MO, MFE } = reg.MCSTCTRL.fields;
const { VET, CFI, CFIEN, VFE } = reg.VLNCTRL.fields;
const ADDRESS_VALID = reg.RAH.fields.AV.mask;

/** What the address filter says of a frame. */
export const REJECTED = 0;
/** A perfect match, a broadcast, or a promiscuous mode. */
const EXACT = 1;
/** Only the hash of the multicast table: the driver has to look (descriptor bit PIF). */
export const INEXACT = 2;

/** The receive filters of layer 2 (data sheet 7.1.1): station addresses, multicast table, broadcast, VLAN table. */
export class Filters {
  /** FCTRL.SBP: frames with errors are stored too. */
  storesBadFrames = false;
  /** EtherType of a tag. */
  vlanType = 0x8100;
  #broadcastAccepted = false;
  #unicastPromiscuous = false;
  #multicastPromiscuous = false;
  #multicastHashed = false;
  #multicastShift = 4;
  #vlanFiltered = false;
  #cfiCompared = false;
  #cfi = 0;
  /** The valid station addresses, packed: bytes 0–3 and 4–5 of each, in the order of the wire. */
  readonly #addressLow: Int32Array = new Int32Array(ADDRESS_COUNT);
  readonly #addressHigh: Int32Array = new Int32Array(ADDRESS_COUNT);
  #addressCount = 0;
  readonly #registers: RegisterFile;
  readonly #values: Int32Array;
  readonly #addressLowAt: number;
  readonly #addressHighAt: number;
  readonly #multicastTableAt: number;
  readonly #vlanTableAt: number;

  constructor(registers: RegisterFile) {
    this.#registers = registers;
    this.#values = registers.values;
    this.#addressLowAt = registers.map.ordinal(reg.RAL);
    this.#addressHighAt = registers.map.ordinal(reg.RAH);
    this.#multicastTableAt = registers.map.ordinal(reg.MTA);
    this.#vlanTableAt = registers.map.ordinal(reg.VFTA);
    const refresh = (): void => this.refresh();
    for (const register of [reg.FCTRL, reg.MCSTCTRL, reg.VLNCTRL]) registers.onWrite(register, refresh);
    for (const register of [reg.RAL, reg.RAH]) registers.onWrite(register, () => this.#packAddresses());
  }

  /** Takes over all registers: after a reset, the auto-read of the EEPROM, or a restored snapshot. */
  refresh(): void {
    const control = this.#registers.get(reg.FCTRL);
    this.storesBadFrames = (control & SBP.mask) !== 0;
    this.#multicastPromiscuous = (control & MPE.mask) !== 0;
    this.#unicastPromiscuous = (control & UPE.mask) !== 0;
    this.#broadcastAccepted = (control & BAM.mask) !== 0;
    const multicast = this.#registers.get(reg.MCSTCTRL);
    this.#multicastHashed = (multicast & MFE.mask) !== 0;
    // MO 0 takes bits 47:36 of the address, 1 bits 46:35, 2 bits 45:34, 3 bits 43:32 (8.2.3.7.3).
    this.#multicastShift = [4, 3, 2, 0][(multicast & MO.mask) >>> MO.low] as number;
    const vlan = this.#registers.get(reg.VLNCTRL);
    this.vlanType = vlan & VET.mask;
    this.#vlanFiltered = (vlan & VFE.mask) !== 0;
    this.#cfiCompared = (vlan & CFIEN.mask) !== 0;
    this.#cfi = (vlan & CFI.mask) >>> CFI.low;
    this.#packAddresses();
  }

  /** Judges the destination address of the frame at `offset`, which has at least 14 bytes. */
  judgeAddress(bytes: Uint8Array, offset: number): number {
    const low =
      (bytes[offset] as number) |
      ((bytes[offset + 1] as number) << 8) |
      ((bytes[offset + 2] as number) << 16) |
      ((bytes[offset + 3] as number) << 24);
    const high = (bytes[offset + 4] as number) | ((bytes[offset + 5] as number) << 8);
    const count = this.#addressCount;
    for (let index = 0; index < count; index++) {
      if (this.#addressLow[index] === low && this.#addressHigh[index] === high) return EXACT;
    }
    if ((low & 1) === 0) return this.#unicastPromiscuous ? EXACT : REJECTED;
    if (low === -1 && high === 0xffff) return this.#broadcastAccepted ? EXACT : REJECTED;
    if (this.#multicastHashed && this.#isInMulticastTable(high)) return this.#multicastPromiscuous ? EXACT : INEXACT;
    return this.#multicastPromiscuous ? EXACT : REJECTED;
  }

  /** Whether a frame with this tag control information passes the VLAN filter (7.1.1.2). */
  acceptsTag(tci: number): boolean {
    if (this.#cfiCompared && ((tci >>> 12) & 1) !== this.#cfi) return false;
    if (!this.#vlanFiltered) return true;
    const vlan = tci & 0xfff;
    return ((this.#values[this.#vlanTableAt + (vlan >>> 5)] as number) & (1 << (vlan & 31))) !== 0;
  }

  /** `lastBytes`: byte 4 in bits 7:0, byte 5 in bits 15:8, as the hash takes them. */
  #isInMulticastTable(lastBytes: number): boolean {
    const hash = (lastBytes >>> this.#multicastShift) & 0xfff;
    return ((this.#values[this.#multicastTableAt + (hash >>> 5)] as number) & (1 << (hash & 31))) !== 0;
  }

  /** Drivers use a few of the 128 addresses; a frame is compared with those only. */
  #packAddresses(): void {
    let count = 0;
    for (let index = 0; index < ADDRESS_COUNT; index++) {
      const high = this.#values[this.#addressHighAt + index] as number;
      if ((high & ADDRESS_VALID) === 0) continue;
      this.#addressLow[count] = this.#values[this.#addressLowAt + index] as number;
      this.#addressHigh[count] = high & 0xffff;
      count++;
    }
    this.#addressCount = count;
  }
}
