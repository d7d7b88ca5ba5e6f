import { describe, expect, test } from "vitest";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { DeviceGoneError, DeviceStuckError } from "../../emulator/run/testbed-error.ts";
import { plugIn } from "../../harness/plug-in.ts";
import { ThreadedTestbed } from "../../harness/threaded-testbed.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import { PacketBatch } from "../../scenarios/drivers/packet-pool.ts";
import { FAILURE, type FailingOptions, failing, TRIGGER } from "./fixtures/failing-device.ts";
import { registerBlock } from "./fixtures/register-block.ts";

/** What is promised: whoever deals with a device that died hears of it within 100 ms. */
const PROMISED_MS = 100;
/**
 * What a busy machine may add: a thread that is ready to run may wait for a processor. All that this file watches would
 * otherwise take three seconds and more: the limits of answers, of waits and of the loops below.
 */
const SLACK_MS = 900;
const NOTICE_LIMIT_MS = PROMISED_MS + SLACK_MS;

const driver = (name: string): string => new URL(`./fixtures/${name}.ts`, import.meta.url).href;

/** How a promise ends, and how long that took. */
async function endOf(promise: Promise<unknown>): Promise<{ error: unknown; tookMs: number }> {
  const startMs = performance.now();
  try {
    await promise;
  } catch (error) {
    return { error, tookMs: performance.now() - startMs };
  }
  return expect.fail("it should have rejected");
}

/** What a call throws, and how long that took. */
function thrownBy(call: () => unknown): { error: unknown; tookMs: number } {
  const startMs = performance.now();
  try {
    call();
  } catch (error) {
    return { error, tookMs: performance.now() - startMs };
  }
  return expect.fail("it should have thrown");
}

function expectGone({ error, tookMs }: { error: unknown; tookMs: number }, reason: string): void {
  expect(error).toBeInstanceOf(DeviceGoneError);
  expect((error as Error).message).toContain(reason);
  expect(tookMs).toBeLessThan(NOTICE_LIMIT_MS);
}

async function plugFailing(where: FailingOptions["where"]): Promise<ThreadedTestbed> {
  const bed = await plugIn(failing(where));
  expect(bed).toBeInstanceOf(ThreadedTestbed);
  return bed as ThreadedTestbed;
}

describe("a device that cannot be plugged in", () => {
  test.each(["declaration", "create"] as const)("throws in %s: plugIn rejects with its own error", async (where) => {
    const { error } = await endOf(plugIn(failing(where)));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toBe(FAILURE);
    expect((error as Error).stack).toContain("failing-device.ts");
  });

  test("takes the sound one beside it along", async () => {
    const { error } = await endOf(plugIn([registerBlock(), failing("create")]));
    expect((error as Error).message).toBe(FAILURE);
  });

  test("is not there: plugIn rejects and names the module", async () => {
    const moduleUrl = new URL("./fixtures/no-such-device.ts", import.meta.url).href;
    const { error } = await endOf(plugIn({ name: "none", moduleUrl, options: {} }));
    expect((error as Error).message).toContain("no-such-device.ts");
  });

  test("is no device: plugIn rejects and says what is missing", async () => {
    const moduleUrl = new URL("../fixtures/bare-device.ts", import.meta.url).href;
    const { error } = await endOf(plugIn({ name: "none", moduleUrl, options: {} }));
    expect((error as Error).message).toMatch(/bare-device\.ts is no device module: it must export `declaration`/);
  });
});

