import { ixgbe } from "../../../devices/index.ts";
import { MEMORY_MODELS, type MemoryModel } from "../../../emulator/explore/kinds.ts";
import { Schedule } from "../../../emulator/explore/schedule.ts";
import type { LoadedDevice, MachineOptions } from "../../../emulator/run/machine.ts";
import { loadDevice } from "../../../emulator/run/machine.ts";
import { type Exploration, PluggedSession } from "../../../harness/explore/plugged-session.ts";
import { recordRun } from "../../../harness/explore/recorded-run.ts";
import { atOnce } from "../../../harness/explore/work.ts";
import { type RunFacts, recordsOfRun } from "../../../harness/explore/write-explored-trace.ts";
import { frames } from "../../../harness/frames.ts";
import { ExploredTracing } from "../../../harness/trace/explored-tracing.ts";
import type { TraceRecord } from "../../../harness/trace/trace-event.ts";
import { IxgbeDriver } from "../../../scenarios/drivers/ixgbe.ts";

/** Frames that the drivers of these tests send and get. */
export const LIST: readonly Uint8Array[] = frames(3, { seed: 5, minByteLength: 60, maxByteLength: 200 });
export const CARD: ReturnType<typeof ixgbe> = ixgbe({ linkUpNs: 0 });
export const DRIVER = { ringSize: 8, promiscuous: true, bufferCount: 24, interrupts: "msix" } as const;

/** Frames both ways through the 82599, by interrupts; what the driver has then, it compares. */
export const EXCHANGE: Exploration<IxgbeDriver> = {
  setup: (bed) => IxgbeDriver.probe(bed.pci, DRIVER),
  body: (bed, driver) => {
    for (const frame of LIST) bed.wire.send(frame);
    for (const frame of LIST) driver.transmit(frame);
    for (const frame of LIST) {
      let got = driver.receive();
      for (; got === undefined; got = driver.receive()) driver.waitForTraffic(100);
      if (Buffer.compare(got, frame) !== 0) throw new Error("another frame than was sent");
    }
    bed.quiesce();
    // What a body may do with the configuration is a step as well.
    bed.pci.config.setBusMaster(true);
  },
};

/** The same with a set-up that is made once. */
export const RESTORED: Exploration<IxgbeDriver> = {
  ...EXCHANGE,
  save: (driver) => driver.save(),
  restore: (driver, state) => driver.restore(state),
};

/** See {@link sessionsOf}. */
export interface Sessions<Context> {
  readonly plain: PluggedSession<Context>;
  readonly traced: PluggedSession<Context>;
}

/** A session twice: with nothing around devices and driver, and with a tracer there. */
export function sessionsOf<Context>(
  devices: readonly LoadedDevice[],
  exploration: Exploration<Context>,
  machine: MachineOptions = {},
  tracing: ExploredTracing = new ExploredTracing(),
): Sessions<Context> {
  return {
    plain: new PluggedSession(devices, exploration, machine),
    traced: new PluggedSession(devices, exploration, machine, 0, [], tracing),
  };
}

export async function exchangeSessions(
  exploration: Exploration<IxgbeDriver> = EXCHANGE,
  tracing?: ExploredTracing,
): Promise<Sessions<IxgbeDriver>> {
  return sessionsOf([await loadDevice(CARD)], exploration, {}, tracing);
}

/** The last schedule of a few in each memory model. */
export function* schedulesOf<Context>(
  session: PluggedSession<Context>,
  runs: number,
  seed: number,
): Generator<readonly [MemoryModel, Schedule]> {
  for (const model of MEMORY_MODELS) {
    session.search(model, runs, seed);
    const schedule = new Schedule();
    schedule.copyFrom(session.execution.recorder.schedule);
    yield [model, schedule];
  }
}

/** What is known of a run besides its steps. */
export const FACTS: Omit<RunFacts, "model"> = {
  program: "p",
  strategy: "portfolio",
  seed: 1,
  token: "t",
  verdict: "passed",
  violation: "",
  failure: "",
};

/** Makes a run with everything noted. */
export function recorded<Context>(
  session: PluggedSession<Context>,
  model: MemoryModel,
  schedule: Schedule,
): TraceRecord[] {
  atOnce(recordRun(session, model, schedule));
  return recordsOfRun(session, { ...FACTS, model });
}
