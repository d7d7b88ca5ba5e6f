import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import timers, { setTimeout as timeoutOfNode } from "node:timers";
import timersPromises, { setInterval as everyMs, scheduler, setTimeout as sleepMs } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { edu } from "../../../devices/edu/index.ts";
import type { PciFunction } from "../../../emulator/pcie/driver-view.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { RunLimit } from "../../../harness/explore/run-limit.ts";
import { type EveryFaultOptions, type EveryFaultResult, everyFault } from "../../../harness/faults/every-fault.ts";
import type { FaultBed } from "../../../harness/faults/fault-bed.ts";
import { runWithFaults } from "../../../harness/faults/fault-run.ts";
import { hostile } from "../../../harness/faults/hostile/hostile.ts";
import type { Testbed } from "../../../harness/testbed.ts";
import tasks, { AsyncEdu } from "../../../scenarios/explorations/edu-tasks.ts";

/** Kept from before any run: it stays real. */
const realTimeout = sleepMs;
const MS = 1_000_000;
const FACTORIAL = 0x08;
const STATUS = 0x20;
const GONE = 0xffff_ffff;

class Impatience extends Error {}

/** What is imported by name, and what the modules have. */
function nodesTimers(): unknown[] {
  return [timeoutOfNode, sleepMs, everyMs, scheduler.wait, { ...timers }, { ...timersPromises }];
}

type Body = (bed: Testbed, driver: AsyncEdu) => unknown;

/** Of a hang that only the wall clock ends; all else has a busy machine's time. */
const LIMIT_MS = 1000;

function drive(body: Body, options: Partial<EveryFaultOptions<AsyncEdu>> = {}): Promise<EveryFaultResult> {
  return everyFault(edu(), { setup: (bed: Testbed) => new AsyncEdu(bed.pci), ...options }, body);
}

async function fiveFactorial(_bed: Testbed, driver: AsyncEdu): Promise<void> {
  assert.equal(await driver.factorial(5), 120);
}

