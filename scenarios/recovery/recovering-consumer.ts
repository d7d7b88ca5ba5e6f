/**
 * What a feed handler runs on the driver's CPU: it takes frames where the card put them, hands their messages on in order,
 * and asks for what is missing through the same card.
 */

import type { Clock } from "../../emulator/clock/clock.ts";
import type { Cpu } from "../../emulator/pcie/driver-view.ts";
import type { MessageSink } from "../../emulator/wire/recovery/gap-recovery.ts";
import { type MoldClientOptions, MoldRecoveryClient } from "../../emulator/wire/recovery/mold-client.ts";
import type { IxgbeDriver } from "../drivers/ixgbe.ts";
import { PacketBatch } from "../drivers/packet-pool.ts";
import { DriverPort } from "./driver-port.ts";

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

export class RecoveringConsumer {
  readonly client: MoldRecoveryClient;
  readonly #driver: IxgbeDriver;
  readonly #inbox = new PacketBatch(64);

  /** The driver must take multicast frames of the lines, and those for the address that the requests come from. */
  constructor(driver: IxgbeDriver, clock: Clock, sink: MessageSink, options: MoldClientOptions) {
    this.#driver = driver;
    this.client = new MoldRecoveryClient(clock, sink, new DriverPort(driver), options);
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
}
