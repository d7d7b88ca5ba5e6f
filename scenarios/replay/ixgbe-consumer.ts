/**
 * What a replay runs on the driver's CPU: the reference driver of the 82599, polled flat out as a trading system does, or
 * woken by its interrupt. Every frame is looked at where the card put it.
 */

import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import type { ReplayDriverResult } from "../../harness/replay/replay-report.ts";
import { type ReplayDriverArgument, ReplaySink } from "../../harness/replay/replay-sink.ts";
import { IxgbeDriver } from "../drivers/ixgbe.ts";
import type { IxgbeOptions } from "../drivers/ixgbe-options.ts";
import { END_OF_PACKET, PacketBatch } from "../drivers/packet-pool.ts";
import { DriverPort } from "../recovery/driver-port.ts";

/** What the consumer can be asked for, as `driverOptions` of its target. */
export interface IxgbeConsumerOptions {
  readonly driver?: IxgbeOptions;
  /** Time that the consumer takes for every batch on top: a slow strategy. */
  readonly stallNs?: number;
}

/** The largest ring of the card: a consumer that the operating system puts aside for a moment loses nothing. */
const RING_SIZE = 4096;
/** With jumbo buffers so many would not fit into memory. */
const JUMBO_RING_SIZE = 1024;
/** Buffers beyond those in the ring: what a batch holds, with room to spare. */
const SPARE_BUFFER_COUNT = 256;
/** Frames in one go: what comes in while a batch is worked on waits in the ring, not in here. */
const BATCH_CAPACITY = 64;
/** With interrupts: how long to sleep at most before looking whether the replay is over. */
const WAIT_LIMIT_MS = 5;

export default function consume(functions: readonly PciFunction[], argument: ReplayDriverArgument): ReplayDriverResult {
  const [pci] = functions;
  if (pci === undefined) throw new Error("there is no PCI function to probe");
  const { driver: driverOptions, stallNs = 0 } = (argument.options ?? {}) as IxgbeConsumerOptions;
  const driver = IxgbeDriver.probe(pci, setUp(driverOptions));
  try {
    const sink = new ReplaySink(argument, new DriverPort(driver));
    const batch = new PacketBatch(BATCH_CAPACITY);
    const waits = driver.options.interrupts === "msix";
    sink.ready();
    while (!sink.isOver()) {
      const count = driver.rxBatch(0, batch);
      if (count === 0) {
        if (waits) driver.waitForTraffic(WAIT_LIMIT_MS);
        else pci.cpu.relax();
        continue;
      }
      takeBatch(driver, batch, count, sink);
      if (stallNs > 0) pci.cpu.delay(stallNs);
    }
    return { ...sink.report(), registers: readCounters(driver) };
  } finally {
    driver.close();
  }
}

/** Fills in what a feed needs. */
function setUp(options: IxgbeOptions = {}): IxgbeOptions {
  const ringSize = options.ringSize ?? ((options.bufferBytes ?? 0) > 4096 ? JUMBO_RING_SIZE : RING_SIZE);
  // Feeds are multicast: the card must take what is not addressed to it. Requests are few, so the pool is the ring's alone.
  return { promiscuous: true, bufferCount: ringSize + SPARE_BUFFER_COUNT, ...options, ringSize };
}

/** Hands whole frames to the sink and their buffers back to the driver. */
function takeBatch(driver: IxgbeDriver, batch: PacketBatch, count: number, sink: ReplaySink): void {
  const { pool } = driver;
  const { bytes } = pool.memory;
  sink.begin();
  for (let entry = 0; entry < count; entry++) {
    const isWhole = ((batch.status[entry] as number) & END_OF_PACKET) !== 0;
    // With buffers for the largest frame every frame is one entry; parts of a longer one cannot be read in place.
    if (isWhole)
      sink.frame(bytes, (batch.bufferIndex[entry] as number) * pool.bufferBytes, batch.byteLength[entry] as number);
    else entry = rejectRest(batch, entry, count, sink);
  }
  driver.release(batch, count);
  sink.end();
}

/** Counts a frame of several buffers as rejected; returns its last entry. */
function rejectRest(batch: PacketBatch, first: number, count: number, sink: ReplaySink): number {
  sink.reject();
  return batch.endOfFrame(first, count) - 1;
}

/** The counters under the names of the data sheet. */
function readCounters(driver: IxgbeDriver): Readonly<Record<string, number>> {
  const statistics = driver.statistics();
  return {
    RXMPC: statistics.rxMissed,
    QPRDC: statistics.rxNoDescriptor,
    CRCERRS: statistics.crcErrors,
    RUC: statistics.undersized,
    ROC: statistics.oversized,
  };
}
