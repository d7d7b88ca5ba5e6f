import { expect, test, vi } from "vitest";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { DeviceGoneError } from "../../emulator/run/testbed-error.ts";
import { frames } from "../../harness/frames.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { Testbed } from "../../harness/testbed.ts";
import type { ThreadedTestbed } from "../../harness/threaded-testbed.ts";
import { MappedIxgbeDriver } from "../../scenarios/drivers/ixgbe-mapped.ts";
import type { PublishedReport } from "./fixtures/published-ixgbe.driver.ts";

vi.spyOn(console, "warn").mockImplementation(() => {});

/** More than the rings of 512 hold, several times. */
const FRAME_COUNT = 2000;
/** On their way at the same time: fewer than a ring, so that a card that drops without descriptors drops none. */
const WINDOW = 96;
const SILENCE_LIMIT_MS = 8_000;

const sleepMs = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs));
const driver = (name: string): string => new URL(`./fixtures/${name}.driver.ts`, import.meta.url).href;

/** A driver that sends back what comes, on a CPU of its own. */
class Echo<Report> {
  readonly result: Promise<Report>;
  readonly #bed: Testbed;
  readonly #ready = new Int32Array(new SharedArrayBuffer(4));
  #failure: unknown;

  constructor(bed: Testbed, name: string, count: number) {
    this.#bed = bed;
    this.result = bed.cpu(1).run<Report>(driver(name), { count, ready: this.#ready.buffer });
    this.result.catch((error: unknown) => (this.#failure = error));
  }

  /** Waits until a driver has come up for the `times`-th time. */
  async up(times: number): Promise<void> {
    await this.#until(
      () => Atomics.load(this.#ready, 0) === times,
      () => "the driver does not come up",
    );
  }

  /** Sends frames into the card, a window of them at a time, until each has come back; returns what came. */
  async exchange(traffic: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const { wire } = this.#bed;
    const back: Uint8Array[] = [];
    let sent = 0;
    while (back.length < traffic.length) {
      while (sent < traffic.length && sent - back.length < WINDOW) wire.send(traffic[sent++] as Uint8Array);
      const before = back.length;
      await this.#until(
        () => back.push(...wire.takeSent()) > before,
        () => `${back.length} of ${sent} frames came back, then none`,
      );
    }
    return back;
  }

  async #until(isSo: () => boolean, what: () => string): Promise<void> {
    for (const endMs = performance.now() + SILENCE_LIMIT_MS; !isSo(); await sleepMs(1)) {
      if (this.#failure !== undefined) throw this.#failure;
      if (performance.now() < endMs) continue;
      expect.fail(`${what()}: ${JSON.stringify((await this.#bed.statistics())[0]?.counters)}`);
    }
  }
}

test("the mapped driver sends and receives, round its rings, and again with memory allocated after the card ran", async () => {
  await using bed = await plugIn(ixgbe());
  const echo = new Echo<number>(bed, "mapped-echo", FRAME_COUNT);
  for (const seed of [1, 2]) {
    const traffic = frames(FRAME_COUNT, { seed, minByteLength: 60, maxByteLength: 60 });
    await echo.up(seed);
    expect(await echo.exchange(traffic)).toEqual(traffic);
  }
  expect(await echo.result).toBe(2 * FRAME_COUNT);
  await bed.quiesce();
  expect(bed.violations).toEqual([]);
});

test("a driver in the order of published ones comes up on raw memory, and sends and receives round its rings", async () => {
  await using bed = await plugIn(ixgbe());
  const echo = new Echo<PublishedReport>(bed, "published-ixgbe", FRAME_COUNT);
  const traffic = frames(FRAME_COUNT, { minByteLength: 60, maxByteLength: 1514 });
  await echo.up(1);
  expect(await echo.exchange(traffic)).toEqual(traffic);
  const report = await echo.result;
  expect(report).toMatchObject({
    echoed: FRAME_COUNT,
    macAddress: expect.stringMatching(/^(?!00:00)([0-9a-f]{2}:?){6}$/),
  });
  // Memory that the card had never heard of when it started came to it without a turn of the driver's event loop.
  expect(report.lateBuffers).toBeGreaterThan(0);
  await bed.quiesce();
  // Those drivers write the register whole, over bits that the data sheet reserves.
  expect(bed.violations.map(({ rule, place }) => `${rule}: ${place}`)).toEqual([
    "reserved-bits-changed: DMATXCTL 0x04a80",
  ]);
});

test("a driver that only looks at memory, on the test's own thread, hears that its card is gone", async () => {
  await using bed = (await plugIn(ixgbe())) as ThreadedTestbed;
  const mapped = new MappedIxgbeDriver(bed.pci);
  const ended = bed.terminate();
  const startMs = performance.now();
  expect(() => {
    while (performance.now() < startMs + 2000) mapped.receive(32, () => {});
  }).toThrow(DeviceGoneError);
  // Within 100 ms, and what a busy machine adds.
  expect(performance.now() - startMs).toBeLessThan(1000);
  await ended;
});