describe("a driver whose promises its interrupt handlers resolve", () => {
  test("comes to its end: virtual time moves while it waits, and what it waits for comes", async () => {
    const { devices, setup, body } = tasks;
    const kinds = ["interrupt-late", "operation-slow"] as const;
    const through = (): Promise<EveryFaultResult> =>
      everyFault(devices, { setup: (bed) => setup(bed as FaultBed), kinds }, (bed, driver) =>
        body(bed as FaultBed, driver),
      );
    const { sites } = await through();
    expect(sites.map(({ name, verdict }) => [name, verdict])).toEqual([
      ["operation-slow#1", "recovered"],
      ["interrupt-late#1", "recovered"],
      ["operation-slow#2", "recovered"],
      ["interrupt-late#2", "recovered"],
    ]);
    expect((await through()).sites).toEqual(sites);
  });

  test("need not be declared async: what a plain function returns is waited for up to the limit", async () => {
    const { sites } = await drive((_bed, driver) => driver.factorial(5), {
      kinds: ["interrupt-lost", "interrupt-late"],
      runLimitMs: LIMIT_MS,
    });
    expect(sites).toMatchObject([
      {
        name: "interrupt-lost#1",
        verdict: "hang",
        detail: expect.stringMatching(/^HangError: a promise was waited for in vain for 1 s; .* is declared async/),
      },
      { name: "interrupt-late#1", verdict: "recovered" },
    ]);
  });

  test("waits for what nothing will settle, and is told so long before the limit where it is declared async", async () => {
    const { failures } = await drive(fiveFactorial, { kinds: ["interrupt-lost"], runLimitMs: 60_000 });
    expect(failures).toMatchObject([
      { verdict: "hang", detail: expect.stringContaining("it awaits what nothing will settle") },
    ]);
  });

  test("has its own timers and clocks in virtual time: an hour passes at once", async () => {
    const patient = async (_bed: Testbed, driver: AsyncEdu): Promise<void> => {
      const fromMs = performance.now();
      const late = new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error(`no answer in ${Math.round(performance.now() - fromMs)} ms`)), 3_600_000);
      });
      assert.equal(await Promise.race([driver.factorial(5), late]), 120);
    };
    const { sites } = await drive(patient, {
      kinds: ["interrupt-lost", "interrupt-late"],
      virtualLimitNs: 2 * 3_600_000 * MS,
      isClean: (error) => (error as Error).message.startsWith("no answer"),
    });
    expect(sites).toMatchObject([
      { verdict: "clean-error", detail: "no answer in 3600000 ms" },
      { verdict: "recovered" },
    ]);
  });

  test("has those of node:timers and node:timers/promises in virtual time, too, and the same every time", async () => {
    const polled = async (pci: PciFunction, by: () => Promise<unknown>): Promise<number> => {
      pci.bar(0).write32(FACTORIAL, 5);
      for (let polls = 0; polls < 50; polls++) {
        const isBusy = (pci.bar(0).read32(STATUS) & 1) !== 0;
        const product = isBusy ? undefined : pci.bar(0).read32(FACTORIAL);
        if (product === GONE) break;
        if (product !== undefined) return product;
        await by();
      }
      throw new Impatience("no answer");
    };
    const body = async ({ pci }: Testbed): Promise<void> => {
      const minutes = everyMs(60_000)[Symbol.asyncIterator]();
      for (const by of [
        () => sleepMs(60_000),
        () => new Promise((resolve) => timeoutOfNode(resolve, 60_000)),
        () => scheduler.wait(60_000),
        () => minutes.next(),
      ])
        assert.equal(await polled(pci, by), 120);
      await minutes.return?.();
      const ended = new AbortController();
      const never = sleepMs(60_000, undefined, { signal: ended.signal });
      ended.abort();
      await assert.rejects(never, { name: "AbortError", code: "ABORT_ERR" });
    };
    const before = nodesTimers();
    const options = { kinds: ["operation-slow", "read-error", "removal"], virtualLimitNs: 1e15 } as const;
    const { sites, failures } = await drive(body, options);
    expect(failures).toEqual([]);
    expect(new Set(sites.map(({ verdict }) => verdict))).toEqual(new Set(["recovered", "clean-error"]));
    expect((await drive(body, options)).sites).toEqual(sites);
    expect(nodesTimers()).toEqual(before);
  });

  test("has tasks that wait for the bed beside each other, and polls by setImmediate as one that relaxes", async () => {
    const body = async (bed: Testbed, driver: AsyncEdu): Promise<void> => {
      const { sleep } = bed as FaultBed;
      const order: string[] = [];
      const slow = sleep.call(bed, 50 * MS).then(() => order.push("slept"));
      const computed = driver.factorial(5).then((product) => order.push(`${product}`));
      await Promise.all([slow, computed]);
      assert.deepEqual(order, ["120", "slept"]);
      bed.pci.bar(0).write32(FACTORIAL, 3);
      while ((bed.pci.bar(0).read32(STATUS) & 1) !== 0) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(bed.pci.bar(0).read32(FACTORIAL), 6);
    };
    const { sites } = await drive(body, { kinds: ["interrupt-late", "operation-slow"] });
    expect(sites.map(({ verdict }) => verdict)).not.toContain("hang");
    expect(sites.length).toBeGreaterThan(1);
  });

  test("may wait for what is outside of the testbed", async () => {
    const body = async (bed: Testbed, driver: AsyncEdu): Promise<void> => {
      await realTimeout(5);
      await fiveFactorial(bed, driver);
    };
    const { sites } = await drive(body, { kinds: ["interrupt-late"] });
    expect(sites).toMatchObject([{ verdict: "recovered" }]);
  });

  test("may wait for a file beside a time-out: virtual time stands still until it has come", async () => {
    const body = async (bed: Testbed, driver: AsyncEdu): Promise<void> => {
      const firmware = readFile(import.meta.filename, "utf8");
      const late = new Promise<never>((_, reject) => setTimeout(reject, 1000, new Error("no firmware")));
      assert.match(await Promise.race([firmware, late]), /no firmware/);
      await fiveFactorial(bed, driver);
    };
    const { sites } = await drive(body, { kinds: ["interrupt-late"] });
    expect(sites).toMatchObject([{ verdict: "recovered" }]);
  });

  test("takes as many steps whatever else its process waits for: what is counted by steps is the same every time", async () => {
    const devices = [await loadDevice(edu())];
    const stepsOf = async (begin: () => unknown): Promise<number> => {
      const body = async (bed: Testbed): Promise<void> => {
        begin();
        assert.equal(await new AsyncEdu(bed.pci).factorial(5), 120);
      };
      const limits = { steps: 1000, virtualNs: 1e9 };
      const options = { limits, wallLimit: new RunLimit(10_000), isAsync: true };
      const { verdict, steps } = await runWithFaults(devices, { body }, [], options, undefined);
      expect(verdict).toBe("recovered");
      return steps;
    };
    const alone = await stepsOf(() => {});
    expect(await stepsOf(() => void readFile(import.meta.filename))).toBe(alone);
  });

  test("may wait for timers of Node's own for more than a second, if each of them comes within one", async () => {
    let runs = 0;
    const body = async (bed: Testbed, driver: AsyncEdu): Promise<void> => {
      if (runs++ === 0) for (let waits = 0; waits < 7; waits++) await realTimeout(200);
      await fiveFactorial(bed, driver);
    };
    const { sites } = await drive(body, { kinds: ["interrupt-late"] });
    expect(sites).toMatchObject([{ verdict: "recovered" }]);
  });

  test("may await in its account", async () => {
    let runs = 0;
    const account = async (driver: AsyncEdu): Promise<string | undefined> =>
      (await driver.factorial(3)) === 6 && runs++ === 0 ? undefined : "a buffer is lost";
    const { sites } = await drive(fiveFactorial, { kinds: ["interrupt-late"], account });
    expect(sites).toMatchObject([
      { verdict: "lost-buffer", detail: "a buffer is lost" },
      { verdict: "lost-buffer", detail: "a buffer is lost" },
    ]);
  });

  test("with the card in a thread of its own, too", async () => {
    const { sites } = await drive(fiveFactorial, {
      kinds: ["interrupt-lost", "interrupt-late"],
      run: "threaded",
      // On a busy machine a thread may not have its turn for a second.
      runLimitMs: 3 * LIMIT_MS,
    });
    expect(sites.map(({ name, verdict }) => [name, verdict])).toEqual([
      ["interrupt-lost#1", "hang"],
      ["interrupt-late#1", "recovered"],
    ]);
  });

  test("against a card that lies", async () => {
    // The second word that the driver reads is the product.
    const options = { setup: (bed: Testbed) => new AsyncEdu(bed.pci), lies: [{ nth: 2, word: 121 }] };
    expect(await hostile(edu(), options, fiveFactorial)).toMatchObject({ lieCount: 1, verdicts: { deceived: 1 } });
  });
});

