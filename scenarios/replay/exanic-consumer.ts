/** What a replay into the ExaNIC runs on the driver's CPU: the reference driver, polled flat out, each frame copied and checked. */

import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { hasValidFcs } from "../../emulator/wire/crc32.ts";
import type { ReplayDriverResult } from "../../harness/replay/replay-report.ts";
import { type ReplayDriverArgument, ReplaySink } from "../../harness/replay/replay-sink.ts";
import { ExanicDriver, type ExanicDriverOptions } from "../drivers/exanic.ts";
import { FRAME_LAPPED } from "../drivers/exanic-reader.ts";

/** What the consumer can be asked for, as `driverOptions` of its target. */
export interface ExanicConsumerOptions {
  readonly driver?: ExanicDriverOptions;
  /** Time that the consumer takes for every batch on top: a slow strategy. */
  readonly stallNs?: number;
  /** Looks whether each frame that the driver passes for good has a right FCS, and throws when not. Default false. */
  readonly checksFcs?: boolean;
}

/** Frames after which the other threads are told how far it is. */
const BATCH = 64;
/** Longer than any frame that the wire brings. */
const FRAME_BYTES_MAX = 0x4000;
const FCS_BYTES = 4;

export default function consume(functions: readonly PciFunction[], argument: ReplayDriverArgument): ReplayDriverResult {
  const [pci] = functions;
  if (pci === undefined) throw new Error("there is no PCI function to probe");
  const { driver: driverOptions, stallNs = 0, checksFcs = false } = (argument.options ?? {}) as ExanicConsumerOptions;
  // Feeds are multicast, which a port takes; replays of other traffic are not addressed to it.
  const driver = ExanicDriver.probe(pci, { promiscuous: true, ...driverOptions });
  try {
    // Requests for what is missing are few: a view for each may be allocated.
    const sink = new ReplaySink(argument, {
      transmit: ({ bytes }, offset, byteLength) => driver.transmit(bytes.subarray(offset, offset + byteLength)),
    });
    const frame = new Uint8Array(FRAME_BYTES_MAX);
    const account = new Account(driver, sink);
    sink.ready();
    while (!sink.isOver()) {
      if (!driver.reader.isReady()) {
        account.settle();
        pci.cpu.relax();
        continue;
      }
      account.add(takeBatch(driver, frame, sink, checksFcs));
      if (stallNs > 0) pci.cpu.delay(stallNs);
    }
    return { ...sink.report(), card: { reader: { "times lapped": driver.reader.lappedCount } } };
  } finally {
    driver.close();
  }
}

/** Finds out how many frames went lost each time that the card lapped the reader: the ring does not say. */
class Account {
  readonly #driver: ExanicDriver;
  readonly #sink: ReplaySink;
  #lappedCount = 0;
  /** Frames that are accounted for: read, or given up. Modulo 2^32, as the card counts. */
  #knownCount: number;

  constructor(driver: ExanicDriver, sink: ReplaySink) {
    this.#driver = driver;
    this.#sink = sink;
    this.#knownCount = driver.writtenCount();
  }

  add(readCount: number): void {
    this.#knownCount = (this.#knownCount + readCount) | 0;
  }

  /** The ring is empty. If frames went lost since the last time, gives them up: what was written by now and not read. */
  settle(): void {
    const { reader } = this.#driver;
    if (reader.lappedCount === this.#lappedCount) return;
    const writtenCount = this.#driver.writtenCount();
    // Something came in before the count was read: it will be empty again.
    if (reader.isReady()) return;
    this.#lappedCount = reader.lappedCount;
    for (; this.#knownCount !== writtenCount; this.add(1)) this.#sink.reject();
    this.#sink.end();
  }
}

/** Hands frames to the sink until there are none, a batch at most; returns how many were read. */
function takeBatch({ reader }: ExanicDriver, frame: Uint8Array, sink: ReplaySink, checksFcs: boolean): number {
  sink.begin();
  let readCount = 0;
  for (let turn = 0; turn < BATCH; turn++) {
    const length = reader.receive(frame);
    if (length === 0) break;
    // Lapped: how many frames are gone is found out when the ring is empty.
    if (length === FRAME_LAPPED) continue;
    readCount++;
    if (checksFcs && length > 0 && !hasValidFcs(frame, 0, length))
      throw new Error(`frame ${readCount} of the batch passed for good and is damaged`);
    if (length > FCS_BYTES) sink.frame(frame, 0, length - FCS_BYTES);
    else sink.reject();
  }
  sink.end();
  return readCount;
}
