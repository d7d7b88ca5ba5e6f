/**
 * What is said about a driver that uses the edu wrongly. The card itself takes all of it without a word: here is only
 * the text, in edu.ts what the card does.
 */

import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { RegisterFindings } from "../../emulator/registers/register-file.ts";
import { hex, NO_REGISTER } from "../../emulator/registers/register-map.ts";
import { EDU_REGISTERS } from "./registers.ts";

export function recordWrongWidth(port: DevicePort, offset: number, byteLength: number): void {
  port.record("violation", "wrong-width", placeOf(offset), () => {
    return `${byteLength}-byte access to ${placeOf(offset)}. The card ignores such a write and answers such a read with all ones. Use 4-byte accesses below 0x0080; from there, 4 or 8 bytes.`;
  });
}

export function recordBusyWrite(port: DevicePort, offset: number, value: number): void {
  const isFactorial = offset < 0x0080;
  port.record("violation", "write-while-busy", placeOf(offset), () => {
    const busy = isFactorial ? "a factorial is being computed" : "a DMA transfer runs";
    const wait = isFactorial ? "STATUS (0x0020) bit 0" : "DMA_COMMAND (0x0098) bit 0";
    return `${placeOf(offset)} was written with ${hex(value, 8)} while ${busy}. The card dropped the write. Wait until ${wait} reads 0, or for the interrupt.`;
  });
}

export function recordNoStart(port: DevicePort, command: number): void {
  port.record("note", "command-without-start", "DMA_COMMAND 0x0098", () => {
    return `DMA_COMMAND 0x0098 was written with ${hex(command, 8)}, without bit 0 (start). The card ignored the write: direction and interrupt bits are not kept. Write them together with bit 0.`;
  });
}

export function recordOutsideBuffer(port: DevicePort, register: string, address: number, byteLength: number): void {
  port.record("violation", "dma-outside-buffer", register, () => {
    return `DMA of ${byteLength} bytes at card address ${hex(address, 5)} (${register}) leaves the card's buffer, 0x40000–0x40fff. The card moved nothing and will report the transfer as complete. Split the transfer, and mind bit 1 of DMA_COMMAND (0x0098): 0 means host to card.`;
  });
}

export function recordLostAddressBits(port: DevicePort, register: string, address: number, driven: number): void {
  port.record("violation", "dma-address-bits-lost", register, () => {
    return `Host address ${hex(address, 8)} (${register}) has more bits than the card drives: it accesses ${hex(driven, 8)}. Set the function's DMA mask to what the card can do before allocating (dma_set_mask).`;
  });
}

/** Hands on what the register table finds by itself. */
export function registerFindings(port: DevicePort): RegisterFindings {
  return {
    registerFinding(finding, offset, _ordinal, value) {
      const what = value === undefined ? "Read" : `Write of ${hex(value, 8)}`;
      const kind = finding === "no-register" || finding === "write-to-read-only" ? "violation" : "note";
      port.record(kind, finding, placeOf(offset), () => `${what}, ${placeOf(offset)}: ${finding}.`);
    },
  };
}

/** "STATUS 0x0020", or the offset alone where no register is. */
function placeOf(offset: number): string {
  const ordinal = EDU_REGISTERS.ordinalAt(offset);
  return ordinal === NO_REGISTER ? hex(offset) : `${EDU_REGISTERS.nameOf(ordinal)} ${hex(offset)}`;
}
