/**
 * What a feed handler runs on the driver's CPU: it takes frames where the card put them, hands their messages on in order,
 * and asks for what is missing through the same card.
 */

import type { Clock } from "../../emulator/clock/clock.ts";
import type { MemoryView } from "../../emulator/memory/memory-view.ts";
import type { Cpu } from "../../emulator/pcie/driver-view.ts";
import type { MessageSink } from "../../emulator/wire/recovery/gap-recovery.ts";
import {
  type FramePort,
  type MoldClientOptions,
  MoldRecoveryClient,
} from "../../emulator/wire/recovery/mold-client.ts";
import type { IxgbeDriver } from "../drivers/ixgbe.ts";
import { PacketBatch } from "../drivers/packet-pool.ts";

/** The time of the testbed, as a CPU of it has it. */
export class CpuClock implements Clock {
  readonly now: Float64Array = new Float64Array(1);
  readonly kind = "virtual";
  readonly #cpu: Cpu;

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
    this.refresh();
  }

  refresh(): void {
    this.now[0] = this.#cpu.nowNs();
  }
}

export class RecoveringConsumer implements FramePort {
  readonly client: MoldRecoveryClient;
  readonly #driver: IxgbeDriver;
  readonly #inbox = new PacketBatch(64);
  readonly #outbox = new PacketBatch(1);

  /** The driver must take multicast frames of the lines, and those for the address that the requests come from. */
  constructor(driver: IxgbeDriver, clock: Clock, sink: MessageSink, options: MoldClientOptions) {
    this.#driver = driver;
    this.client = new MoldRecoveryClient(clock, sink, this, options);
  }

  /** One turn: what has arrived, then what is to be asked for. Returns how many frames there were. */
  poll(): number {
    const driver = this.#driver;
    const { pool } = driver;
    const count = driver.rxBatch(0, this.#inbox);
    for (let entry = 0; entry < count; entry++) {
      const offset = (this.#inbox.bufferIndex[entry] as number) * pool.bufferBytes;
      this.client.receive(pool.memory.bytes, offset, this.#inbox.byteLength[entry] as number);
    }
    if (count > 0) driver.release(this.#inbox, count);
    this.client.pump();
    return count;
  }

  /** The client's way out: copies the frame into a packet buffer and rings the doorbell. */
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
