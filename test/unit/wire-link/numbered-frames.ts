import type { MemoryView } from "../../../emulator/memory/memory-view.ts";

/** Writes a frame of `byteLength` bytes (4 or more) that carries its number in every byte behind the first four. */
export function frameOf(number: number, memory: MemoryView, offset: number, byteLength: number): void {
  const { bytes } = memory;
  for (let index = 0; index < 4; index++) bytes[offset + index] = number >>> (8 * index);
  for (let index = 4; index < byteLength; index++) bytes[offset + index] = (number + index * 13) & 0xff;
}

/** The number that a frame carries, or -1 when a byte of it is wrong. */
export function numberIn(memory: MemoryView, offset: number, byteLength: number): number {
  const { bytes } = memory;
  let number = 0;
  for (let index = 3; index >= 0; index--) number = number * 256 + (bytes[offset + index] as number);
  for (let index = 4; index < byteLength; index++) {
    if (bytes[offset + index] !== ((number + index * 13) & 0xff)) return -1;
  }
  return number;
}