describe("a device that throws while it runs", () => {
  test("in the read that a driver waits for: the read throws with the device's own words", async () => {
    await using bed = await plugFailing("read");
    expect(bed.pci.bar(0).read32(0)).toBe(0x600d);
    expectGone(
      thrownBy(() => bed.pci.bar(0).read32(TRIGGER)),
      FAILURE,
    );
  });

  test.each(["write", "timer"] as const)(
    "in a posted %s: the next read throws, then every control call rejects",
    async (where) => {
      await using bed = await plugFailing(where);
      bed.pci.bar(0).write32(TRIGGER, 1);
      const reads = thrownBy(() => {
        // A timer needs a moment; the reads before it are answered.
        for (let reads = 0; reads < 10_000_000; reads++) bed.pci.bar(0).read32(0);
      });
      expectGone(reads, FAILURE);
      expectGone(await endOf(bed.statistics()), FAILURE);
      expectGone(await endOf(bed.quiesce()), FAILURE);
      expectGone(await endOf(bed.cpu(1).run(driver("one-read.driver"))), FAILURE);
      expectGone(
        thrownBy(() => bed.pci.config.read32(0)),
        FAILURE,
      );
      expectGone(
        thrownBy(() => bed.pci.cpu.relax()),
        FAILURE,
      );
      expectGone(
        thrownBy(() => bed.pci.interrupts("intx", 1)[0]?.wait(60_000)),
        FAILURE,
      );
      expectGone(
        thrownBy(() => bed.pci.cpu.delay(60e9)),
        FAILURE,
      );
      expectGone(
        thrownBy(() => bed.wire.send(new Uint8Array(60))),
        FAILURE,
      );
    },
  );

  test("at a frame: who sends into its wire hears of it", async () => {
    await using bed = await plugFailing("frame");
    const sending = thrownBy(() => {
      for (let sent = 0; sent < 1_000_000; sent++) bed.wire.send(new Uint8Array(60));
    });
    expectGone(sending, FAILURE);
  });

  test("calls under way reject, all of them, when their thread ends", async () => {
    await using bed = await plugFailing("spin");
    bed.pci.bar(0).write32(TRIGGER, 1);
    // The device is in its handler for ever: none of these is ever answered.
    const pending = [bed.quiesce(), bed.statistics(), bed.quiesce(), bed.reports()].map((call) => endOf(call));
    await bed.terminate();
    for (const end of await Promise.all(pending)) expectGone(end, "its thread was terminated");
  });

  test("a full request ring is no trap: posted writes throw", async () => {
    await using bed = await plugFailing("write");
    const bar = bed.pci.bar(0);
    bar.write32(TRIGGER, 1);
    const posting = thrownBy(() => {
      for (let posted = 0; posted < 100_000; posted++) bar.write32(0, posted);
    });
    expectGone(posting, FAILURE);
  });

  test("an error while answering the control plane reaches the caller and kills nobody", async () => {
    await using bed = await plugFailing("statistics");
    const { error } = await endOf(bed.statistics());
    expect((error as Error).message).toBe(FAILURE);
    expect(bed.pci.bar(0).read32(0)).toBe(0x600d);
  });

  test("a thread that ends without an error is gone as well", async () => {
    await using bed = await plugFailing("exit");
    bed.pci.bar(0).write32(TRIGGER, 1);
    expectGone(await endOf(bed.quiesce()), "ended with code 3");
    expectGone(
      thrownBy(() => bed.pci.bar(0).read32(0)),
      "ended with code 3",
    );
  });

  describe.each([
    ["exit", "ended with code 3"],
    ["vanish", "ended without a word"],
  ] as const)("a thread that ends by %s while the test's own thread does not turn its event loop", (where, reason) => {
    const ways: readonly (readonly [name: string, use: (bed: ThreadedTestbed) => void])[] = [
      ["reads", (bed) => void bed.pci.bar(0).read32(0)],
      ["posts writes", (bed) => bed.pci.bar(0).write32(0, 1)],
      ["polls and relaxes", (bed) => bed.pci.cpu.relax()],
      ["sends frames", (bed) => bed.wire.send(new Uint8Array(60))],
      ["waits for an interrupt", (bed) => void bed.pci.interrupts("intx", 1)[0]?.wait(60_000)],
      ["lets time pass", (bed) => bed.pci.cpu.delay(60e9)],
    ];
    test.each(ways)("is noticed by one that %s", async (_name, use) => {
      await using bed = await plugFailing(where);
      bed.pci.bar(0).write32(TRIGGER, 1);
      const giveUpMs = performance.now() + 3000;
      const end = thrownBy(() => {
        while (performance.now() < giveUpMs) use(bed);
      });
      expectGone(end, reason);
    });
  });

  test("throws at the first posted write once it is dead, without a read in between", async () => {
    await using bed = await plugFailing("write");
    bed.pci.bar(0).write32(TRIGGER, 1);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, NOTICE_LIMIT_MS);
    expectGone(
      thrownBy(() => bed.pci.bar(0).write32(0, 1)),
      FAILURE,
    );
  });

  test("a driver that only sends hears of it although its ring is full and it rings no more", async () => {
    await using bed = (await plugIn(ixgbe())) as ThreadedTestbed;
    const driver = IxgbeDriver.probe(bed.pci, { ringSize: 8 });
    const batch = new PacketBatch(1);
    const ended = bed.terminate();
    const giveUpMs = performance.now() + 3000;
    const end = thrownBy(() => {
      while (performance.now() < giveUpMs) {
        const buffer = driver.pool.take();
        batch.set(0, buffer, 60);
        if (driver.txBatch(0, batch, 1) === 0) driver.pool.release(buffer);
      }
    });
    expectGone(end, "its thread was terminated");
    await ended;
  });

  test("loops for ever: a read says after its limit that there is no sign of life, and a control call does too", async () => {
    await using bed = (await plugIn(failing("spin"), { answerLimitMs: 200 })) as ThreadedTestbed;
    bed.pci.bar(0).write32(TRIGGER, 1);
    const { error, tookMs } = thrownBy(() => bed.pci.bar(0).read32(0));
    expect(error).toBeInstanceOf(DeviceStuckError);
    expect((error as Error).message).toMatch(/failing gave no sign of life for 200 ms: its model loops/);
    expect(tookMs).toBeLessThan(200 + 2 * SLACK_MS);
    await expect(bed.statistics()).rejects.toThrow(DeviceStuckError);
    await expect(bed.cpu(1).run(driver("one-read.driver"))).rejects.toThrow(DeviceStuckError);
  });

  test("one that never returns from a handler: quiesce says so after its limit, and close still ends it", async () => {
    await using bed = (await plugIn(failing("spin"), { quiesceLimitMs: 100 })) as ThreadedTestbed;
    bed.pci.bar(0).write32(TRIGGER, 1);
    const { error, tookMs } = await endOf(bed.quiesce());
    expect((error as Error).message).toMatch(/did not come to rest within 100 ms/);
    expect(tookMs).toBeLessThan(NOTICE_LIMIT_MS);
  });
});

