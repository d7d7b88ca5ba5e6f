/**
 * The 4 KiB configuration space of one PCI Express function, seen from the device (PCI Local Bus Specification 3.0,
 * chapter 6; PCI Express Base Specification 3.0, chapter 7).
 */

import {
  EXP_DEVICE_CONTROL,
  EXP_DEVICE_CONTROL_INITIATE_FLR,
  EXP_DEVICE_CONTROL_RELAXED_ORDERING,
  EXP_DEVICE_STATUS,
  EXP_DEVICE_STATUS_TRANSACTIONS_PENDING,
  MAX_PAYLOAD_SUPPORTED_CODE,
  MSI_ADDRESS_HIGH,
  MSI_ADDRESS_LOW,
  MSI_CONTROL,
  MSI_CONTROL_ENABLE,
  MSI_DATA,
  MSIX_CONTROL,
  MSIX_CONTROL_ENABLE,
  MSIX_CONTROL_FUNCTION_MASK,
  PM_CONTROL_STATUS,
} from "./capabilities.ts";
import {
  BASE_ADDRESS_0,
  COMMAND,
  COMMAND_BUS_MASTER,
  COMMAND_INTX_DISABLE,
  COMMAND_MEMORY_SPACE,
  STATUS,
  STATUS_INTERRUPT,
} from "./config-header.ts";
import { type ConfigImage, type ConfigWidth, loadLittleEndian, storeLittleEndian } from "./config-image.ts";
import {
  CONFIG_SPACE_BYTE_LENGTH,
  type FunctionDeclaration,
  functionImage,
  MSI_AT,
  MSIX_AT,
  PCI_EXPRESS_AT,
  POWER_MANAGEMENT_AT,
} from "./config-layout.ts";

export type { MsixDeclaration } from "./capabilities.ts";
export type { BarDeclaration, FunctionIdentity } from "./config-header.ts";
export type { FunctionDeclaration } from "./config-layout.ts";

/**
 * Told during a configuration write, after the registers have their new values. `reset`, `functionLevelReset` and
 * `restore` tell nobody: whoever calls them puts the rest of the function in order as well.
 */
export interface ConfigListener {
  /**
   * Software set Initiate FLR. The configuration registers are back at their defaults already; everything else of the
   * function is the listener's: engines, BAR contents, the MSI-X table, and no DMA in flight may land afterwards.
   */
  onFunctionLevelReset(): void;
  /** The command register, the power state or MSI Enable has another value: what the function may send has changed. */
  onCommandChanged(): void;
  /** MSI-X Enable or Function Mask has another value. */
  onMsixControlChanged(): void;
}

export class ConfigSpace {
  /**
   * The function answers memory requests: Memory Space Enable is set and the power state is D0. This field and those
   * below are for reading only; every write, reset and restore brings them up to date.
   */
  memoryEnabled = false;
  /** The function may issue requests, DMA and message interrupts alike: Bus Master Enable is set in D0. */
  busMasterEnabled = false;
  /** INTx must stay deasserted. MSI or MSI-X being enabled forbids INTx as well and is not counted here. */
  intxDisabled = false;
  msiEnabled = false;
  /** Message address and data of MSI, as signed 32-bit words. */
  msiAddressHigh = 0;
  msiAddressLow = 0;
  msiData = 0;
  msixEnabled = false;
  msixFunctionMasked = false;
  /** DMA writes may ask for relaxed ordering. */
  relaxedOrderingEnabled = false;
  /** Largest payload of a memory write that the function may send. */
  maxPayloadByteLength = 128;
  /** Largest length of a memory read that the function may ask for. */
  maxReadRequestByteLength = 512;

  readonly #declaration: FunctionDeclaration;
  readonly #listener: ConfigListener;
  readonly #image: ConfigImage;
  readonly #bytes: Uint8Array = new Uint8Array(CONFIG_SPACE_BYTE_LENGTH);
  readonly #barAddresses: Float64Array = new Float64Array(6);

  /** Throws RangeError where the declaration cannot be built: it names the part and what would fit. */
  constructor(declaration: FunctionDeclaration, listener: ConfigListener) {
    this.#declaration = declaration;
    this.#listener = listener;
    this.#image = functionImage(declaration);
    this.reset();
  }

