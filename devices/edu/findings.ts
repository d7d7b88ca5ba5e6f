/**
 * What is said about a driver that uses the edu wrongly. The card itself takes all of it without a word: here is only
 * the text, in edu.ts what the card does.
 */

import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import { registerPlace } from "../../emulator/registers/finding-text.ts";
import { hex } from "../../emulator/registers/register-map.ts";
import { DMA_COMMAND, EDU_REGISTERS, FACTORIAL } from "./registers.ts";

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

export function recordEarlyRead(port: DevicePort): void {
  port.record("note", "factorial-while-computing", placeOf(FACTORIAL.at()), () => {
    return `${placeOf(FACTORIAL.at())} was read while a factorial is being computed. It still holds n. Wait until STATUS (0x0020) bit 0 reads 0, or for the interrupt.`;
  });
}

export function recordNoStart(port: DevicePort, command: number): void {
  port.record("note", "command-without-start", placeOf(DMA_COMMAND.at()), () => {
    return `DMA_COMMAND was written with ${hex(command, 8)}, without bit 0 (start). The card ignored the write: direction and interrupt bits are not kept. Write them together with bit 0.`;
  });
}

export function recordOutsideBuffer(port: DevicePort, register: Register, address: number, byteLength: number): void {
  port.record("violation", "dma-outside-buffer", placeOf(register.at()), () => {
    return `DMA of ${byteLength} bytes at card address ${hex(address, 5)} (${register.name}) leaves the card's buffer, 0x40000–0x40fff. The card moved nothing and will report the transfer as complete. Split the transfer, and mind bit 1 of DMA_COMMAND (0x0098): 0 means host to card.`;
  });
}

export function recordLostAddressBits(port: DevicePort, register: Register, address: number, driven: number): void {
  port.record("violation", "dma-address-bits-lost", placeOf(register.at()), () => {
    return `Host address ${hex(address, 8)} (${register.name}) has more bits than the card drives: it accesses ${hex(driven, 8)}. Set the function's DMA mask to what the card can do before allocating (dma_set_mask).`;
  });
}

/** "STATUS 0x00020": as findings of the register table name it. */
function placeOf(offset: number): string {
  return registerPlace(EDU_REGISTERS, offset);
}
