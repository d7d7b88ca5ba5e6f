import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf } from "../../emulator/registers/declare.ts";
import { registerPlace } from "../../emulator/registers/finding-text.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import type { Handover, MemoryOwnership, TransferView, WatchedTransfer } from "../../emulator/sanitize/ownership.ts";
import * as reg from "./registers.ts";

const COMMAND_AT = reg.DMA_COMMAND.at();
const STATUS_AT = reg.INTERRUPT_STATUS.at();

/** For the sanitizers: host memory is the card's from the start of a transfer until its driver has seen that it is over. */
export class EduOwnership implements MemoryOwnership, TransferView {
  readonly name: string = registerPlace(reg.EDU_REGISTERS, COMMAND_AT);
  readonly completion = "DMA_COMMAND (0x0098) bit 0 reads 0, or its interrupt has come";
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #transfer: WatchedTransfer;

  constructor(port: DevicePort, registers: RegisterFile, handover: Handover) {
    this.#port = port;
    this.#registers = registers;
    this.#transfer = handover.transfer(this);
  }

  isBusy(): boolean {
    return fieldOf(this.#registers.get(reg.DMA_COMMAND), reg.START) === 1;
  }

  isLive(): boolean {
    return this.#port.busMasterEnabled;
  }

  onWrite(_bar: number, offset: number): void {
    // One while a transfer runs is dropped, as are those of the other registers: what is handed over stays the same.
    if (offset !== COMMAND_AT || !this.isBusy()) return;
    const isToHost = fieldOf(this.#registers.get(reg.DMA_COMMAND), reg.TO_HOST) === 1;
    const host = isToHost ? reg.DMA_DESTINATION : reg.DMA_SOURCE;
    this.#transfer.handOver(this.#get64(host), this.#get64(reg.DMA_COUNT), isToHost ? "writes" : "reads");
  }

  onRead(_bar: number, offset: number, value: number): void {
    const isOver = offset === COMMAND_AT ? (value & reg.START.mask) === 0 : (value & reg.DMA_COMPLETE) !== 0;
    if ((offset === COMMAND_AT || offset === STATUS_AT) && isOver) this.#transfer.seen();
  }

  #get64(register: (typeof reg)["DMA_COUNT"]): number {
    const { values, map } = this.#registers;
    const ordinal = map.ordinal(register);
    return ((values[ordinal + 1] as number) >>> 0) * 2 ** 32 + ((values[ordinal] as number) >>> 0);
  }
}
