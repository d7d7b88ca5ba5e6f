import { expect, test } from "vitest";
import {
  STATUS_CLOSED,
  STATUS_DEAD,
  STATUS_RUNNING,
  STATUS_STARTING,
  ThreadStatus,
} from "../../../emulator/run/thread-status.ts";

function pair(): readonly [ThreadStatus, ThreadStatus] {
  const buffer = ThreadStatus.createBuffer();
  return [new ThreadStatus(buffer), new ThreadStatus(buffer)];
}

test("dead and closed are final, each the first one", () => {
  for (const [first, second] of [
    [STATUS_DEAD, STATUS_CLOSED],
    [STATUS_CLOSED, STATUS_DEAD],
  ] as const) {
    const [device, driver] = pair();
    expect(driver.status).toBe(STATUS_STARTING);
    device.status = STATUS_RUNNING;
    expect(driver.status).toBe(STATUS_RUNNING);
    device.status = first;
    driver.status = second;
    driver.status = STATUS_RUNNING;
    expect(device.status).toBe(first);
  }
});

test("the first reason stays, in any script, and is cut where the memory ends", () => {
  const [device, driver] = pair();
  device.die("RangeError: Ω überlief\n    at device.ts:3");
  driver.die("its thread ended with code 1");
  expect([driver.status, driver.reason]).toEqual([STATUS_DEAD, "RangeError: Ω überlief\n    at device.ts:3"]);
  const [long] = pair();
  long.die("x".repeat(10_000));
  expect(long.reason).toBe("x".repeat(4096));
});

test("a sleep ends at its limit when nobody wakes it", async () => {
  const [device] = pair();
  await device.sleep(device.fallAsleep(), 5);
  device.awake();
  expect(device.status).toBe(STATUS_STARTING);
});

test("a thread that is gone is told to whoever would wake it, and neither sleep nor waking hides that", () => {
  for (const end of [STATUS_DEAD, STATUS_CLOSED]) {
    const [device, driver] = pair();
    expect(driver.wakeIfAsleep()).toBe(true);
    device.fallAsleep();
    expect(driver.wakeIfAsleep()).toBe(true);
    device.awake();
    driver.status = end;
    expect(device.wakeIfAsleep()).toBe(false);
    device.fallAsleep();
    device.awake();
    expect(driver.wakeIfAsleep()).toBe(false);
  }
});

test("the end of a thread ends its sleep", async () => {
  const [device, driver] = pair();
  const startMs = performance.now();
  const asleep = device.sleep(device.fallAsleep(), 10_000);
  driver.status = STATUS_CLOSED;
  await asleep;
  expect(performance.now() - startMs).toBeLessThan(5_000);
});