describe("whose a plain Error is, behind an await", () => {
  /** Gives up behind an await of its own, of which nothing is on the stack any more: it has a queue of promises. */
  class Impatient extends AsyncEdu {
    #last: Promise<unknown> = Promise.resolve();
    override factorial(n: number): Promise<number> {
      const result = this.#last.then(() => this.#within(n));
      this.#last = result.catch(() => {});
      return result;
    }
    async #within(n: number): Promise<number> {
      const late = new Promise<undefined>((resolve) => setTimeout(resolve, 1000, undefined));
      const product = await Promise.race([super.factorial(n), late]);
      if (product === undefined) throw new Error("no answer");
      return product;
    }
  }
  const isLate = (error: unknown): boolean => error instanceof Error && error.message === "no answer";
  async function named(_bed: Testbed, driver: AsyncEdu): Promise<void> {
    await driver.factorial(5);
  }
  async function checks(_bed: Testbed, driver: AsyncEdu): Promise<void> {
    await driver.factorial(5).catch(() => {
      throw new Error("5! did not come");
    });
  }

  test.for<readonly [what: string, verdict: string, body: Body]>([
    ["the driver's, below a body with a name", "clean-error", named],
    ["the driver's, below a body that is bound", "clean-error", named.bind(undefined)],
    [
      "the driver's, below a body without a name",
      "clean-error",
      async (_bed, driver) => void (await driver.factorial(5)),
    ],
    [
      "the body's that throws it",
      "wrong-result",
      async (_bed, driver) => {
        if (await driver.factorial(5).then(() => false, isLate)) throw new Error("5! did not come");
      },
    ],
    ["the body's whose nameless function throws it", "wrong-result", checks],
    ["the body's that a plain function has called", "wrong-result", (bed, driver) => checks(bed, driver)],
  ])("%s: %s", async ([, verdict, body]) => {
    const setup = async (bed: Testbed): Promise<AsyncEdu> => new Impatient(bed.pci);
    const { sites } = await drive(body, { kinds: ["interrupt-lost"], setup });
    expect(sites).toMatchObject([{ name: "interrupt-lost#1", verdict }]);
  });
});

