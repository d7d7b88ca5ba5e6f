import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { FramePort } from "../../emulator/wire/recovery/mold-client.ts";
import type { IxgbeDriver } from "../drivers/ixgbe.ts";
import { PacketBatch } from "../drivers/packet-pool.ts";

/** A way out through a driver's first transmit queue, for the few frames that a feed handler sends. */
export class DriverPort implements FramePort {
  readonly #driver: IxgbeDriver;
  readonly #outbox = new PacketBatch(1);

  constructor(driver: IxgbeDriver) {
    this.#driver = driver;
  }

  /** Copies the frame into a packet buffer and rings the doorbell. */
  transmit(memory: MemoryView, offset: number, byteLength: number): boolean {
    const driver = this.#driver;
    const { pool } = driver;
    // Nothing is sent, but what was sent before comes back to the pool.
    driver.txBatch(0, this.#outbox, 0);
    const buffer = pool.take();
    if (buffer < 0) return false;
    pool.memory.copyFrom(buffer * pool.bufferBytes, memory.bytes, offset, byteLength);
    this.#outbox.set(0, buffer, byteLength);
    if (driver.txBatch(0, this.#outbox, 1) === 1) return true;
    pool.release(buffer);
    return false;
  }
}
