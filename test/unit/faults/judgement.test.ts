import assert from "node:assert/strict";
import { describe, expect, test } from "vitest";
import { type EveryFaultOptions, everyFault, isFailure } from "../../../harness/faults/every-fault.ts";
import type { FaultVerdict } from "../../../harness/faults/scenario-run.ts";
import type { Testbed } from "../../../harness/testbed.ts";
import * as card from "./fixtures/toy-device.ts";
import { ToyDriver } from "./toy-driver.ts";

const { toy } = card;
const ALL_ONES = 0xffff_ffff;

/** A driver of one register that says what it has read, or that it is nothing. */
class Reader {
  readonly #bed: Testbed;

  constructor(bed: Testbed) {
    this.#bed = bed;
  }

  rounds(): number {
    return this.#bed.pci.bar(0).read32(card.ROUNDS);
  }

  checkedRounds(): number {
    const rounds = this.rounds();
    if (rounds === ALL_ONES) throw new Error("toy: the card is gone");
    return rounds;
  }
}

class GaveUpError extends Error {
  override readonly name = "GaveUpError";
}

type Body = (bed: Testbed, driver: Reader) => unknown;

/** What is said of a body whose only register read times out. */
async function verdictOf(body: Body, options: Partial<EveryFaultOptions<Reader>> = {}): Promise<FaultVerdict> {
  const all = { setup: (bed: Testbed) => new Reader(bed), kinds: ["read-error"], ...options } as const;
  const { sites, failures } = await everyFault<Reader>(toy(), all, body);
  const [site] = sites;
  assert.ok(site);
  expect(failures.length > 0).toBe(isFailure(site));
  return site.verdict;
}

function check(rounds: number): void {
  if (rounds !== 0) throw new Error(`${rounds} rounds`);
}

describe("a driver that returned garbage is wrong, whatever its test throws", () => {
  test.for<readonly [string, Body]>([
    ["an assertion", (_bed, driver) => assert.equal(driver.rounds(), 0)],
    ["an expectation of vitest", (_bed, driver) => expect(driver.rounds()).toBe(0)],
    [
      "a plain Error of the body",
      (_bed, driver) => {
        if (driver.rounds() !== 0) throw new Error("garbage");
      },
    ],
    [
      "one from a nameless function in the body",
      (_bed, driver) => {
        [driver.rounds()].forEach((rounds) => {
          if (rounds !== 0) throw new Error("garbage");
        });
      },
    ],
    [
      "one from an async body, before it waits",
      async (_bed, driver) => {
        if (driver.rounds() !== 0) throw new Error("garbage");
      },
    ],
    [
      "and behind an await",
      async (bed, driver) => {
        const rounds = driver.rounds();
        await bed.quiesce();
        await new Promise((resolve) => setImmediate(resolve));
        if (rounds !== 0) throw new Error("garbage");
      },
    ],
    [
      "one whose cause is no error of the driver's",
      (_bed, driver) => {
        if (driver.rounds() !== 0) throw new Error("garbage", { cause: "all ones" });
      },
    ],
  ])("%s", async ([, body]) => {
    expect(await verdictOf(body)).toBe("wrong-result");
  });

  test.for<readonly [string, Body]>([
    ["an Error of its own", (_bed, driver) => driver.checkedRounds()],
    [
      "one behind an await",
      async (_bed, driver) => {
        await Promise.resolve();
        driver.checkedRounds();
      },
    ],
    [
      "one that the body throws on",
      (_bed, driver) => {
        try {
          driver.checkedRounds();
        } catch (error) {
          throw new Error("it gave up", { cause: error });
        }
      },
    ],
    [
      "one of a class of its own, from wherever",
      (_bed, driver) => {
        if (driver.rounds() !== 0) throw new GaveUpError("no rounds");
      },
    ],
    ["a function of the test's that stands for the application", (_bed, driver) => check(driver.rounds())],
  ])("but one that gave up has a way out: %s", async ([, body]) => {
    expect(await verdictOf(body)).toBe("clean-error");
  });

  test("so it is in set-up and teardown, where nothing is checked", async () => {
    const setup = (bed: Testbed): Reader => {
      if (bed.pci.bar(0).read32(card.ROUNDS) !== 0) throw new Error("no card");
      return new Reader(bed);
    };
    expect(await verdictOf(() => {}, { setup })).toBe("clean-error");
    const teardown = (driver: Reader): void => {
      if (driver.rounds() !== 0) throw new Error("no card");
    };
    expect(await verdictOf(() => {}, { teardown })).toBe("clean-error");
  });

  test("and who has an idea of his own of what is clean is believed", async () => {
    const body: Body = (_bed, driver) => {
      if (driver.rounds() !== 0) throw new Error("no card");
    };
    expect(await verdictOf(body, { isClean: () => true })).toBe("clean-error");
    expect(await verdictOf(body, { isClean: () => false })).toBe("failed");
  });
});

describe("where the card says what is not so, and no driver can tell", () => {
  const drive = (bug?: "believes-length") =>
    everyFault(
      toy(),
      {
        setup: (bed) => new ToyDriver(bed.pci, bug),
        teardown: (driver) => driver.close(),
        kinds: ["write-back-corrupt", "write-back-reordered", "payload-late"],
        stepLimit: 20_000,
      },
      (_bed, driver) => {
        for (let round = 0; round < 16; round++) assert.equal(driver.ask(round), round + 1);
      },
    );

  test("a wrong result is no failure", async () => {
    const { verdicts, failures } = await drive();
    expect(failures).toEqual([]);
    expect(verdicts.deceived).toBeGreaterThan(0);
    expect(verdicts["wrong-result"]).toBe(0);
  });

  test("harm is", async () => {
    const { failures } = await drive("believes-length");
    expect(failures.map(({ verdict }) => verdict)).toContain("outside");
  });
});
