import inspector from "node:inspector";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { limitUnderDebugger } from "../../emulator/run/debugger.ts";
import { plugIn } from "../../harness/plug-in.ts";
import { failing, TRIGGER } from "./fixtures/failing-device.ts";

/** Shorter than what is waited for here, so that every one of these limits would be over. */
const LIMITS = { quiesceLimitMs: 50, answerLimitMs: 50 } as const;
const WAIT_MS = 400;
const driver = (name: string): string => new URL(`./fixtures/${name}.driver.ts`, import.meta.url).href;

/** What has become of a promise after a while. */
function stateAfter(promise: Promise<unknown>, waitMs: number): Promise<unknown> {
  const ended = promise.then(
    () => "resolved",
    (error: unknown) => error,
  );
  return Promise.race([ended, new Promise((resolve) => setTimeout(() => resolve("pending"), waitMs))]);
}

describe("under a debugger, for whom time stands still", () => {
  beforeEach(() => inspector.open(0, "127.0.0.1"));
  afterEach(() => inspector.close());

  test("no limit is over: of a control call, of quiesce, of a read on another CPU", async () => {
    expect(limitUnderDebugger(5)).toBe(Number.POSITIVE_INFINITY);
    await using bed = await plugIn(failing("spin"), LIMITS);
    // Its thread is up before the device stops answering.
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const reading = bed.cpu(1).run(driver("spinning-reader"), flag.buffer);
    while (Atomics.load(flag, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    bed.pci.bar(0).write32(TRIGGER, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const pending = [bed.quiesce(), bed.statistics(), reading].map((promise) => stateAfter(promise, WAIT_MS));
    expect(await Promise.all(pending)).toEqual(["pending", "pending", "pending"]);
  });
});

describe("without one", () => {
  test("each of them is over, by its name", async () => {
    expect(limitUnderDebugger(5)).toBe(5);
    await using bed = await plugIn(failing("spin"), LIMITS);
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const reading = bed.cpu(1).run(driver("spinning-reader"), flag.buffer);
    while (Atomics.load(flag, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    bed.pci.bar(0).write32(TRIGGER, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const pending = [bed.quiesce(), bed.statistics(), reading].map((promise) => stateAfter(promise, 10 * WAIT_MS));
    for (const end of await Promise.all(pending)) expect(end).toMatchObject({ name: "DeviceStuckError" });
  });
});