  /**
   * A configuration read: the unsigned little-endian value. An access that is misaligned, of another width or beyond
   * 0x0fff makes no request that the function could answer; it gives all ones, as the root complex does.
   */
  read(offset: number, byteLength: ConfigWidth): number {
    if (!isConfigAccess(offset, byteLength)) return byteLength === 4 ? 0xffffffff : (1 << (8 * byteLength)) - 1;
    return loadLittleEndian(this.#bytes, offset, byteLength);
  }

  /**
   * A configuration write. Read-only bits keep their values, RW1C bits are cleared by ones. A misaligned access or one
   * beyond 0x0fff is ignored.
   */
  write(offset: number, byteLength: ConfigWidth, value: number): void {
    if (!isConfigAccess(offset, byteLength)) return;
    const command = this.#command();
    const msixControl = this.#msixControl();
    const powerState = this.#powerState();
    const msiEnabled = this.msiEnabled;
    for (let index = 0; index < byteLength; index++) this.#writeByte(offset + index, (value >>> (8 * index)) & 0xff);

    // D1 and D2 are not implemented: writing them completes and changes nothing (power management 1.2, 3.2.4).
    if (this.#powerState() === 1 || this.#powerState() === 2) this.#setPowerState(powerState);
    if (this.#initiatesFunctionLevelReset(offset, byteLength, value)) {
      this.functionLevelReset();
      this.#listener.onFunctionLevelReset();
      return;
    }
    this.#refreshFields();
    // Enabling MSI takes a pending INTx off its line, as INTx Disable does.
    const commandChanged = this.#command() !== command || this.#powerState() !== powerState;
    if (commandChanged || this.msiEnabled !== msiEnabled) this.#listener.onCommandChanged();
    if (this.#msixControl() !== msixControl) this.#listener.onMsixControlChanged();
  }

  /**
   * Where software put BAR `index`. Exact below 2^53; in the middle of sizing, or between the writes of its two halves,
   * it is what the registers happen to hold. Throws RangeError when no BAR starts at that slot.
   */
  barAddress(index: number): number {
    if (this.#declaration.bars.some((bar) => bar.index === index)) return this.#barAddresses[index] as number;
    throw new RangeError(
      `BAR${index}: the function declares ${this.#declaration.bars.map((bar) => `BAR${bar.index}`)}`,
    );
  }

  /** Status.InterruptStatus: an INTx interrupt is pending in the function, disabled or not. */
  setInterruptStatus(asserted: boolean): void {
    this.#setBits(STATUS, STATUS_INTERRUPT, asserted);
  }

  /** DeviceStatus.TransactionsPending: non-posted requests of the function wait for their completions. */
  setTransactionsPending(pending: boolean): void {
    this.#setBits(PCI_EXPRESS_AT + EXP_DEVICE_STATUS, EXP_DEVICE_STATUS_TRANSACTIONS_PENDING, pending);
  }

  /**
   * The device's side of RW1C: sets `bits` of the register at `offset`, for software to see and clear. Bits that are
   * not RW1C stay as they are. Throws RangeError for an access that `read` would not answer.
   */
  latchStatus(offset: number, byteLength: ConfigWidth, bits: number): void {
    if (!isConfigAccess(offset, byteLength)) {
      throw new RangeError(
        `latchStatus: ${byteLength} bytes at 0x${offset.toString(16)} are no configuration register`,
      );
    }
    const mask = loadLittleEndian(this.#image.writeOneToClear, offset, byteLength);
    const value = loadLittleEndian(this.#bytes, offset, byteLength) | (bits & mask);
    storeLittleEndian(this.#bytes, offset, byteLength, value);
  }

  /** Power-on: every register has its default. */
  reset(): void {
    this.#bytes.set(this.#image.values);
    this.#refreshFields();
  }

  /**
   * What Initiate FLR does to the registers (6.6.2): all defaults, except for sticky bits (the error status and masks)
   * and the settings of the link, which are not the function's alone. A hot reset keeps the sticky bits too.
   */
  functionLevelReset(): void {
    const { values, survivesFunctionReset } = this.#image;
    for (let offset = 0; offset < CONFIG_SPACE_BYTE_LENGTH; offset++) {
      const kept = survivesFunctionReset[offset] as number;
      this.#bytes[offset] = ((values[offset] as number) & ~kept) | ((this.#bytes[offset] as number) & kept);
    }
    this.#refreshFields();
  }

  /** A copy of all registers, which the caller owns. */
  snapshot(): Uint8Array {
    return this.#bytes.slice();
  }

  /** Takes over a snapshot of a function of the same declaration. Throws RangeError at another length. */
  restore(snapshot: Uint8Array): void {
    if (snapshot.length !== CONFIG_SPACE_BYTE_LENGTH) {
      throw new RangeError(`snapshot of ${snapshot.length} bytes; configuration space has ${CONFIG_SPACE_BYTE_LENGTH}`);
    }
    this.#bytes.set(snapshot);
    this.#refreshFields();
  }

  #writeByte(offset: number, value: number): void {
    const writable = this.#image.writable[offset] as number;
    const cleared = (this.#image.writeOneToClear[offset] as number) & value;
    this.#bytes[offset] = (((this.#bytes[offset] as number) & ~writable) | (value & writable)) & ~cleared;
  }

  #initiatesFunctionLevelReset(offset: number, byteLength: ConfigWidth, value: number): boolean {
    // The bit is the top one of its byte, so it counts in whatever width that byte was written.
    const index = PCI_EXPRESS_AT + EXP_DEVICE_CONTROL + 1 - offset;
    return (
      index >= 0 && index < byteLength && ((value >>> (8 * index)) & (EXP_DEVICE_CONTROL_INITIATE_FLR >>> 8)) !== 0
    );
  }

  #setBits(offset: number, bits: number, on: boolean): void {
    const word = loadLittleEndian(this.#bytes, offset, 2);
    storeLittleEndian(this.#bytes, offset, 2, on ? word | bits : word & ~bits);
  }

  #command(): number {
    return loadLittleEndian(this.#bytes, COMMAND, 2);
  }

  #powerState(): number {
    return (this.#bytes[POWER_MANAGEMENT_AT + PM_CONTROL_STATUS] as number) & 0x3;
  }

  #setPowerState(state: number): void {
    this.#setBits(POWER_MANAGEMENT_AT + PM_CONTROL_STATUS, 0x3, false);
    this.#setBits(POWER_MANAGEMENT_AT + PM_CONTROL_STATUS, state, true);
  }

  // Without the capability its bytes are reserved and read as zero: not enabled, not masked.
  #msixControl(): number {
    return loadLittleEndian(this.#bytes, MSIX_AT + MSIX_CONTROL, 2);
  }

  #refreshFields(): void {
    const bytes = this.#bytes;
    const command = this.#command();
    // In D3hot the function answers configuration requests only (power management 1.2, 5.4.1).
    const inD0 = this.#powerState() === 0;
    this.memoryEnabled = inD0 && (command & COMMAND_MEMORY_SPACE) !== 0;
    this.busMasterEnabled = inD0 && (command & COMMAND_BUS_MASTER) !== 0;
    this.intxDisabled = (command & COMMAND_INTX_DISABLE) !== 0;

    this.msiEnabled = (loadLittleEndian(bytes, MSI_AT + MSI_CONTROL, 2) & MSI_CONTROL_ENABLE) !== 0;
    this.msiAddressLow = loadLittleEndian(bytes, MSI_AT + MSI_ADDRESS_LOW, 4) | 0;
    this.msiAddressHigh = loadLittleEndian(bytes, MSI_AT + MSI_ADDRESS_HIGH, 4) | 0;
    this.msiData = loadLittleEndian(bytes, MSI_AT + MSI_DATA, 2);
    const msixControl = this.#msixControl();
    this.msixEnabled = (msixControl & MSIX_CONTROL_ENABLE) !== 0;
    this.msixFunctionMasked = (msixControl & MSIX_CONTROL_FUNCTION_MASK) !== 0;

    const deviceControl = loadLittleEndian(bytes, PCI_EXPRESS_AT + EXP_DEVICE_CONTROL, 2);
    this.relaxedOrderingEnabled = (deviceControl & EXP_DEVICE_CONTROL_RELAXED_ORDERING) !== 0;
    // More than the function supports, and the two reserved codes, are undefined: it sends no more than it can.
    this.maxPayloadByteLength = 128 << Math.min((deviceControl >>> 5) & 0x7, MAX_PAYLOAD_SUPPORTED_CODE);
    this.maxReadRequestByteLength = 128 << Math.min((deviceControl >>> 12) & 0x7, 5);

    for (const bar of this.#declaration.bars) {
      const offset = BASE_ADDRESS_0 + 4 * bar.index;
      const low = (loadLittleEndian(bytes, offset, 4) & ~0xf) >>> 0;
      const high = bar.kind === "memory64" ? loadLittleEndian(bytes, offset + 4, 4) : 0;
      this.#barAddresses[bar.index] = high * 2 ** 32 + low;
    }
  }
}

function isConfigAccess(offset: number, byteLength: number): boolean {
  if (byteLength !== 1 && byteLength !== 2 && byteLength !== 4) return false;
  return offset >= 0 && offset <= CONFIG_SPACE_BYTE_LENGTH - byteLength && offset % byteLength === 0;
}
