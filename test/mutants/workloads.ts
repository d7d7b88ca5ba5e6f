/** What the mutants are put through: the real drivers against the real devices, small enough to be searched. */
import { edu } from "../../devices/edu/index.ts";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import type { LoadedDevice } from "../../emulator/run/machine.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import type { ExploredBed } from "../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import { frames } from "../../harness/frames.ts";
import type { EduDriver as Edu } from "../../scenarios/drivers/edu.ts";
import type { FeedHandlerDriver as FeedHandler } from "../../scenarios/drivers/feed-handler.ts";
import type { IxgbeDriver as Ixgbe } from "../../scenarios/drivers/ixgbe.ts";
import { PacketBatch } from "../../scenarios/drivers/packet-pool.ts";
import { FEED_WORKLOADS, type FeedWorkload, feedSession } from "./feed-handler-workloads.ts";

export type WorkloadName =
  | "receive"
  | "transmit"
  | "burst"
  | "interrupts"
  | "close"
  | "edu-poll"
  | "edu-msi"
  | "edu-intx"
  | FeedWorkload;

/** The exports of scenarios/drivers/ixgbe.ts, edu.ts and feed-handler.ts, whole or mutated. */
export interface Drivers {
  readonly IxgbeDriver: typeof Ixgbe;
  readonly EduDriver: typeof Edu;
  readonly FeedHandlerDriver: typeof FeedHandler;
}

export const WORKLOADS: readonly WorkloadName[] = [
  "receive",
  "transmit",
  "burst",
  "interrupts",
  "close",
  "edu-poll",
  "edu-msi",
  "edu-intx",
  ...FEED_WORKLOADS,
];

const EDU_WAITS: Partial<Record<WorkloadName, "poll" | "msi" | "intx">> = {
  "edu-poll": "poll",
  "edu-msi": "msi",
  "edu-intx": "intx",
};
const RING_SIZE = 8;
const SMALL = { ringSize: RING_SIZE, promiscuous: true, linkLimitMs: 1000 } as const;
/** Longer than a lap of the ring. */
const LAP_FRAMES = frames(RING_SIZE + 2, { seed: 11, minByteLength: 60, maxByteLength: 64 });
const FEW_FRAMES = frames(3, { seed: 12, minByteLength: 60, maxByteLength: 64 });
const WAIT_MS = 100;

/** A session that searches one workload with the given drivers. */
export async function sessionFor(workload: WorkloadName, drivers: Drivers): Promise<PluggedSession> {
  const waitBy = EDU_WAITS[workload];
  if (isFeedWorkload(workload)) return feedSession(workload, drivers.FeedHandlerDriver);
  if (waitBy !== undefined) return eduSession(await loadDevice(edu()), drivers, waitBy);
  return ixgbeSession(await loadDevice(ixgbe({ linkUpNs: 0 })), drivers, workload);
}

function isFeedWorkload(workload: WorkloadName): workload is FeedWorkload {
  return FEED_WORKLOADS.some((each) => each === workload);
}

