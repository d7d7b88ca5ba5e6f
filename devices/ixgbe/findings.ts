/**
 * What the model says of a driver that breaks the card's rules: what was done, what the card did about it, what to do.
 * The card goes on as hardware would; nothing here changes its state.
 */

import { iovaName } from "../../emulator/memory/iommu.ts";
import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import type { Register } from "../../emulator/registers/declare.ts";
import { registerPlace } from "../../emulator/registers/finding-text.ts";
import { hex, type RegisterMap } from "../../emulator/registers/register-map.ts";
import { DESCRIPTOR_BYTE_LENGTH } from "./descriptors.ts";
import * as reg from "./registers.ts";

/** "TDT(3) 0x060d8". */
function placeOf(register: Register, index: number): string {
  const name = register.count === 1 ? register.name : `${register.name}(${index})`;
  return `${name} ${hex(register.at(index), 5)}`;
}

export function recordMisalignedBase(port: DevicePort, register: Register, queue: number, written: number): void {
  const place = placeOf(register, queue);
  port.record("violation", "ring-misaligned", place, () => {
    return `${place} was written with ${hex(written, 8)}, which is not a multiple of 128. The card ignores bits 6–0 and will take the ring to begin at ${hex(written & ~0x7f, 8)}. Align the ring to 128 bytes.`;
  });
}

export function recordOddLength(port: DevicePort, register: Register, queue: number, written: number): void {
  const place = placeOf(register, queue);
  port.record("violation", "ring-length", place, () => {
    return `${place} was written with ${hex(written, 8)} (${written >>> 0} bytes), which is not a multiple of 128 up to 0x80000. The card takes ${written & 0x000f_ff80}. A ring has a multiple of 8 descriptors.`;
  });
}

export function recordRingChangedWhileEnabled(
  port: DevicePort,
  register: Register,
  queue: number,
  written: number,
): void {
  const place = placeOf(register, queue);
  port.record("violation", "ring-changed-while-enabled", place, () => {
    return `${place} was written with ${hex(written, 8)} while queue ${queue} is enabled. The card goes on with the ring that it was enabled with. Disable the queue, wait until ENABLE reads 0, then change the ring.`;
  });
}

/** "0x1_0001_0000 (64 descriptors)". */
export function ringName(high: number, low: number, slotCount: number): string {
  return `${iovaName((high >>> 0) * 2 ** 32 + (low >>> 0))} (${slotCount} descriptors)`;
}

export function recordRingNotTaken(
  port: DevicePort,
  tail: Register,
  baseAndLength: string,
  queue: number,
  value: number,
  registers: string,
  running: string,
): void {
  const place = placeOf(tail, queue);
  port.record("violation", "ring-not-taken", place, () => {
    return `${place} was written with ${hex(value, 8)} while ${baseAndLength} of queue ${queue} say ${registers}, but the queue still runs the ring at ${running} that it was enabled with: the card has seen neither the queue disabled nor a reset in between. In mapped memory it does not see what is taken back before it looks. Disable the queue and poll until ENABLE reads 0 before changing the ring, or begin with a function-level reset.`;
  });
}

export function recordHeadWritten(
  port: DevicePort,
  register: Register,
  queue: number,
  written: number,
  head: number,
): void {
  const place = placeOf(register, queue);
  port.record("violation", "head-written-while-enabled", place, () => {
    return `${place} was written with ${hex(written, 8)} while queue ${queue} is enabled. The card owns the head, ignored the write and stays at ${head}. Write the head only while the queue is disabled.`;
  });
}

export function recordEmptyRing(port: DevicePort, length: Register, queue: number): void {
  const place = placeOf(length, queue);
  port.record("violation", "ring-empty", place, () => {
    return `Queue ${queue} was enabled while ${place} is 0x00000000. The card reports it as enabled and never fetches a descriptor. Write base and length of the ring before ENABLE.`;
  });
}

export function recordHeadBeyondRing(
  port: DevicePort,
  head: Register,
  queue: number,
  value: number,
  slotCount: number,
): void {
  const place = placeOf(head, queue);
  port.record("violation", "head-beyond-ring", place, () => {
    return `Queue ${queue} was enabled while ${place} is ${hex(value, 8)} (${value}), but the ring has ${slotCount} descriptors. The card starts at 0. Write 0 to the head before ENABLE.`;
  });
}

export function recordTailBeyondRing(
  port: DevicePort,
  tail: Register,
  queue: number,
  value: number,
  slotCount: number,
): void {
  const place = placeOf(tail, queue);
  port.record("violation", "tail-beyond-ring", place, () => {
    return `${place} was written with ${hex(value, 8)} (${value}), but the ring has ${slotCount} descriptors: 0 to ${slotCount - 1}. The head never meets this tail, so a card would run round the ring for ever; here the queue is halted until it is disabled and enabled again. Wrap the tail before the doorbell.`;
  });
}

export function recordDoorbellBeforeEnable(port: DevicePort, tail: Register, queue: number, value: number): void {
  const place = placeOf(tail, queue);
  port.record("violation", "doorbell-before-enable", place, () => {
    return `${place} was written with ${hex(value, 8)} before queue ${queue} was enabled. The card takes the tail when the queue comes up, but the data sheet (4.6.7, 4.6.8) does not promise it. Poll ENABLE until it reads 1, then ring.`;
  });
}

export function recordDoorbellOnHalted(port: DevicePort, tail: Register, queue: number, value: number): void {
  const place = placeOf(tail, queue);
  port.record("violation", "doorbell-on-halted-queue", place, () => {
    return `${place} was written with ${hex(value, 8)}, but queue ${queue} is halted by what an earlier violation says. The card fetches nothing for it, although ENABLE reads 1. Disable the queue, poll until ENABLE reads 0, and enable it again; EICR.PCI_EXCEPTION tells a driver of a failed DMA.`;
  });
}

