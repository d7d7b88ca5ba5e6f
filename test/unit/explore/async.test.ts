import { expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { SC } from "../../../emulator/explore/kinds.ts";
import { Schedule } from "../../../emulator/explore/schedule.ts";
import { PartialOrderSampling } from "../../../emulator/explore/strategies/pos.ts";
import { Replay } from "../../../emulator/explore/strategies/replay.ts";
import { DEADLOCK, LIVELOCK, PASSED, VIOLATION } from "../../../emulator/explore/verdict.ts";
import type { Bar, Interrupt } from "../../../emulator/pcie/driver-view.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { AsyncSession } from "../../../harness/explore/async-session.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";

const [FACTORIAL, STATUS, ACKNOWLEDGE] = [0x08, 0x20, 0x64];
const STATUS_INTERRUPT = 0x80;

/** An async driver of the edu: it is interrupted when a factorial is computed. */
class AsyncEdu {
  readonly bar: Bar;
  readonly interrupt: Interrupt;

  constructor({ pci }: ExploredBed) {
    this.bar = pci.bar(0);
    pci.config.setBusMaster(true);
    this.interrupt = pci.interrupts("msi", 1)[0] as Interrupt;
    this.bar.write32(STATUS, STATUS_INTERRUPT);
  }

  async factorial(bed: ExploredBed, n: number): Promise<number> {
    this.bar.write32(FACTORIAL, n);
    if (!(await bed.until(this.interrupt))) throw new Error("no interrupt");
    const result = this.bar.read32(FACTORIAL);
    this.bar.write32(ACKNOWLEDGE, 1);
    return result;
  }
}

async function session(body: (bed: ExploredBed, driver: AsyncEdu) => void | Promise<void>) {
  return new AsyncSession<AsyncEdu>([await loadDevice(edu())], { setup: async (bed) => new AsyncEdu(bed), body });
}

test("an async driver is right under every schedule, and each is replayed", async () => {
  const searched = await session(async (bed, driver) => {
    expect(await driver.factorial(bed, 5)).toBe(120);
    expect(await driver.factorial(bed, 6)).toBe(720);
    await bed.quiesceAsync();
  });
  const { execution } = searched;
  const strategy = new PartialOrderSampling();
  const schedule = new Schedule();
  for (let run = 0; run < 50; run++) {
    expect(await searched.run(strategy, SC, run), searched.machine.violation).toBe(PASSED);
    const { hash } = execution;
    schedule.copyFrom(execution.recorder.schedule);
    expect(await searched.replay("sc", schedule)).toBe(PASSED);
    expect(execution.hash).toBe(hash);
  }
});

test("tasks interleave where they wait, and only there", async () => {
  const orders = new Set<string>();
  const searched = await session(async (bed, driver) => {
    let order = "";
    let isBusy = false;
    const task = async (name: string, wait: () => Promise<unknown>): Promise<void> => {
      for (let round = 0; round < 2; round++) {
        await wait();
        expect(isBusy).toBe(false);
        isBusy = true;
        driver.bar.read32(FACTORIAL);
        isBusy = false;
        order += name;
      }
    };
    await Promise.all([task("a", () => bed.sleep(0)), task("b", () => bed.sleep(0))]);
    orders.add(order);
  });
  const strategy = new PartialOrderSampling();
  for (let run = 0; run < 60; run++) expect(await searched.run(strategy, SC, run)).toBe(PASSED);
  expect([...orders].sort()).toEqual(["aabb", "abab", "abba", "baab", "baba", "bbaa"]);
});

test("an update that is lost across an await is found, and its cure passes", async () => {
  for (const isFixed of [false, true]) {
    const searched = await session(async (bed) => {
      let total = 0;
      const add = async (): Promise<void> => {
        await bed.sleep(0);
        const before = total;
        if (!isFixed) await bed.sleep(0);
        total = before + 1;
      };
      await Promise.all([add(), add()]);
      if (total !== 2) throw new Error("an update is lost");
    });
    const result = await searched.search("sc", 100, 1);
    expect(result.hasFailed).toBe(!isFixed);
    if (!isFixed) expect(searched.machine.violation).toBe("Error: an update is lost");
  }
});

test("what is left pending is a deadlock, and says how much", async () => {
  const forEver = await session(() => new Promise<void>(() => {}));
  expect(await forEver.run(new Replay(), SC, 0)).toBe(DEADLOCK);
  expect(forEver.stuck).toBe("1 promise left pending: what the body awaits");
  const two = await session(async (bed, driver) => {
    const limit = Number.POSITIVE_INFINITY;
    void bed.until(driver.interrupt, limit);
    await bed.until(driver.interrupt, limit);
  });
  expect(await two.run(new Replay(), SC, 0)).toBe(DEADLOCK);
  expect(two.stuck).toBe("2 promises left pending: msi 0, msi 0");
  // A task that nobody awaits is seen to its end all the same.
  const unawaited = await session((bed, driver) => {
    void bed.until(driver.interrupt, Number.POSITIVE_INFINITY);
  });
  expect(await unawaited.run(new Replay(), SC, 0)).toBe(DEADLOCK);
  expect(unawaited.stuck).toBe("1 promise left pending: msi 0");
});

test("what a task throws is a violation, awaited or not", async () => {
  const awaited = await session(async (bed) => {
    await bed.sleep(10);
    throw new RangeError("a bug");
  });
  expect(await awaited.run(new Replay(), SC, 0)).toBe(VIOLATION);
  expect(awaited.machine.violation).toBe("RangeError: a bug");
  const forgotten = await session(async (bed) => {
    void bed.sleep(10).then(() => {
      throw new RangeError("a bug that nobody awaits");
    });
    await bed.sleep(1000);
  });
  expect(await forgotten.run(new Replay(), SC, 0)).toBe(VIOLATION);
  expect(forgotten.machine.violation).toBe("RangeError: a bug that nobody awaits");
});

test("a task that swallows the end of the run is stopped at its next access", async () => {
  let swallowed = 0;
  const searched = await session(async (bed, driver) => {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        while (driver.bar.read32(STATUS) !== 0x55) bed.pci.cpu.relax();
      } catch {
        swallowed++;
      }
    }
  });
  expect(await searched.run(new Replay(), SC, 0)).toBe(LIVELOCK);
  expect(swallowed).toBe(3);
});

test("timers and clocks of the driver are virtual during a run, and real after it", async () => {
  const realTimeout = globalThis.setTimeout;
  const searched = await session(async (bed) => {
    const [date, now] = [Date.now(), performance.now()];
    await new Promise<void>((resolve) => setTimeout(resolve, 3_600_000));
    let turns = 0;
    await new Promise<void>((resolve) => {
      const interval = setInterval(() => {
        if (++turns === 3) {
          clearInterval(interval);
          resolve();
        }
      }, 1000);
    });
    await new Promise<void>((resolve) => setImmediate(resolve));
    const never = setTimeout(() => expect.fail("was cleared"), 10);
    clearTimeout(never);
    expect(Date.now() - date).toBe(3_603_000);
    expect(new Date().getUTCFullYear()).toBe(1970);
    expect(performance.now() - now).toBeCloseTo(3_603_000);
    expect(bed.pci.cpu.nowNs() / 1e6).toBeCloseTo(performance.now());
  });
  const startMs = performance.now();
  expect(await searched.run(new Replay(), SC, 0), searched.machine.violation).toBe(PASSED);
  expect(performance.now() - startMs).toBeLessThan(2000);
  expect(globalThis.setTimeout).toBe(realTimeout);
  expect(Date.now()).toBeGreaterThan(1e12);
});
