import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { setTimeout as sleepMs } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import { Schedule } from "../../../emulator/explore/schedule.ts";
import type { Interrupt } from "../../../emulator/pcie/driver-view.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { AsyncSession } from "../../../harness/explore/async-session.ts";
import { campaign } from "../../../harness/explore/campaign.ts";
import { explore } from "../../../harness/explore/explore.ts";
import { NondeterminismError } from "../../../harness/explore/explore-errors.ts";
import type { ExploredBed } from "../../../harness/explore/explored-bed.ts";
import { inTime } from "../../../harness/explore/work.ts";
import { failureOf } from "./failure-of.ts";

/** Kept from before any run: it stays real. */
const realTimeout = sleepMs;
const LIVENESS = 0x04;
const RAISE = 0x60;
/** Nothing stands there, ever. */
const IDENTIFICATION = 0x00;
const FEW = { runs: 3, models: ["sc"] } as const;

type Body = (bed: ExploredBed) => Promise<unknown>;
type Ending = readonly [what: string, verdict: string, told: RegExp, body: Body];

function spin(_count: number): void {
  // What an optimiser must not take out.
}

function interruptOf({ pci }: ExploredBed): Interrupt {
  return pci.interrupts("msi", 1)[0] as Interrupt;
}

const endings: readonly Ending[] = [
  [
    "a promise that nobody settles",
    "deadlock",
    /^deadlock: the driver waits for something that will not come; 1 promise left pending: what the body awaits\n/,
    () => new Promise(() => {}),
  ],
  [
    "a promise that nobody settles, and something asked of the operating system that has nothing to do with it",
    "deadlock",
    /1 promise left pending: what the body awaits\n/,
    async () => {
      void readFile("/dev/null");
      await new Promise(() => {});
    },
  ],
  [
    "interrupts that do not come",
    "deadlock",
    /; 2 promises left pending: msi 0, msi 0\n[\s\S]*waits for msi 0\n[\s\S]*waits for msi 0\n/,
    async (bed) => {
      const interrupt = interruptOf(bed);
      const forEver = Number.POSITIVE_INFINITY;
      await Promise.all([bed.until(interrupt, forEver), bed.until(interrupt, forEver)]);
    },
  ],
  [
    "what is thrown after an await",
    "violation",
    /^RangeError: a bug\n/,
    async (bed) => {
      await bed.sleep(1);
      throw new RangeError("a bug");
    },
  ],
  [
    "a rejection that nobody handles",
    "violation",
    /^RangeError: a forgotten bug\n/,
    async (bed) => {
      void bed.sleep(1).then(() => Promise.reject(new RangeError("a forgotten bug")));
      await bed.sleep(1000);
    },
  ],
  [
    "what a timer throws",
    "violation",
    /^RangeError: a bug of the timer\n/,
    async (bed) => {
      setTimeout(() => {
        throw new RangeError("a bug of the timer");
      }, 1);
      await bed.sleep(1e9);
    },
  ],
  [
    "what a callback of Node's throws",
    "violation",
    /^RangeError: a bug of the callback\n/,
    async (bed) => {
      process.nextTick(() => {
        throw new RangeError("a bug of the callback");
      });
      await bed.sleep(1e9);
    },
  ],
  [
    "a rule that is broken",
    "violation",
    /^Error: DMA read of 4 bytes at IOVA 0x00ba_d000 by edu hits no mapping/,
    async (bed) => {
      const bar = bed.pci.bar(0);
      bed.pci.config.setBusMaster(true);
      for (const [offset, value] of [
        [0x80, 0x0bad000n],
        [0x88, 0x40000n],
        [0x90, 4n],
      ] as const)
        bar.write64(offset, value);
      bar.write32(0x98, 1);
      await bed.quiesceAsync();
    },
  ],
  [
    "a loop without an access behind an await",
    "hang",
    /^hang: a run has not come to its end within 0\.3 s, after \d+ steps, in sc/,
    async (bed) => {
      await bed.sleep(1);
      for (let spins = 0; ; spins++) spin(spins);
    },
  ],
  [
    "a loop without an access before any await",
    "hang",
    /^hang: /,
    async () => {
      for (let spins = 0; ; spins++) spin(spins);
    },
  ],
  [
    "a loop in an interrupt handler",
    "hang",
    /^hang: /,
    async (bed) => {
      bed.pci.config.setBusMaster(true);
      interruptOf(bed).handle(() => {
        for (let spins = 0; ; spins++) spin(spins);
      });
      bed.pci.bar(0).write32(RAISE, 1);
      await bed.sleep(1000);
    },
  ],
  [
    "a loop of awaits that wait for nothing",
    "hang",
    /^hang: /,
    async () => {
      for (;;) await null;
    },
  ],
  [
    "a task that catches whatever its run is ended by, and goes on with accesses",
    "hang",
    /^hang: /,
    async ({ pci }) => {
      for (;;) {
        try {
          while (pci.bar(0).read32(IDENTIFICATION) !== 1) pci.cpu.relax();
        } catch {
          await null;
        }
      }
    },
  ],
  [
    "a task that catches it and goes on with waits",
    "livelock",
    /^livelock: /,
    async (bed) => {
      for (;;) {
        try {
          while (bed.pci.bar(0).read32(IDENTIFICATION) !== 1) bed.pci.cpu.relax();
        } catch {
          await bed.sleep(1);
        }
      }
    },
  ],
];