describe("no wait is without a limit", () => {
  /** Goes astray where the interrupt is lost: in the ordinary run it comes before the timer. */
  const astray =
    (wrong: () => unknown): Body =>
    async (_bed, driver) => {
      const late = new Promise((resolve) => setTimeout(resolve, 1000, "late"));
      if ((await Promise.race([driver.factorial(5), late])) === "late") await wrong();
    };

  test.for<readonly [string, () => unknown]>([
    [
      "a loop behind an await",
      () => {
        for (let turns = 0; turns >= 0; ) turns = (turns + 1) % 7;
      },
    ],
    [
      "a loop of promises that are settled",
      async () => {
        for (;;) await null;
      },
    ],
    ["an interval that goes on for ever", () => new Promise(() => setInterval(() => {}, 1))],
  ])("%s is a hang", async ([, wrong]) => {
    const { failures } = await drive(astray(wrong), { kinds: ["interrupt-lost"], runLimitMs: LIMIT_MS });
    expect(failures).toMatchObject([{ name: "interrupt-lost#1", verdict: "hang" }]);
  });

  test("what is rejected and nobody awaits is told, and does not end the process", async () => {
    const { failures } = await drive(
      astray(() => {
        void Promise.reject(new Error("nobody hears this"));
      }),
      { kinds: ["interrupt-lost"] },
    );
    expect(failures).toMatchObject([
      { verdict: "failed", detail: "a promise was rejected that nobody awaits: nobody hears this" },
    ]);
  });

  test("and so is what is thrown where nobody could catch it, even if the driver waits for ever then", async () => {
    const { failures } = await drive(
      astray(() => {
        const never = new Promise(() => {});
        setTimeout(() => {
          throw new Error("a callback broke");
        }, 5);
        return never;
      }),
      { kinds: ["interrupt-lost"] },
    );
    expect(failures).toMatchObject([
      { verdict: "failed", detail: "a promise was rejected that nobody awaits: a callback broke" },
    ]);
  });

  test("and what is rejected in the last moment", async () => {
    const driven = drive(fiveFactorial, {
      kinds: ["interrupt-late"],
      teardown: () => {
        void Promise.reject(new Error("too late"));
      },
    });
    await expect(driven).rejects.toThrow("failed: a promise was rejected that nobody awaits: too late");
  });

  test("a task that is left over from one run is no verdict on the next", async () => {
    let wake = (): void => {};
    let late = 0;
    const body = async (bed: Testbed, driver: AsyncEdu): Promise<void> => {
      const left = async (): Promise<void> => {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        late++;
        bed.pci.bar(0).read32(STATUS);
      };
      wake();
      void left();
      await fiveFactorial(bed, driver);
    };
    const { sites } = await drive(body, { kinds: ["interrupt-late", "operation-slow"] });
    expect(sites).toMatchObject([{ verdict: "recovered" }, { verdict: "recovered" }]);
    expect(late).toBe(2);
    // And when no run is under way any more, it is no error that nobody awaits, which would end the process, and fail this test.
    wake();
    await realTimeout(1);
    expect(late).toBe(3);
  });

  test("a function that yields is refused: nothing of it would be run", async () => {
    const yielding = drive(function* () {
      yield 1;
    });
    await expect(yielding).rejects.toThrow("body is neither a plain nor an async function");
  });
});