function ixgbeSession(device: LoadedDevice, { IxgbeDriver }: Drivers, workload: WorkloadName): PluggedSession {
  const bufferCount = workload === "transmit" ? RING_SIZE + 4 : 3 * RING_SIZE;
  const interrupts = workload === "interrupts" ? "msix" : "none";
  const bodies: Partial<Record<WorkloadName, (bed: ExploredBed, driver: Ixgbe) => void>> = {
    receive: (bed, driver) => {
      for (const frame of LAP_FRAMES) bed.wire.send(frame);
      receive(bed, driver, LAP_FRAMES);
    },
    transmit: (bed, driver) => {
      for (const frame of LAP_FRAMES) while (!driver.transmit(frame)) bed.pci.cpu.relax();
      bed.quiesce();
      expectFrames("sent", bed.wire.sent, LAP_FRAMES);
    },
    burst: (bed, driver) => {
      burst(driver, LAP_FRAMES.slice(0, RING_SIZE));
      bed.quiesce();
      expectFrames("sent", bed.wire.sent, LAP_FRAMES.slice(0, bed.wire.sent.length));
      if (bed.wire.sent.length < RING_SIZE - 1) throw new Error(`${bed.wire.sent.length} of a full ring were sent`);
    },
    interrupts: (bed, driver) => {
      for (const frame of FEW_FRAMES) bed.wire.send(frame);
      for (const frame of FEW_FRAMES) {
        const before = bed.pci.cpu.nowNs();
        let got = driver.receive();
        if (got === undefined) {
          if (!driver.waitForTraffic(WAIT_MS)) throw new Error("waited in vain");
          got = driver.receive();
        }
        if (bed.pci.cpu.nowNs() - before > (WAIT_MS * 1e6) / 2) throw new Error("the interrupt was lost");
        expectFrames("received", got === undefined ? [] : [got], [frame]);
      }
    },
    close: (bed, driver) => {
      for (const frame of FEW_FRAMES) bed.wire.send(frame);
      for (const frame of FEW_FRAMES) driver.transmit(frame);
      driver.close();
      bed.quiesce();
      if (bed.pci.dma.mappingCount !== 0) throw new Error("close has left mappings");
    },
  };
  const body = bodies[workload];
  if (body === undefined) throw new Error(`no workload ${workload} for the 82599`);
  return new PluggedSession<Ixgbe>([device], {
    setup: (bed) => IxgbeDriver.probe(bed.pci, { ...SMALL, bufferCount, interrupts }),
    body,
  }) as PluggedSession;
}

function receive(bed: ExploredBed, driver: Ixgbe, expected: readonly Uint8Array[]): void {
  const batch = new PacketBatch(4);
  const { pool } = driver;
  for (let count = 0; count < expected.length; ) {
    const taken = driver.rxBatch(0, batch);
    for (let entry = 0; entry < taken; entry++, count++) {
      const got = new Uint8Array(batch.byteLength[entry] as number);
      pool.memory.copyTo((batch.bufferIndex[entry] as number) * pool.bufferBytes, got, 0, got.length);
      expectFrames("received", [got], expected.slice(count, count + 1));
    }
    driver.release(batch, taken);
    if (taken === 0) bed.pci.cpu.relax();
  }
}

/** A ring's worth in one call: as many as the driver takes. */
function burst(driver: Ixgbe, list: readonly Uint8Array[]): void {
  const batch = new PacketBatch(list.length);
  const { pool } = driver;
  for (const [index, frame] of list.entries()) {
    const buffer = pool.take();
    pool.memory.copyFrom(buffer * pool.bufferBytes, frame, 0, frame.length);
    batch.set(index, buffer, frame.length);
  }
  driver.txBatch(0, batch, list.length);
}

function eduSession(device: LoadedDevice, { EduDriver }: Drivers, waitBy: "poll" | "msi" | "intx"): PluggedSession {
  const there = frames(1, { seed: 3, minByteLength: 24, maxByteLength: 24 })[0] ?? new Uint8Array(24);
  return new PluggedSession<Edu>([device], {
    setup: (bed) => new EduDriver(bed.pci, waitBy),
    body: (bed, driver) => {
      if (!driver.isAlive(0x1234_5678)) throw new Error("the liveness register gave something else back");
      for (const [n, result] of [
        [5, 120],
        [6, 720],
      ] as const)
        if (driver.factorial(n) !== result) throw new Error(`${n}! was wrong`);
      driver.copyToCard(there, 8);
      const back = new Uint8Array(there.length);
      driver.copyFromCard(back, 8);
      expectFrames("copied", [back], [there]);
      // A second round in the same buffer: what the first left behind must not pass for the answer.
      const other = there.map((byte) => byte ^ 0xff);
      driver.copyToCard(other, 8);
      driver.copyFromCard(back, 8);
      expectFrames("copied again", [back], [other]);
      driver.close();
      bed.quiesce();
    },
  }) as PluggedSession;
}

function expectFrames(what: string, got: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  if (got.length !== expected.length) throw new Error(`${got.length} frames were ${what}, not ${expected.length}`);
  for (const [index, frame] of expected.entries()) {
    const other = got[index] as Uint8Array;
    if (other.length !== frame.length) throw new Error(`${what}: ${other.length} bytes, not ${frame.length}`);
    for (let at = 0; at < frame.length; at++)
      if (other[at] !== frame[at]) throw new Error(`${what}: frame ${index} differs at byte ${at}`);
  }
}
