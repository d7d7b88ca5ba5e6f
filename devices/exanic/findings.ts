/**
 * What the model says of a driver that breaks the card's rules: what was done, what the card did about it, what to do.
 * The card takes all of it without a word; nothing here changes its state.
 */

import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import { registerPlace } from "../../emulator/registers/finding-text.ts";
import { hex } from "../../emulator/registers/register-map.ts";
import * as reg from "./registers.ts";

/** "PORT_ENABLED(1) 0x00240". */
function placeOf(register: Register, index: number): string {
  return registerPlace(reg.EXANIC_REGISTER_MAP, register.at(index));
}

export function recordWrongWidth(port: DevicePort, offset: number, byteLength: number): void {
  const place = registerPlace(reg.EXANIC_REGISTER_MAP, offset & ~3);
  port.record("violation", "wrong-width", place, () => {
    return `${byteLength}-byte access to ${place} (BAR0), whose registers have 32 bits. The card ignores such a write and answers such a read with all ones. Use 4-byte accesses.`;
  });
}

export function recordWriteInStartup(port: DevicePort, offset: number, value: number): void {
  const place = registerPlace(reg.EXANIC_REGISTER_MAP, offset);
  port.record("violation", "write-during-startup", place, () => {
    return `${place} was written with ${hex(value >>> 0, 8)} while the card starts up (FEATURE_CFG 0x00008 bit 17). The card lost the write. Wait until the bit reads 0.`;
  });
}

export function recordMisaligned(port: DevicePort, register: Register, index: number, written: number): void {
  const place = placeOf(register, index);
  port.record("violation", "region-misaligned", place, () => {
    return `${place} was written with ${hex(written >>> 0, 8)}, which is not a page: bits 11–1 are not 0. The card takes the region to begin at ${hex((written & ~0xfff) >>> 0, 8)}. Allocate it at a multiple of 4096; bit 0 alone says that the address has 32 bits.`;
  });
}

export function recordAddressFormat(
  port: DevicePort,
  register: Register,
  index: number,
  low: number,
  high: number,
): void {
  const place = placeOf(register, index);
  port.record("violation", "address-format", place, () => {
    const is32Bit = (low & 1) !== 0;
    const says = is32Bit ? "1 (32-bit), but the upper half is not 0" : "0 (64-bit), but the upper half is 0";
    const does = is32Bit ? "The card drops the upper half" : "PCI Express has no such request (2.2.4.1)";
    return `${place} is ${hex(low >>> 0, 8)} with an upper half of ${hex(high >>> 0, 8)}: bit 0 says ${says}. ${does}. Set bit 0 exactly when the address lies below 4 GiB.`;
  });
}

export function recordNoRegion(port: DevicePort, index: number): void {
  const place = placeOf(reg.PORT_ENABLED, index);
  port.record("violation", "port-without-region", place, () => {
    return `Port ${index} was enabled by ${place} before PORT_RX_DMA_BASE_HI and _LO said where its receive region is. The card drops what comes in. Write both, then enable.`;
  });
}

export function recordRegionChanged(port: DevicePort, register: Register, index: number, written: number): void {
  const place = placeOf(register, index);
  port.record("violation", "region-changed-while-enabled", place, () => {
    return `${place} was written with ${hex(written >>> 0, 8)} while port ${index} is enabled. The card takes it if it has not written a chunk yet, and otherwise goes on with the region that it has. Disable the port first.`;
  });
}

export function recordRuleBuffer(port: DevicePort, register: Register, index: number, written: number): void {
  const place = placeOf(register, index);
  port.record("violation", "rule-buffer", place, () => {
    return `${place} was written with ${hex(written >>> 0, 8)}, but a port has ${reg.FILTER_BUFFER_COUNT} buffers. The card takes ${written & (reg.FILTER_BUFFER_COUNT - 1)}. Read NUM_FILTER_BUFFERS.`;
  });
}

export function recordHashConfig(port: DevicePort, index: number, written: number, mask: number, kind: number): void {
  const place = placeOf(reg.PORT_HASH_CONFIG, index);
  port.record("violation", "hash-config", place, () => {
    return `${place} was written with ${hex(written >>> 0, 8)}: mask ${hex(mask, 2)}, function ${kind}. The mask is the number of buffers, a power of two up to ${reg.FILTER_BUFFER_COUNT}, less one; functions are 0 to ${reg.HASH_FUNCTION_COUNT - 1}. Frames go to buffers that the driver may not have.`;
  });
}

export function recordNoMsi(port: DevicePort, index: number): void {
  const place = placeOf(reg.PORT_IRQ_CONFIG, index);
  port.record("violation", "interrupt-without-msi", place, () => {
    return `The interrupt that ${place} asks for came due while MSI is off. The card has no other kind: it is lost. Enable MSI first.`;
  });
}

/** A rule of sending. `what` says what was wrong, `outcome` what the card did, `advice` what to do. */
export function recordTransmit(
  port: DevicePort,
  rule: string,
  index: number,
  offset: number,
  what: string,
  outcome: string,
  advice: string,
): void {
  port.record("violation", rule, `port ${index}`, () => {
    return `${placeOf(reg.PORT_TX_COMMAND, index)} was written with ${hex(offset, 5)}: ${what}. The card ${outcome}. ${advice}`;
  });
}

export function recordChunkChanged(port: DevicePort, index: number, chunk: number, offset: number): void {
  port.record("violation", "transmit-chunk-changed", `port ${index}`, () => {
    return `BAR2+${hex(offset, 5)} was written while the chunk at ${hex(chunk, 5)} that it belongs to waits for port ${index} or is being sent. The card sends what it finds, which may be half of each. Reuse a chunk when its feedback, or that of a later one, is there.`;
  });
}
