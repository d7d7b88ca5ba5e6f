import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import type { Cpu } from "../../../emulator/explore/cpu.ts";
import type { Places } from "../../../emulator/explore/plugged/further-cpu.ts";
import type { Actor } from "../../../emulator/explore/state.ts";
import type { DmaBuffer, Interrupt, PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { AsyncSession } from "../../../harness/explore/async-session.ts";
import { explore } from "../../../harness/explore/explore.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { readToken } from "../../../harness/explore/token.ts";
import { AsyncEdu } from "../../../scenarios/explorations/edu-tasks.ts";
import { failureOf } from "./failure-of.ts";

const LIVENESS = 0x04;
const RAISE = 0x60;
const ACKNOWLEDGE = 0x64;
const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const CARD_BUFFER = 0x0004_0000;
const START_TO_HOST_AND_INTERRUPT = 0x7;
/** A search, a shrinking and a search for the cure, on a machine that does something else. */
const SEARCH_LIMIT_MS = 60_000;

test("the example in the documentation of explore()", { timeout: SEARCH_LIMIT_MS }, async () => {
  await explore(edu(), { setup: async (bed) => new AsyncEdu(bed.pci) }, async (bed, driver) => {
    const results = await Promise.all([driver.factorial(5), driver.factorial(6)]); // two tasks, one card
    expect(results).toEqual([120, 720]);
    await bed.quiesceAsync();
  });
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
  const shown = read("../../../harness/explore/explore.ts").split("* ```ts")[2]?.split("* ```")[0] ?? "";
  const lines = shown.split("\n").map((line) => line.replace(/^ \* ?/, "").trim());
  expect(lines.length).toBeGreaterThan(5);
  const own = read("async-explore.test.ts");
  for (const line of lines) expect(own).toContain(line);
});

/** Each task adds one to a number that it keeps in a register of the card, and lets the other go on in between. */
function counting(isFixed: boolean) {
  return async (bed: ExploredBed): Promise<void> => {
    let total = 0;
    const add = async (): Promise<void> => {
      await bed.sleep(0);
      const before = total;
      if (!isFixed) await bed.sleep(0);
      total = before + 1;
    };
    await Promise.all([add(), add()]);
    if (total !== 2) throw new Error(`${total} of 2 updates are left`);
  };
}

/** Has the card interrupt, and waits for that; the careless one looks at the flag before it listens. */
function sleeper(isFixed: boolean) {
  return async (bed: ExploredBed): Promise<void> => {
    const bar = bed.pci.bar(0);
    const [interrupt] = bed.pci.interrupts("msi", 1);
    let isDone = false;
    let wake = (): void => {};
    interrupt?.handle(() => {
      bar.write32(ACKNOWLEDGE, 1);
      isDone = true;
      wake();
    });
    bed.pci.config.setBusMaster(true);
    bar.write32(RAISE, 1);
    // Where the interrupt ordinarily comes.
    bar.read32(LIVENESS);
    if (!isDone) {
      const listen = (): Promise<void> =>
        new Promise((resolve) => {
          wake = resolve;
        });
      const woken = isFixed ? listen() : undefined;
      // Something is asked of the card meanwhile, and the handler may run on top of that.
      bar.read32(LIVENESS);
      await (woken ?? listen());
    }
  };
}

describe("races between tasks and with the card", { timeout: SEARCH_LIMIT_MS }, () => {
  const cases = [
    {
      what: "an update lost across an await",
      body: counting,
      verdict: "violation",
      told: "Error: 1 of 2 updates are left",
      shown: /goes on after sleep {2}async-explore\.test\.ts:\d+/,
    },
    {
      what: "a lost wake-up",
      body: sleeper,
      verdict: "deadlock",
      told: "deadlock: .*1 promise left pending: what the body awaits",
      shown: /takes the interrupt[\s\S]*waits for something that is none of the testbed's/,
    },
  ] as const;

  test.each(cases)("$what is found, shrunk, drawn and replayed; its cured twin passes", async (given) => {
    const { body, verdict, told, shown } = given;
    const failure = await failureOf(explore(edu(), { runs: 500 }, body(false)));
    expect(failure).toMatchObject({ verdict, model: "sc" });
    expect(failure.message).toMatch(new RegExp(`^${told}`));
    expect(failure.deviationCount).toBeGreaterThan(0);
    expect(failure.deviationCount).toBeLessThanOrEqual(2);
    expect(failure.message).toContain("Fails in every memory model.");
    expect(failure.message).toMatch(shown);
    const again = await failureOf(explore(edu(), { replay: failure.token }, body(false)));
    expect(again.verdict).toBe(verdict);
    expect(again.message.split("\n")[0]).toBe(failure.message.split("\n")[0]);

    const session = new AsyncSession([await loadDevice(edu())], { setup: () => undefined, body: body(false) });
    const { model, schedule } = readToken(failure.token);
    const ends = new Set<string>();
    for (let run = 0; run < 100; run++) {
      await session.replay(model, schedule);
      ends.add(`${session.execution.verdict} ${session.execution.hash} ${session.machine.violation}${session.stuck}`);
    }
    expect([...ends]).toHaveLength(1);
    expect([...ends][0]).not.toMatch(/^0/);

    expect(await explore(edu(), { runs: 300 }, body(true))).toEqual({ runs: 900, unknown: 0 });
    const mended = explore(edu(), { replay: failure.token }, body(true));
    await (verdict === "violation" ? expect(mended).resolves.toMatchObject({ runs: 1 }) : mended.catch(() => {}));
  });

  test("a missing barrier is named with its line", async () => {
    const setup = async ({ pci }: ExploredBed) => pci.dma.alloc(64, { label: "mail" });
    const sender = function* (cpu: Cpu, at: Places, mail: DmaBuffer): Actor {
      yield cpu.write32(at.memory(mail, 8), 7);
      yield cpu.wmb();
      yield cpu.write32(at.memory(mail, 0), 1);
    };
    const receiver = (isFixed: boolean) => async (bed: ExploredBed, mail: DmaBuffer) => {
      while (mail.read32(0) === 0) await bed.sleep(100);
      if (isFixed) bed.pci.cpu.rmb();
      if (mail.read32(8) !== 7) throw new Error("the flag came before the letter");
    };
    const cpus = [{ name: "sender", program: sender }];
    const failure = await failureOf(explore(edu(), { setup, cpus, runs: 500 }, receiver(false)));
    expect(failure.model).toBe("relaxed");
    expect(failure.deviationCount).toBeLessThanOrEqual(2);
    expect(failure.message).toMatch(
      /Missing: dmaRmb before the read at test\/unit\/explore\/async-explore\.test\.ts:\d+\./,
    );
    expect(await explore(edu(), { setup, cpus, runs: 300 }, receiver(true))).toEqual({ runs: 900, unknown: 0 });
  });

  test("a workload is shrunk together with the schedule, and drawn again from the token", async () => {
    const workload = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
    const body = async (bed: ExploredBed, _context: undefined, list: readonly number[]): Promise<void> => {
      let total = 0;
      const add = async (value: number): Promise<void> => {
        await bed.sleep(0);
        const before = total;
        if (value > 2) await bed.sleep(0);
        total = before + value;
      };
      await Promise.all(list.map(add));
      const sum = list.reduce((before, value) => before + value, 0);
      if (total !== sum) throw new Error("an update is lost");
    };
    const failure = await failureOf(explore(edu(), { workload, runs: 1000 }, body));
    const list = failure.workload as readonly number[];
    expect([...list].sort()).toEqual([1, 3]);
    expect(failure.deviationCount).toBeLessThanOrEqual(2);
    const again = await failureOf(explore(edu(), { workload, replay: failure.token }, body));
    expect(again.workload).toEqual(list);
  });
});

test.each(["awaits", "polls"] as const)("what a card wrote before it interrupted is there for who %s", async (how) => {
  const setup = ({ pci }: ExploredBed) => {
    pci.config.setBusMaster(true);
    return { memory: pci.dma.alloc(64, { label: "copy" }), interrupt: pci.interrupts("msi", 1)[0] as Interrupt };
  };
  const result = await explore(edu(), { setup, runs: 200 }, async (bed, { memory, interrupt }) => {
    const bar = bed.pci.bar(0);
    memory.write32(0, 7);
    bar.write64(DMA_SOURCE, BigInt(CARD_BUFFER));
    bar.write64(DMA_DESTINATION, BigInt(memory.iova));
    bar.write64(DMA_COUNT, 4n);
    bar.write32(DMA_COMMAND, START_TO_HOST_AND_INTERRUPT);
    if (how === "awaits") expect(await bed.until(interrupt)).toBe(true);
    while (how === "polls" && !interrupt.poll()) bed.pci.cpu.delay(10_000);
    expect(memory.read32(0)).toBe(0);
  });
  expect(result).toEqual({ runs: 600, unknown: 0 });
});

test("every run is repeated by its deviations, whatever the tasks wait for", async () => {
  const device = await loadDevice(edu());
  const waits = fc.array(fc.constantFrom("sleep", "timer", "immediate", "factorial", "access"), { maxLength: 4 });
  const property = fc.asyncProperty(fc.array(waits, { minLength: 1, maxLength: 3 }), fc.nat(), async (tasks, seed) => {
    let orders: string[] = [];
    const session = new AsyncSession([device], {
      setup: (bed) => new AsyncEdu(bed.pci),
      body: async (bed, driver) => {
        orders = [];
        const steps = {
          sleep: () => bed.sleep(50_000),
          timer: () => new Promise((resolve) => setTimeout(resolve, 1)),
          immediate: () => new Promise((resolve) => setImmediate(resolve)),
          factorial: () => driver.factorial(4),
          access: async () => bed.pci.bar(0).read32(LIVENESS),
        } as const;
        const run = async (list: readonly (keyof typeof steps)[], task: number): Promise<void> => {
          for (const step of list) {
            await steps[step]();
            orders.push(`${task} ${step}`);
          }
        };
        await Promise.all(tasks.map((list, task) => run(list as (keyof typeof steps)[], task)));
      },
    });
    const result = await session.search("relaxed", 5, seed);
    expect(result).toEqual({ runs: 5, hasFailed: false, unknown: 0 });
    const { hash, recorder } = session.execution;
    const first = orders;
    expect(await session.replay("relaxed", recorder.schedule)).toBe(0);
    expect(session.execution.hash).toBe(hash);
    expect(orders).toEqual(first);
    expect(orders).toHaveLength(tasks.flat().length);
  });
  await fc.assert(property, { numRuns: 40 });
});

test("several explorations at a time do not disturb each other, nor anybody else in the process", async () => {
  const alone = await failureOf(explore(edu(), { runs: 200 }, counting(false)));
  const timers = [setTimeout, setInterval, setImmediate, clearTimeout, Date, performance.now];
  const timed = async (): Promise<void> => {
    for (let tick = 0; tick < 3; tick++) await new Promise((resolve) => setTimeout(resolve, 3_600_000));
    if (Date.now() < 3 * 3_600_000 || Date.now() > 4 * 3_600_000) throw new Error(`it is ${Date.now()}`);
  };
  const startMs = Date.now();
  let outsideMs = 0;
  const outside = async (): Promise<void> => {
    for (let tick = 0; tick < 5; tick++) await new Promise((resolve) => setTimeout(resolve, 2));
    outsideMs = Date.now();
  };
  const [first, second] = await Promise.all([
    failureOf(explore(edu(), { runs: 200 }, counting(false))),
    failureOf(explore(edu(), { runs: 200 }, counting(false))),
    explore(edu(), { runs: 50 }, sleeper(true)),
    explore(edu(), { runs: 50 }, async () => timed()),
    explore(edu(), { runs: 50 }, async () => timed()),
    outside(),
  ]);
  expect([first.token, second.token]).toEqual([alone.token, alone.token]);
  expect(outsideMs).toBeGreaterThanOrEqual(startMs);
  expect([setTimeout, setInterval, setImmediate, clearTimeout, Date, performance.now]).toEqual(timers);
});

test("a set-up may wait for an interrupt that its handler tells, and an interval that it leaves behind ends no run late", async () => {
  let beats = 0;
  const setup = async ({ pci }: { readonly pci: PciFunction }) => {
    const driver = new AsyncEdu(pci);
    expect(await driver.factorial(3)).toBe(6);
    setInterval(() => beats++, 0.01);
    return driver;
  };
  const result = await explore(edu(), { setup, runs: 20 }, async (_bed, driver) => {
    beats = 0;
    expect(await driver.factorial(5)).toBe(120);
    // 100 µs take a few beats, or the interrupt arrives first.
    expect(beats).toBeLessThan(1000);
  });
  expect(result).toEqual({ runs: 60, unknown: 0 });
});