export function recordBusMasterOff(port: DevicePort, register: Register, queue: number, written: number): void {
  const place = placeOf(register, queue);
  port.record("violation", "bus-master-off-at-doorbell", place, () => {
    return `${place} was written with ${hex(written, 8)} while Bus Master Enable (bit 2 of the command register, 0x0004) is off. The card may not fetch descriptors and waits until it is on. Enable bus mastering before the queues.`;
  });
}

export function recordDescriptorDone(port: DevicePort, tail: Register, queue: number, index: number): void {
  port.record("violation", "descriptor-handed-over-done", `receive queue ${queue}`, () => {
    return `Receive descriptor ${index} (at ${hex(index * DESCRIPTOR_BYTE_LENGTH)} of the ring) of queue ${queue} was handed over by ${placeOf(tail, queue)} with the DD bit and the length of its last write-back. The card uses it, but the driver would take it for received before it is. Write 0 to the second quadword (advanced format: header address) before the doorbell.`;
  });
}

export function recordHeaderSplit(port: DevicePort, register: Register, queue: number, type: number): void {
  const place = placeOf(register, queue);
  port.record("note", "header-split", place, () => {
    return `${place} asks for descriptor type ${type} (header split or replication), which is not modelled. Frames go whole into the packet buffer of the descriptor, as with type 1.`;
  });
}

export function recordBufferSize(port: DevicePort, register: Register, queue: number, kibibytes: number): void {
  const place = placeOf(register, queue);
  port.record("violation", "receive-buffer-size", place, () => {
    return `${place} gives queue ${queue} receive buffers of ${kibibytes} KiB (BSIZEPACKET ${hex(kibibytes, 2)}); 1 to 16 are defined. The card takes ${kibibytes === 0 ? 1 : 16}. Write BSIZEPACKET before enabling the queue.`;
  });
}

/** A rule of one transmit frame. `what` says what was wrong with it, `outcome` what the card did, `advice` what to do. */
export function recordTransmit(
  port: DevicePort,
  rule: string,
  queue: number,
  descriptorIndex: number,
  what: string,
  outcome: string,
  advice: string,
): void {
  port.record("violation", rule, `transmit queue ${queue}`, () => {
    const where = `${descriptorIndex} (at ${hex(descriptorIndex * DESCRIPTOR_BYTE_LENGTH)} of the ring)`;
    return `Transmit descriptor ${where} of queue ${queue}, handed over by ${placeOf(reg.TDT, queue)}: ${what}. The card ${outcome}. ${advice}`;
  });
}

export function recordTooManyDescriptors(port: DevicePort, queue: number, index: number, most: number): void {
  const advice = "Copy the pieces together, or set EOP earlier (7.2.3.3).";
  const what = `a frame of more than ${most} descriptors`;
  recordTransmit(port, "too-many-descriptors", queue, index, what, "stopped the queue", advice);
}

export function recordFrameLength(
  port: DevicePort,
  queue: number,
  index: number,
  byteLength: number,
  shortest: number,
  longest: number,
): void {
  const rule = byteLength < shortest ? "transmit-too-short" : "transmit-too-long";
  const what = `a frame of ${byteLength} bytes, where ${shortest} to ${longest} are allowed`;
  const advice = "Pad shorter frames in memory; split longer ones.";
  recordTransmit(port, rule, queue, index, what, "dropped it and reports it as done", advice);
}

export function recordContextInFrame(port: DevicePort, queue: number, index: number, place: number): void {
  const what = `piece ${place} of the frame that begins here is a context descriptor`;
  const advice = "Put contexts between frames (7.2.3.2.3).";
  recordTransmit(port, "context-inside-frame", queue, index, what, "passed over it", advice);
}

export function recordNotModelled(port: DevicePort, rule: string, place: string, sentence: string): void {
  port.record("note", rule, place, () => sentence);
}

/** A write during a reset is lost. */
export function recordWriteInReset(port: DevicePort, map: RegisterMap, offset: number, value: number): void {
  const place = registerPlace(map, offset);
  port.record("violation", "write-during-reset", place, () => {
    return `${place} was written with ${hex(value, 8)} while the card is in reset. The card lost the write. After CTRL.RST or LRST wait 1 ms and poll until the bit reads 0 (data sheet 8.2.3.1.1); after a function-level reset wait 100 ms (PCIe 6.6.2).`;
  });
}

/** An access that is not of 32 bits. */
export function recordWrongWidth(port: DevicePort, map: RegisterMap, offset: number, byteLength: number): void {
  const place = registerPlace(map, offset);
  port.record("violation", "wrong-width", place, () => {
    return `${byteLength}-byte read of ${place} (BAR0): the registers take 32-bit accesses only (data sheet 8.1.1). The read gave 0xffffffff. Use 4-byte accesses.`;
  });
}

/** As {@link recordWrongWidth}; an 8-byte write has a high word. */
export function recordWrongWriteWidth(
  port: DevicePort,
  map: RegisterMap,
  offset: number,
  byteLength: number,
  low: number,
  high: number,
): void {
  const place = registerPlace(map, offset);
  port.record("violation", "wrong-width", place, () => {
    const digits = hex(low >>> 0, 8).slice(-2 * Math.min(byteLength, 4));
    const value = byteLength === 8 ? `${hex(high, 8)}_${digits}` : `0x${digits}`;
    return `${byteLength}-byte write of ${value} to ${place} (BAR0): the registers take 32-bit accesses only (data sheet 8.1.1). The card ignored the write. Use 4-byte accesses.`;
  });
}
