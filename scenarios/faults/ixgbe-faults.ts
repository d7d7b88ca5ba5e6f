/**
 * Three frames each way, and what an application does when something goes wrong: it asks the driver, sends again, and as the
 * last resort resets the card. `softbar faults scenarios/faults/ixgbe-faults.ts` puts the reference driver through every fault.
 */
import assert from "node:assert/strict";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { type FaultModule, faultScenario } from "../../harness/faults/fault-module.ts";
import { isCleanError } from "../../harness/faults/scenario-run.ts";
import { frames } from "../../harness/frames.ts";
import type { TestWire } from "../../harness/test-wire.ts";
import { IxgbeDriver } from "../drivers/ixgbe.ts";

const FRAMES = frames(3, { seed: 12, minByteLength: 60, maxByteLength: 64 });
/** How long frames are waited for, in waits of a few milliseconds; longer than the watchdog takes to notice what has stopped. */
const WAIT_MS = 5;
const WAITS = 16;
const TRIES = 2;
const RESETS = 2;

export class Station {
  driver: IxgbeDriver | undefined;
  readonly #pci: PciFunction;
  readonly #wire: TestWire;

  /** Throws what the driver's probe throws. */
  constructor(pci: PciFunction, wire: TestWire) {
    this.#pci = pci;
    this.#wire = wire;
    this.driver = this.#probe();
  }

  /** Returns when frames have passed in both directions; throws what the driver has to say when they do not after two resets. */
  exchangeFrames(): void {
    for (let resets = 0; ; resets++) {
      try {
        for (let tries = 0; tries < TRIES; tries++) if (this.#exchange(this.#opened())) return;
        // What an application may say that has tried it all; its checks of what it got are assertions.
        throw new Error("frames do not pass, and the card says nothing");
      } catch (error) {
        if (resets === RESETS || !isCleanError(error)) throw error;
      }
      this.close();
      this.driver = this.#probe();
    }
  }

  /** Buffers that are lost, in words. */
  account(): string | undefined {
    const lentCount = this.driver?.lentCount ?? 0;
    return lentCount === 0 ? undefined : `${lentCount} packet buffers are neither in the pool nor in a ring`;
  }

  /** The driver gives its memory back also when the card does not do as it is told: then it has nothing else to say. */
  close(): void {
    const { driver } = this;
    this.driver = undefined;
    try {
      driver?.close();
    } catch (error) {
      if (!isCleanError(error)) throw error;
    }
  }

  #exchange(driver: IxgbeDriver): boolean {
    const wire = this.#wire;
    wire.takeSent();
    const arrived = new Set<number>();
    for (const frame of FRAMES) {
      wire.send(frame);
      driver.transmit(frame);
    }
    const sent: Uint8Array[] = [];
    for (let waits = 0; waits < WAITS; waits++) {
      driver.waitForTraffic(WAIT_MS);
      for (let got = driver.receive(); got !== undefined; got = driver.receive()) {
        // What arrives damaged is no frame that anybody misses: checksums are there for that.
        const index = FRAMES.findIndex((frame) => Buffer.compare(frame, got as Uint8Array) === 0);
        if (index >= 0) arrived.add(index);
      }
      driver.linkChanged();
      driver.check();
      sent.push(...wire.takeSent());
      if (arrived.size === FRAMES.length && sent.length >= FRAMES.length) break;
    }
    driver.statistics();
    for (const frame of sent)
      assert.ok(
        FRAMES.some((each) => Buffer.compare(each, frame) === 0),
        "a frame left that nobody has sent",
      );
    return arrived.size === FRAMES.length && sent.length >= FRAMES.length;
  }

  #opened(): IxgbeDriver {
    return this.driver as IxgbeDriver;
  }

  #probe(): IxgbeDriver {
    const options = { ringSize: 8, bufferCount: 24, promiscuous: true, interrupts: "msix", linkLimitMs: 500 } as const;
    return IxgbeDriver.probe(this.#pci, options);
  }
}

const scenario: FaultModule<Station> = faultScenario({
  devices: [ixgbe()],
  setup: (bed) => new Station(bed.pci, bed.wire),
  body: (_bed, station) => station.exchangeFrames(),
  account: (station) => station.account(),
  teardown: (station) => station.close(),
  // A queue that a refused read has halted says so in EICR, which nobody reads before the next doorbell.
  excusedRules: { "dma-read-error": ["doorbell-on-halted-queue"] },
});

export default scenario;