test.each(endings)("%s: %s", async (_what, verdict, told, body) => {
  const options = verdict === "hang" ? { ...FEW, runLimitMs: 300 } : FEW;
  const failure = await failureOf(explore(edu(), options, async (bed) => void (await body(bed))));
  expect(failure.verdict).toBe(verdict);
  expect(failure.message).toMatch(told);
  // Whatever has become of the run, the process is as it was.
  expect(Date.now()).toBeGreaterThan(1e12);
  const again = explore(edu(), { ...options, replay: failure.token }, async (bed) => void (await body(bed)));
  expect((await failureOf(again)).verdict).toBe(verdict);
});

describe("what comes from outside of the testbed is nondeterminism, and named", () => {
  const foreign: readonly (readonly [what: string, told: RegExp, body: Body])[] = [
    [
      "a file",
      /the driver waits for FSREQPROMISE of test\/unit\/.*async-verdicts\.test\.ts:\d+/,
      () => readFile("/dev/null"),
    ],
    [
      "a file, beside an interrupt that does not come",
      /the driver waits for FSREQPROMISE/,
      async (bed) => {
        void bed.until(interruptOf(bed), Number.POSITIVE_INFINITY);
        await readFile("/dev/null");
      },
    ],
    [
      "a real timer",
      /the driver waits for Timeout of test\/unit\/.*async-verdicts\.test\.ts:\d+/,
      () => realTimeout(50),
    ],
    [
      "an address",
      /the driver waits for GETADDRINFOREQWRAP of test\/unit\/.*async-verdicts\.test\.ts:\d+/,
      () => lookup("localhost"),
    ],
  ];

  test.each(foreign)("%s", async (_what, told, body) => {
    const failed = explore(edu(), FEW, async (bed) => {
      bed.pci.bar(0).read32(LIVENESS);
      await body(bed);
    });
    await expect(failed).rejects.toThrow(told);
    await expect(failed).rejects.toBeInstanceOf(NondeterminismError);
  });

  test("a campaign says so too", async () => {
    const session = new AsyncSession([await loadDevice(edu())], {
      setup: () => undefined,
      body: () => realTimeout(50),
    });
    const result = await inTime(campaign(session, { program: "x", sourceHash: "0", runs: 10 }));
    expect(result).toMatchObject({ end: "nondeterministic", runs: 1 });
    expect(result.nondeterminism).toMatch(/^the driver waits for Timeout/);
  });

  test("but a set-up may wait for a file, which takes no virtual time, and not for a real timer", async () => {
    const times = new Set<number>();
    const setup = async (bed: ExploredBed) => {
      const text = await readFile(new URL(import.meta.url), "utf8");
      times.add(bed.pci.cpu.nowNs());
      return text.length;
    };
    const body = (_bed: ExploredBed, length: number): void => expect(length).toBeGreaterThan(1000);
    expect(await explore(edu(), { ...FEW, setup, runs: 20 }, body)).toEqual({ runs: 20, unknown: 0 });
    expect(times.size).toBe(1);
    const impatient = async () => realTimeout(60_000, undefined, { ref: false });
    await expect(explore(edu(), { ...FEW, setup: impatient }, () => {})).rejects.toThrow(
      /^the set-up awaits something that nothing in the testbed will ever settle; files and timers that are kept from before/,
    );
  });
});

test("a task that something outside has woken late does not reach into a later run", async () => {
  let wake = (): void => {};
  let late = 0;
  const session = new AsyncSession([await loadDevice(edu())], {
    setup: () => undefined,
    body: async (bed) => {
      const { pci } = bed;
      const outside = new Promise<void>((resolve) => {
        wake();
        wake = resolve;
      });
      void outside.then(() => {
        late++;
        pci.bar(0).read32(LIVENESS);
      });
      for (let read = 0; read < 3; read++) pci.bar(0).read32(LIVENESS);
      await bed.sleep(1);
    },
  });
  const hashes = new Set<number>();
  for (let run = 0; run < 5; run++) {
    expect(await session.replay("sc", new Schedule())).toBe(0);
    hashes.add(session.execution.hash);
  }
  expect(late).toBe(4);
  expect(hashes.size).toBe(1);
  // And when no run is under way any more, it is no error that nobody awaits, which would end the process, and fail this test.
  wake();
  await realTimeout(1);
  expect(late).toBe(5);
});

test("what the set-up throws is thrown on, awaited or not", async () => {
  const later = async (bed: ExploredBed) => {
    await bed.sleep(1);
    throw new RangeError("no card");
  };
  await expect(explore(edu(), { ...FEW, setup: later }, () => {})).rejects.toThrow(new RangeError("no card"));
  const forgotten = async (bed: ExploredBed) => {
    void later(bed);
    await bed.sleep(1000);
  };
  await expect(explore(edu(), { ...FEW, setup: forgotten }, () => {})).rejects.toThrow(new RangeError("no card"));
});

test("timers are those of Node but for the time", async () => {
  const seen: unknown[] = [];
  await explore(edu(), { runs: 1, models: ["sc"] }, async () => {
    seen.length = 0;
    const wait = promisify(setTimeout);
    const startMs = performance.now();
    seen.push(await wait(1000, "promised"), await promisify(setImmediate)("at once"));
    const refreshed = setTimeout(() => seen.push("refreshed"), 2000);
    await wait(1000);
    refreshed.refresh();
    await wait(1500);
    expect(seen).not.toContain("refreshed");
    await wait(1000);
    const unkept = setTimeout(() => seen.push("never"), 1e6).unref();
    expect([unkept.hasRef(), refreshed.hasRef()]).toEqual([false, true]);
    setInterval(() => {}, 1);
    const date = new Date();
    expect(date).toBeInstanceOf(Date);
    expect(new Date(2020, 1).getFullYear()).toBe(2020);
    expect(Date()).toBe(date.toString());
    expect(performance.now() - startMs).toBeCloseTo(4500, 0);
  });
  expect(seen).toEqual(["promised", "at once", "refreshed"]);
});
