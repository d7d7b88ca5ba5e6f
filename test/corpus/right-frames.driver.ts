/** The reference driver's frames, as many as asked for, in batches; it is closed at the end. */
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import { PacketBatch } from "../../scenarios/drivers/packet-pool.ts";

const BATCH = 32;
const FRAME_BYTES = 60;
/** Nothing happens for so many looks: the card is stuck, and nobody waits for ever. */
const VAIN_LOOKS = 200_000_000;

export interface FramesJob {
  readonly direction: "transmit" | "receive";
  readonly frameCount: number;
  /** Shared word 0: how many frames the wire may bring. */
  readonly quota: SharedArrayBuffer;
}

export default function moveFrames([pci]: readonly PciFunction[], argument: unknown): void {
  if (pci === undefined) throw new Error("no device");
  const { direction, frameCount, quota } = argument as FramesJob;
  const driver = IxgbeDriver.probe(pci, { promiscuous: true });
  if (direction === "receive") Atomics.add(new Int32Array(quota), 0, frameCount);
  const batch = new PacketBatch(BATCH);
  const step = direction === "receive" ? receive : transmit;
  for (let done = 0, vain = 0; done < frameCount; ) {
    const moved = step(driver, batch, frameCount - done);
    vain = moved === 0 ? vain + 1 : 0;
    if (vain > VAIN_LOOKS) throw new Error(`${frameCount - done} frames never moved`);
    done += moved;
  }
  driver.close();
}

function receive(driver: IxgbeDriver, batch: PacketBatch): number {
  const taken = driver.rxBatch(0, batch);
  driver.release(batch, taken);
  return taken;
}

function transmit(driver: IxgbeDriver, batch: PacketBatch, left: number): number {
  const { pool } = driver;
  const wanted = Math.min(BATCH, left);
  let count = 0;
  for (; count < wanted; count++) {
    const buffer = pool.take();
    if (buffer < 0) break;
    pool.memory.write32(buffer * pool.bufferBytes, -1);
    batch.set(count, buffer, FRAME_BYTES);
  }
  const taken = driver.txBatch(0, batch, count);
  for (let entry = taken; entry < count; entry++) pool.release(batch.bufferIndex[entry] as number);
  return taken;
}
