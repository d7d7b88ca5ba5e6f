/** What the driver of the 82599 has beside its lesson: who the card is, jumbo frames, RSS, and what it says when it refuses. */

import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { RegisterAccess } from "./ixgbe-access.ts";
import type { Ring } from "./ixgbe-base.ts";
import { type IxgbeOptions, STANDARD_FRAME_BYTES } from "./ixgbe-options.ts";
import * as reg from "./ixgbe-registers.ts";
import { END_OF_PACKET, type PacketBatch } from "./packet-pool.ts";

const VENDOR_INTEL = 0x8086;
const CLASS_ETHERNET = 0x02_0000;
const VLAN_TAG_BYTES = 4;

/** The key of Microsoft's RSS specification, so that hashes can be compared with its tables. Bytes in little-endian words. */
const RSS_KEY = [
  0xda565a6d, 0xc20e5b25, 0x3d256741, 0xb08fa343, 0xcb2bcad0, 0xb4307bae, 0xa32dcb77, 0x0cf23080, 0x3bb7426a,
  0xfa01acbe,
];

/** Throws Error when the function is no network card of Intel's. */
export function checkIdentity(pci: PciFunction): void {
  const [vendor, classCode] = [pci.config.read16(0x0000), pci.config.read32(0x0008) >>> 8];
  if (vendor === VENDOR_INTEL && classCode === CLASS_ETHERNET) return;
  throw new Error(`${pci.name}: vendor 0x${vendor.toString(16)}, class 0x${classCode.toString(16)} is no Intel NIC`);
}

/** "00:1b:21:…", which the card has read from its EEPROM. Throws Error for what is no station's: the EEPROM is empty or broken. */
export function readMacAddress(registers: RegisterAccess): string {
  const [low, high] = [registers.read(reg.RAL(0)), registers.read(reg.RAH(0))];
  const bytes = [low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8];
  if ((low & 1) !== 0 || (low | (high & 0xffff)) === 0)
    throw new Error(`ixgbe: the EEPROM gives the station address ${bytes.map((byte) => byte & 0xff)}, which is none`);
  return bytes.map((byte) => (byte & 0xff).toString(16).padStart(2, "0")).join(":");
}

/** 8.2.3.22.13: MFS counts the FCS but no VLAN tag, and means nothing until jumbo frames are enabled. */
export function initJumbo(registers: RegisterAccess, { maxFrameBytes }: Required<IxgbeOptions>): void {
  if (maxFrameBytes === STANDARD_FRAME_BYTES) return;
  registers.bar.write32(reg.MAXFRS, (maxFrameBytes + 4) << reg.MAXFRS_MFS_SHIFT);
  registers.set(reg.HLREG0, reg.HLREG0_JUMBOEN);
}

/** 7.1.2.8: seven bits of a flow's hash pick an entry of the table, which names the queue. */
export function initRss(registers: RegisterAccess, { rxQueueCount }: Required<IxgbeOptions>): void {
  if (rxQueueCount === 1) return;
  const { bar } = registers;
  for (const [index, word] of RSS_KEY.entries()) bar.write32(reg.RSSRK(index), word);
  for (let index = 0; index < reg.RETA_COUNT; index++) {
    let entries = 0;
    for (let byte = 0; byte < 4; byte++) entries |= ((4 * index + byte) % rxQueueCount) << (8 * byte);
    bar.write32(reg.RETA(index), entries);
  }
  // The descriptor has room for the hash or for a fragment's checksum.
  registers.set(reg.RXCSUM, reg.RXCSUM_PCSD);
  bar.write32(reg.MRQC, reg.MRQC_MRQE_RSS | reg.MRQC_RSS_FIELDS);
}

/** 8.2.3.5: vector n is receive queue n's, and the one behind them the link's. */
export function initVectors(registers: RegisterAccess, options: Required<IxgbeOptions>): void {
  const { rxQueueCount, interruptIntervalUs } = options;
  const { bar } = registers;
  registers.set(reg.GPIE, reg.GPIE_MULTIPLE_MSIX | reg.GPIE_PBA_SUPPORT);
  // Written whole, for two queues at a time: the vectors have no reset value (8.2.3.5.16).
  for (let even = 0; even < rxQueueCount; even += 2) {
    const odd = even + 1 < rxQueueCount ? (even + 1) | reg.IVAR_INT_ALLOC_VAL : 0;
    bar.write32(reg.IVAR(even / 2), even | reg.IVAR_INT_ALLOC_VAL | (odd << 16));
  }
  bar.write32(reg.IVAR_MISC, (rxQueueCount | reg.IVAR_INT_ALLOC_VAL) << reg.IVAR_MISC_OTHER_SHIFT);
  const throttle = (interruptIntervalUs >> 1) << reg.EITR_ITR_INTERVAL_SHIFT;
  for (let vector = 0; vector < rxQueueCount; vector++) bar.write32(reg.EITR(vector), throttle);
}

/**
 * How many entries at the head of the batch are whole frames for which there are `free` descriptors in the queue's ring.
 * Throws RangeError for a frame that is too short, too long or has no end.
 */
export function fittingEntries(queue: Ring, batch: PacketBatch, count: number, free: number): number {
  const frameBytesMax = queue.options.maxFrameBytes + VLAN_TAG_BYTES;
  let fitting = 0;
  let frameBytes = 0;
  for (let entry = 0; entry < count && entry < free; entry++) {
    frameBytes += batch.byteLength[entry] as number;
    if (((batch.status[entry] as number) & END_OF_PACKET) === 0) continue;
    if (frameBytes < reg.TX_FRAME_BYTES_MIN || frameBytes > frameBytesMax) {
      throw new RangeError(
        `tx queue ${queue.index}: the frame that ends in entry ${entry} has ${frameBytes} bytes; want ${reg.TX_FRAME_BYTES_MIN} to ${frameBytesMax} (maxFrameBytes and a VLAN tag)`,
      );
    }
    fitting = entry + 1;
    frameBytes = 0;
  }
  if (fitting === 0 && count > 0 && (count <= free || free === queue.size - 1)) {
    throw new RangeError(
      `tx queue ${queue.index}: no frame ends in ${count} entries for a ring of ${queue.size}: does its last entry have END_OF_PACKET?`,
    );
  }
  return fitting;
}

/** The card wrote a length that cannot be. */
export function brokenLength({ index, pool }: Ring, slot: number, byteLength: number): Error {
  return new Error(
    `rx queue ${index}: the card says that descriptor ${slot} holds ${byteLength} bytes, but its buffer has ${pool.bufferBytes}. The write-back is broken: close the driver and probe again`,
  );
}

/** The card wrote descriptor after descriptor without the end of a frame. */
export function endlessFrame(queueIndex: number, slot: number, bufferCount: number): Error {
  return new Error(
    `rx queue ${queueIndex}: a frame in ${bufferCount} buffers has no end at descriptor ${slot}, and is longer than any that the card may take. The write-backs are broken: close the driver and probe again`,
  );
}

/** The caller's batch is too small for the next frame. */
export function longFrame(queueIndex: number, wanted: number): RangeError {
  return new RangeError(
    `rx queue ${queueIndex}: the next frame lies in more than ${wanted} buffers: pass a batch and limit with room for a whole frame`,
  );
}

/** The queue of that number. Throws RangeError when there is none. */
export function queueAt<Queue>(queues: readonly Queue[], index: number): Queue {
  const queue = queues[index];
  if (queue === undefined) throw new RangeError(`ixgbe: there is no queue ${index} among ${queues.length}`);
  return queue;
}
