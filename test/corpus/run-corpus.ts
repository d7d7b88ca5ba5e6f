import type { Finding } from "../../emulator/run/findings.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import { plugIn } from "../../harness/plug-in.ts";
import type { PlugInOptions } from "../../harness/testbed.ts";
import type { WrongDriver } from "./wrong-driver.ts";

/** A twin has nothing to be found, and comes to the end of them. */
const SCHEDULES = { wrong: 30, right: 6 } as const;
/** Small tables: most of a short run is making them. */
const SMALL = { hostMemoryBytes: 1 << 24, wireQueueBytes: 1 << 16, iommu: { windowBytes: 1 << 25, mappingCount: 256 } };
const SEED = 1;
const NO_WIRE = { send: (): void => {} };

/** What is found of a driver on a testbed that is closed then. `parts`: what else stands around the devices. */
export async function foundIn(
  run: "folded" | "threaded",
  entry: WrongDriver,
  isWrong: boolean,
  parts: Pick<PlugInOptions, "faults"> = {},
): Promise<Finding[]> {
  const bed = await plugIn(entry.device, { run, ...SMALL, ...parts });
  try {
    const hasWire = bed.functions[0]?.name === "ixgbe";
    const drive = entry.setup({ pci: bed.pci, wire: hasWire ? bed.wire : NO_WIRE }, isWrong);
    drive();
  } catch (error) {
    if (!isWrong) throw error;
  }
  await bed.quiesce();
  await bed.close();
  return [...bed.violations, ...bed.notes];
}

/** A session that keeps what is found in each run. */
class FindingSession extends PluggedSession<() => void> {
  readonly found = new Map<string, Finding>();

  override failForBrokenRules(): void {
    super.failForBrokenRules();
    for (const { findings } of this.plugged.endpoints)
      for (const finding of findings.findings) this.found.set(`${finding.rule} ${finding.place}`, finding);
  }
}

/** The same of the schedules of a search, up to the first that fails; and what it fails with. */
export async function foundExploring(
  entry: WrongDriver,
  isWrong: boolean,
): Promise<{ readonly findings: readonly Finding[]; readonly failure: string }> {
  const session = new FindingSession([await loadDevice(entry.device)], {
    setup: (bed) => {
      const wire = bed.pci.name === "ixgbe" ? bed.wire : NO_WIRE;
      return entry.setup({ pci: bed.pci, wire }, isWrong);
    },
    body: (bed, drive) => {
      drive();
      bed.quiesce();
    },
  });
  const { hasFailed } = session.search("tso", isWrong ? SCHEDULES.wrong : SCHEDULES.right, SEED);
  const failure = hasFailed ? `${session.machine.violation}${session.stuck}` : "";
  return { findings: [...session.found.values()], failure };
}
