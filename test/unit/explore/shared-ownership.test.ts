/** Whose memory it is where several CPUs of a search use it: what one of them has seen, the driver has seen. */
import { expect, test } from "vitest";
import { ixgbe } from "../../../devices/ixgbe/index.ts";
import type { Cpu } from "../../../emulator/explore/cpu.ts";
import type { Places } from "../../../emulator/explore/plugged/further-cpu.ts";
import type { Actor } from "../../../emulator/explore/state.ts";
import type { DmaBuffer } from "../../../emulator/pcie/driver-view.ts";
import { explore } from "../../../harness/explore/explore.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import * as reg from "../../../scenarios/drivers/ixgbe-registers.ts";
import { BUFFER_BYTES, RING_SIZE, SmallIxgbe } from "../../corpus/small-ixgbe.ts";

const FRAME = new Uint8Array(60).fill(0xff);
const FIRST_SENT = RING_SIZE * BUFFER_BYTES;
const POLLS = 30;

interface Shared {
  readonly driver: SmallIxgbe;
  /** Word 0: CPU 0 tells CPU 1 something; word 1: the other way. */
  readonly flags: DmaBuffer;
}

function setup(bed: ExploredBed): Shared {
  return { driver: new SmallIxgbe(bed.pci).open(), flags: bed.pci.dma.alloc(64, { label: "flags" }) };
}

type Program = (cpu: Cpu, at: Places, shared: Shared) => Actor;

/** The verdict of a search in which CPU 0 has sent a frame and CPU 1 does something. */
async function searched(program: Program, body: (shared: Shared) => void, runs = 40): Promise<string> {
  refillCount = 0;
  const options = { setup, races: false, cure: false, runs, cpus: [{ name: "sender", program }] };
  const search = explore(ixgbe({ linkUpNs: 0 }), options, (_bed, shared) => {
    shared.driver.transmit(FRAME);
    body(shared);
  });
  return search.then(
    () => "silent",
    (error: Error) => error.message,
  );
}

/** Waits until the descriptor of the frame is done, and says in `seen` whether it is. */
function* awaitSent(cpu: Cpu, at: Places, { driver }: Shared, seen: { isDone: boolean }): Actor {
  for (let polls = 0; polls < POLLS && !seen.isDone; polls++) {
    seen.isDone = ((yield cpu.readAcquire32(at.memory(driver.txRing, reg.TXD_STATUS))) & reg.TXD_STA_DD) !== 0;
    if (!seen.isDone) yield cpu.relax();
  }
}

/** Waits for a word of the flags. */
function* awaitFlag(cpu: Cpu, at: Places, { flags }: Shared, seen: { isDone: boolean }): Actor {
  for (let polls = 0; polls < POLLS && !seen.isDone; polls++) {
    seen.isDone = (yield cpu.readAcquire32(at.memory(flags, 0))) === 1;
    if (!seen.isDone) yield cpu.relax();
  }
}

let refillCount = 0;

function* refill(cpu: Cpu, at: Places, { driver }: Shared): Actor {
  refillCount++;
  yield cpu.write32(at.memory(driver.buffers, FIRST_SENT), 1);
}

const sentBy0 = ({ driver, flags }: Shared): void => {
  for (let polls = 0; polls < POLLS && flags.read32(0) === 0; polls++) {
    if (driver.isSent(0)) flags.writeRelease32(0, 1);
    else driver.pci.cpu.relax();
  }
};
const told = ({ flags }: Shared): void => flags.writeRelease32(0, 1);

test("a CPU that fills a buffer which another has handed over is told, and named", async () => {
  // Told when the doorbell is on its way, and not when the frame is out.
  const message = await searched(function* (cpu, at, shared) {
    const seen = { isDone: false };
    yield* awaitFlag(cpu, at, shared, seen);
    if (seen.isDone) yield* refill(cpu, at, shared);
  }, told);
  expect(message).toMatch(/Store of 4 bytes to packet buffers\+0x4000 .* while it belongs to transmit descriptor 0/);
  expect(message).toContain("At an access of sender.");
});

test("one that has looked itself, or was told by one that has, is told nothing", async () => {
  const looks: Program = function* (cpu, at, shared) {
    const seen = { isDone: false };
    yield* awaitSent(cpu, at, shared, seen);
    if (seen.isDone) yield* refill(cpu, at, shared);
  };
  expect(await searched(looks, () => {})).toBe("silent");
  expect(refillCount).toBeGreaterThan(0);
  const hears: Program = function* (cpu, at, shared) {
    const seen = { isDone: false };
    yield* awaitFlag(cpu, at, shared, seen);
    if (seen.isDone) yield* refill(cpu, at, shared);
  };
  expect(await searched(hears, sentBy0)).toBe("silent");
  expect(refillCount).toBeGreaterThan(0);
});

test("nor is the first CPU when the other has looked for it", async () => {
  const looks: Program = function* (cpu, at, shared) {
    const seen = { isDone: false };
    yield* awaitSent(cpu, at, shared, seen);
    if (seen.isDone) yield cpu.writeRelease32(at.memory(shared.flags, 4), 1);
  };
  let refilled = 0;
  const message = await searched(looks, ({ driver, flags }) => {
    for (let polls = 0; polls < POLLS; polls++) {
      if (flags.readAcquire32(4) === 1) {
        driver.buffers.write32(FIRST_SENT, 1);
        refilled++;
        return;
      }
      driver.pci.cpu.relax();
    }
  });
  expect(message).toBe("silent");
  expect(refilled).toBeGreaterThan(0);
});

test("a register that shows the head is a look, whichever CPU reads it; a descriptor that another has written is written", async () => {
  const readsHead: Program = function* (cpu, at, shared) {
    const seen = { isDone: false };
    for (let polls = 0; polls < POLLS && !seen.isDone; polls++) {
      seen.isDone = (yield cpu.mmioRead32(at.register(shared.driver.pci, 0, 0x06010))) === 1;
      if (!seen.isDone) yield cpu.relax();
    }
    if (seen.isDone) yield* refill(cpu, at, shared);
  };
  expect(await searched(readsHead, () => {})).toBe("silent");
  expect(refillCount).toBeGreaterThan(0);
  // The descriptor of the second frame is the other CPU's work, its doorbell this one's.
  const writes: Program = function* (cpu, at, { driver, flags }) {
    const slot = reg.DESCRIPTOR_BYTES;
    const iova = driver.buffers.iova + FIRST_SENT + BUFFER_BYTES;
    yield cpu.write32(at.memory(driver.txRing, slot + reg.TXD_ADDRESS_LOW), iova % 2 ** 32);
    yield cpu.write32(at.memory(driver.txRing, slot + reg.TXD_ADDRESS_HIGH), Math.floor(iova / 2 ** 32));
    yield cpu.write32(at.memory(driver.txRing, slot + reg.TXD_COMMAND), driver.command() | 60);
    yield cpu.write32(at.memory(driver.txRing, slot + reg.TXD_STATUS), 60 << reg.TXD_PAYLEN_SHIFT);
    yield cpu.writeRelease32(at.memory(flags, 4), 1);
  };
  const rings = (isWaiting: boolean) => (shared: Shared) => {
    const { driver, flags } = shared;
    for (let polls = 0; polls < POLLS && isWaiting && flags.readAcquire32(4) === 0; polls++) driver.pci.cpu.relax();
    if (!isWaiting || flags.readAcquire32(4) === 1) driver.ring(2);
  };
  expect(await searched(writes, rings(true))).toBe("silent");
  expect(await searched(writes, rings(false))).toContain("hands over transmit descriptor 1 of transmit queue 0");
});
