import { copyMemory, MemoryView } from "../../emulator/memory/memory-view.ts";
import { type DevicePort, FRAME_BAD_FCS } from "../../emulator/pcie/device-model.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { crc32, FCS_BYTE_LENGTH } from "../../emulator/wire/crc32.ts";
import { MIN_FRAME_BYTE_LENGTH } from "../../emulator/wire/line-rate.ts";
import * as bits from "./descriptors.ts";
import { castOf, type Receive } from "./receive.ts";
import * as reg from "./registers.ts";
import type { Statistics } from "./statistics.ts";

// Local names: the engine folds a constant of its own module, and looks one of another module up.
const { TX_IFCS } = bits;
const SHORTEST_BYTES: number = MIN_FRAME_BYTE_LENGTH;
const FCS_BYTES: number = FCS_BYTE_LENGTH;
const { TXCRCEN, TXPADEN, LPBK } = reg.HLREG0.fields;

/** The last step of a frame on its way out (data sheet 7.2.1): padding, FCS, counters; then the wire, or back in. */
export class TransmitMac {
  /** DMATXCTL.VT: EtherType of inserted tags. */
  vlanType = 0x8100;
  #appendsFcs = true;
  #pads = true;
  #loopback = false;
  /** A frame that lies in host memory is padded here. */
  readonly #padded: MemoryView = MemoryView.ofSize(MIN_FRAME_BYTE_LENGTH + FCS_BYTE_LENGTH);
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #receive: Receive;
  readonly #statistics: Statistics;

  constructor(port: DevicePort, registers: RegisterFile, receive: Receive, statistics: Statistics) {
    this.#port = port;
    this.#registers = registers;
    this.#receive = receive;
    this.#statistics = statistics;
  }

  /** Takes over HLREG0 and DMATXCTL. */
  refresh(): void {
    const mac = this.#registers.get(reg.HLREG0);
    this.#appendsFcs = (mac & TXCRCEN.mask) !== 0;
    this.#pads = (mac & TXPADEN.mask) !== 0;
    this.#loopback = (mac & LPBK.mask) !== 0;
    this.vlanType = this.#registers.get(reg.DMATXCTL) >>> 16;
  }

  /** Sends a frame. `command` is word 2 of its first descriptor. The memory is read before this returns. */
  send(queue: number, memory: MemoryView, offset: number, byteLength: number, command: number): void {
    if ((command & TX_IFCS) === 0 || !this.#appendsFcs) {
      this.#sendWithOwnFcs(queue, memory, offset, byteLength);
    } else if (byteLength < SHORTEST_BYTES && this.#pads) {
      copyMemory(this.#padded, 0, memory, offset, byteLength);
      this.#padded.bytes.fill(0, byteLength, MIN_FRAME_BYTE_LENGTH);
      this.#emit(queue, this.#padded, 0, MIN_FRAME_BYTE_LENGTH, 0);
    } else {
      this.#emit(queue, memory, offset, byteLength, 0);
    }
  }

  /** Nothing is appended: the last four bytes of the data are the FCS, for better or worse. */
  #sendWithOwnFcs(queue: number, memory: MemoryView, offset: number, byteLength: number): void {
    const length = byteLength - FCS_BYTE_LENGTH;
    const at = offset + length;
    const { bytes } = memory;
    const fcs =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    this.#emit(queue, memory, offset, length, fcs === crc32(bytes, offset, length) ? 0 : FRAME_BAD_FCS);
  }

  #emit(queue: number, memory: MemoryView, offset: number, byteLength: number, flags: number): void {
    this.#statistics.sent(queue, (byteLength + FCS_BYTES) | 0, castOf(memory.bytes, offset));
    if (this.#loopback) this.#receive.onFrame(memory, offset, byteLength, flags);
    else this.#port.transmit(0, memory, offset, byteLength, flags);
  }
}
