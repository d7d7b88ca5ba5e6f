import { expect, test } from "vitest";
import { edu } from "../../devices/edu/index.ts";
import type { DmaBuffer } from "../../emulator/pcie/driver-view.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { explore } from "../../harness/explore/explore.ts";
import { InterleavingError } from "../../harness/explore/explore-errors.ts";
import type { ExploredBed } from "../../harness/explore/explored-bed.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import { plugIn } from "../../harness/plug-in.ts";
import { factorial } from "./fixtures/edu.cpu.ts";
import type { Doing } from "./fixtures/edu-owner.cpu.ts";

const EDU_CPU = new URL("./fixtures/edu.cpu.ts", import.meta.url);
const REPORTER_CPU = new URL("./fixtures/edu-reporter.cpu.ts", import.meta.url);
const OWNER_CPU = new URL("./fixtures/edu-owner.cpu.ts", import.meta.url);
const MANY_CPU = new URL("./fixtures/edu-many.cpu.ts", import.meta.url);

/** Two CPUs compute on one card, with or without a lock between them. */
function twoUsers(isLocked: boolean, options: { readonly runs: number; readonly replay?: string }) {
  return explore(
    edu(),
    {
      setup: (bed) => ({ iova: bed.pci.dma.alloc(64, { label: "meeting" }).iova, isLocked }),
      cpus: [{ module: EDU_CPU, argument: (meeting) => meeting }],
      ...options,
    },
    (bed, meeting) => {
      const result = factorial(bed.pci, meeting, 5);
      if (result !== 120) throw new Error(`CPU 0: 5! is not ${result}`);
    },
  );
}

test("two CPUs race on one card; the failure names both, and its token repeats it", async () => {
  const failed = await twoUsers(false, { runs: 200 }).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(InterleavingError);
  const { message, model, token } = failed as InterleavingError;
  expect(model).toBe("sc");
  expect(message).toMatch(/CPU [01]: [45]! is not/);
  expect(message).toMatch(/driver .*CPU 1 .*edu/);
  const again = await twoUsers(false, { runs: 1, replay: token }).catch((error: unknown) => error);
  // The lines that the finding was called from end in those of this test, which are two.
  const told = (text: string): string | undefined =>
    text.split("\n")[0]?.replaceAll(/explored-cpus\.test\.ts:\d+/g, "");
  expect(told((again as InterleavingError).message)).toBe(told(message));
});

test("an argument that is data, and no function of the context, is refused by name", async () => {
  const argument = { iova: 4096 } as unknown as () => unknown;
  const cpus = [{ module: EDU_CPU }, { module: EDU_CPU, argument }];
  const refused = explore(edu(), { setup: () => undefined, cpus, runs: 1 }, () => {});
  await expect(refused).rejects.toThrow(/^cpus\[1\]\.argument is no function: want \(context\) => data/);
});

test("with a spin lock between them they do not, in any memory model", async () => {
  expect(await twoUsers(true, { runs: 100 })).toEqual({ runs: 300, unknown: 0 });
});

/** CPU 1 takes an interrupt of the card and writes down what for; CPU 0 waits for the flag and reads it. */
async function reported(hasBarrier: boolean): Promise<PluggedSession<DmaBuffer>> {
  const exploration = {
    setup: (bed: ExploredBed): DmaBuffer => {
      bed.pci.config.setBusMaster(true);
      return bed.pci.dma.alloc(64, { label: "report" });
    },
    body: (bed: ExploredBed, report: DmaBuffer): void => {
      for (let looks = 0; report.readAcquire32(4) === 0 && looks < 20; looks++) bed.pci.cpu.relax();
      if (report.read32(4) === 1 && report.read32(8) !== 0x10) throw new Error("the flag came before the cause");
    },
  };
  const argument = ({ iova }: DmaBuffer) => ({ iova, isLocked: hasBarrier });
  return new PluggedSession([await loadDevice(edu())], exploration, {}, 0, [{ module: REPORTER_CPU, argument }]);
}

test("a handler on another CPU runs between two accesses of it, and races with this one", async () => {
  const careless = await reported(false);
  const careful = await reported(true);
  try {
    // Two stores of one handler: only a model that lets the second leave first shows it.
    for (const model of ["sc", "tso"] as const) expect(careless.search(model, 100, 1).hasFailed).toBe(false);
    expect(careless.search("relaxed", 100, 1).hasFailed).toBe(true);
    expect(careless.machine.violation).toContain("the flag came before the cause");
    expect(careful.search("relaxed", 100, 1)).toEqual({ runs: 100, hasFailed: false, unknown: 0 });
  } finally {
    await careless.close();
    await careful.close();
  }
});

test("a lock and a buffer that is opened by its address serve CPUs of a threaded testbed too", async () => {
  await using bed = await plugIn(edu(), { run: "threaded" });
  const meeting = bed.pci.dma.alloc(64);
  const argument = { iova: meeting.iova, isLocked: true };
  const sums = await Promise.all([1, 2].map((cpu) => bed.cpu(cpu).run(MANY_CPU, argument)));
  expect(sums).toEqual([300, 300]);
});

test("what a CPU in a thread of its own allocates, frees and takes raw is known to the sanitizers", async () => {
  const found = async (doing: Doing): Promise<string> => {
    const setup = (bed: ExploredBed): void => bed.pci.config.setBusMaster(true);
    const cpus = [{ module: OWNER_CPU, argument: () => doing }];
    return explore(edu(), { setup, cpus, runs: 10, models: ["tso"], races: false, cure: false }, () => {}).then(
      () => "",
      (error: Error) => error.message,
    );
  };
  expect(await found("waits")).toBe("");
  expect(await found("takes raw memory")).toBe("");
  const changes = await found("changes");
  expect(changes).toMatch(/Store of 4 bytes to buffer of CPU 1\+0x0 \(IOVA .* while it belongs to DMA_COMMAND/);
  expect(changes).toContain("At an access of CPU 1.");
  expect(await found("frees")).toMatch(/buffer of CPU 1\+0x0 .* was freed while DMA_COMMAND 0x00098 has it/);
});
