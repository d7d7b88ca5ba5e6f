/** Frames each way through an ExaNIC: `softbar faults scenarios/faults/exanic-faults.ts` puts its driver through every fault. */
import assert from "node:assert/strict";
import { exanic } from "../../devices/exanic/index.ts";
import type { PciFunction } from "../../emulator/pcie/driver-view.ts";
import { FCS_BYTE_LENGTH } from "../../emulator/wire/crc32.ts";
import { type FaultModule, faultScenario } from "../../harness/faults/fault-module.ts";
import { isCleanError } from "../../harness/faults/scenario-run.ts";
import { frames } from "../../harness/frames.ts";
import type { TestWire } from "../../harness/test-wire.ts";
import { ExanicDriver } from "../drivers/exanic.ts";

const CHUNK_COUNT = 64;
/** The second one takes two chunks. */
const FRAMES = [...frames(1, { maxByteLength: 64 }), ...frames(1, { seed: 2, minByteLength: 200, maxByteLength: 230 })];
const WAIT_MS = 2;
const WAITS = 6;
const RESETS = 2;

export class Port {
  driver: ExanicDriver | undefined;
  readonly #pci: PciFunction;
  readonly #wire: TestWire;
  readonly #target = new Uint8Array(2048);

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
        for (let tries = 0; tries < 2; tries++) if (this.#exchange(this.driver as ExanicDriver)) return;
        // What an application may say that has tried it all; its checks of what it got are assertions.
        throw new Error("frames do not pass, and the card says nothing");
      } catch (error) {
        if (resets === RESETS || !isCleanError(error)) throw error;
      }
      this.close();
      this.driver = this.#probe();
    }
  }

  close(): void {
    const { driver } = this;
    this.driver = undefined;
    driver?.close();
  }

  #exchange(driver: ExanicDriver): boolean {
    const wire = this.#wire;
    wire.takeSent();
    const arrived = new Set<number>();
    for (const frame of FRAMES) {
      wire.send(frame);
      driver.transmit(frame);
    }
    for (let waits = 0; waits < WAITS; waits++) {
      driver.waitForTraffic(WAIT_MS);
      for (
        let length = driver.reader.receive(this.#target);
        length !== 0;
        length = driver.reader.receive(this.#target)
      ) {
        if (length < 0) continue;
        const got = this.#target.subarray(0, length - FCS_BYTE_LENGTH);
        const index = FRAMES.findIndex((frame) => Buffer.compare(frame, got) === 0);
        if (index >= 0) arrived.add(index);
      }
      driver.check();
      if (arrived.size === FRAMES.length && wire.sent.length >= FRAMES.length) break;
    }
    const sent = wire.takeSent();
    for (const frame of sent)
      assert.ok(
        FRAMES.some((each) => Buffer.compare(each, frame) === 0),
        "a frame left that nobody has sent",
      );
    return arrived.size === FRAMES.length && sent.length >= FRAMES.length;
  }

  #probe(): ExanicDriver {
    const options = { chunkCount: CHUNK_COUNT, promiscuous: true, interrupts: "msi", linkLimitMs: 500 } as const;
    return ExanicDriver.probe(this.#pci, options);
  }
}

const scenario: FaultModule<Port> = faultScenario({
  devices: [exanic({ chunkCount: CHUNK_COUNT })],
  setup: (bed) => new Port(bed.pci, bed.wire),
  body: (_bed, port) => port.exchangeFrames(),
  teardown: (port) => port.close(),
  excusedRules: {
    // The kernel did not get to switch MSI on, and has not told.
    "config-read-error": ["interrupt-without-msi"],
    // A port that is stuck in the middle of sending is so after a reset, too: the card has no register that says it.
    "operation-stuck": ["transmit-chunk-changed"],
  },
});

export default scenario;
