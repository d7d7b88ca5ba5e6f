/**
 * What the model says of a driver that breaks the card's rules: what was done, what the card did about it, what to do.
 * The card takes all of it without a word; nothing here changes its state.
 */

import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import { registerPlace } from "../../emulator/registers/finding-text.ts";
import { hex } from "../../emulator/registers/register-map.ts";
import * as reg from "./registers.ts";

function placeOf(register: Register, index: number): string {
  return registerPlace(reg.FEED_HANDLER_REGISTER_MAP, register.at(index));
}

export function recordWrongWidth(port: DevicePort, offset: number, byteLength: number): void {
  const place = registerPlace(reg.FEED_HANDLER_REGISTER_MAP, offset & ~3);
  port.record("violation", "wrong-width", place, () => {
    return `${byteLength}-byte access to ${place} (BAR0), whose registers have 32 bits. The card ignores such a write and answers such a read with all ones. Use 4-byte accesses.`;
  });
}

export function recordNoRing(port: DevicePort, channel: number, sizeLog2: number, low: number): void {
  const place = placeOf(reg.CHANNEL_CONTROL, channel);
  port.record("violation", "channel-without-ring", place, () => {
    return `Channel ${channel} was enabled by ${place} with 2^${sizeLog2} entries at ${hex(low >>> 0, 8)} (low word). The card left it off. Write CHANNEL_RING with a multiple of 64 and CHANNEL_SIZE with 1 to 16 first.`;
  });
}

export function recordRingChanged(port: DevicePort, register: Register, channel: number, written: number): void {
  const place = placeOf(register, channel);
  port.record("violation", "ring-changed-while-enabled", place, () => {
    return `${place} was written with ${hex(written >>> 0, 8)} while channel ${channel} is enabled. The card writes its next event there, or goes on with the size that it has. Disable the channel first.`;
  });
}

export function recordConsumer(
  port: DevicePort,
  channel: number,
  written: number,
  before: number,
  producer: number,
): void {
  const place = placeOf(reg.CHANNEL_CONSUMER, channel);
  port.record("violation", "consumer-out-of-range", place, () => {
    return `${place} was written with ${written >>> 0}, but channel ${channel} has consumed ${before >>> 0} events of ${producer >>> 0}. The card ignored the write. Count up what was read, from 0 at the enabling on, and no further than what the phase bit shows.`;
  });
}

export function recordTemplateInUse(port: DevicePort, template: number, place: string): void {
  port.record("violation", "template-in-use", `template ${template}`, () => {
    return `Order template ${template} was written at ${place} while a trigger that sends it is armed, or an order with it is on its way. The card sends what it finds: old bytes, new ones, or some of each. Disarm, read a register back, wait until ORDERS_PENDING is 0, then write.`;
  });
}

export function recordWindowWrite(port: DevicePort, offset: number): void {
  port.record("violation", "book-written", "BAR2", () => {
    return `BAR2 was written at ${hex(offset, 5)}, where the card keeps the book. The card ignored the write. Templates begin at 0x4000.`;
  });
}