describe("drivers on other CPUs", () => {
  test.each(["one-read", "spinning-reader", "spinning-poller", "waiter", "deaf"])(
    "%s: rejects with the device's own words when the device throws",
    async (name) => {
      await using bed = await plugFailing("write");
      const ready = new Int32Array(new SharedArrayBuffer(4));
      const running = bed.cpu(1).run(driver(`${name}.driver`), ready.buffer);
      const ended = endOf(running);
      while (Atomics.load(ready, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      const startMs = performance.now();
      bed.pci.bar(0).write32(TRIGGER, 1);
      const { error } = await ended;
      expectGone({ error, tookMs: performance.now() - startMs }, FAILURE);
    },
  );

  test("a driver's own error comes back by name, message and place", async () => {
    await using bed = await plugIn(registerBlock());
    const { error } = await endOf(bed.cpu(1).run(driver("throwing.driver")));
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).name).toBe("RangeError");
    expect((error as Error).message).toBe("4-byte access at offset 0x2000 of BAR0, which has 8192 bytes");
    expect((error as Error).stack).toContain("throwing.driver.ts");
    // The CPU is free again.
    await expect(bed.cpu(1).run(driver("one-read.driver"))).resolves.toBe(0);
  });

  test("a module that is no driver, one that is not there, and an answer that cannot be sent", async () => {
    await using bed = await plugIn(registerBlock());
    await expect(bed.cpu(1).run(driver("register-block"))).rejects.toThrow(
      /is no driver module: it must have a default export/,
    );
    await expect(bed.cpu(1).run(driver("nowhere"))).rejects.toThrow(/nowhere/);
    await expect(bed.cpu(1).run(driver("function.driver"))).rejects.toThrow(/could not be cloned/);
  });

  test("a CPU runs one module at a time, and only CPUs 1 to 15 can be given one", async () => {
    await using bed = await plugIn(registerBlock());
    const first = bed.cpu(2).run(driver("one-read.driver"));
    await expect(bed.cpu(2).run(driver("one-read.driver"))).rejects.toThrow(/CPU 2 runs a module already/);
    await expect(first).resolves.toBe(0);
    for (const index of [0, 16, 1.5, -1]) expect(() => bed.cpu(index)).toThrow(/1 to 15 can be given a module/);
  });
});

describe("terminate: the card is pulled out", () => {
  test("every pending and later call says so", async () => {
    await using bed = await plugFailing("write");
    const ready = new Int32Array(new SharedArrayBuffer(4));
    const running = endOf(bed.cpu(1).run(driver("spinning-reader.driver"), ready.buffer));
    while (Atomics.load(ready, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await bed.terminate();
    expectGone(await running, "its thread was terminated");
    expectGone(await endOf(bed.statistics()), "its thread was terminated");
    expectGone(
      thrownBy(() => bed.pci.bar(0).read32(0)),
      "its thread was terminated",
    );
  });
});
