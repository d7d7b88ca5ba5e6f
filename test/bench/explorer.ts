/**
 * The figures of the explorer: how many runs of a small program, of a real driver with its set-up, and of a driver that
 * awaits, one thread makes.
 */
import { performance } from "node:perf_hooks";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { isFailure } from "../../emulator/explore/verdict.ts";
import { loadDevice } from "../../emulator/run/machine.ts";
import { AsyncSession } from "../../harness/explore/async-session.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import type { AnySession } from "../../harness/explore/search-session.ts";
import { Session } from "../../harness/explore/session.ts";
import { frames } from "../../harness/frames.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import tasks from "../../scenarios/explorations/edu-tasks.ts";
import { races } from "../../scenarios/races/index.ts";
import { median } from "./figures.ts";

const SMALL_PROGRAMS = ["store-buffering", "length-before-done", "mask-not-flushed"];
const SMALL_RUNS = 50_000;
const DRIVER_RUNS = 3000;
const TASK_RUNS = 3000;
const FRAME_COUNT = 3;

/** Runs and steps a second, in each memory model. */
export interface ExplorerFigures {
  readonly what: string;
  readonly runsPerSecond: readonly number[];
  readonly stepsPerSecond: readonly number[];
}

/** Medians over `rounds`, in the order of MEMORY_MODELS. */
export async function explorerFigures(rounds: number): Promise<ExplorerFigures[]> {
  const figures: ExplorerFigures[] = [];
  for (const name of SMALL_PROGRAMS) {
    const program = races.find((race) => race.name === name);
    if (program === undefined) throw new Error(`there is no program ${name}`);
    figures.push(await measure(`${name}, mended`, new Session(program, true), SMALL_RUNS, rounds));
  }
  const device = await loadDevice(ixgbe());
  for (const isSaved of [false, true]) {
    const what = `ixgbe driver, ${FRAME_COUNT} frames each way${isSaved ? ", set-up restored" : ""}`;
    figures.push(await measure(what, driverSession(device, isSaved), DRIVER_RUNS, rounds));
    const watched = driverSession(device, isSaved);
    watched.plugged.detectRaces();
    figures.push(await measure(`${what}, data races looked for`, watched, DRIVER_RUNS, rounds));
  }
  const taskSession = new AsyncSession(await Promise.all(tasks.devices.map(loadDevice)), tasks);
  figures.push(await measure("async edu driver, two tasks, a turn a wait", taskSession, TASK_RUNS, rounds));
  return figures;
}

function driverSession(device: Awaited<ReturnType<typeof loadDevice>>, isSaved: boolean): PluggedSession {
  const [there, back] = [11, 12].map((seed) => frames(FRAME_COUNT, { seed, minByteLength: 60, maxByteLength: 60 }));
  return new PluggedSession<IxgbeDriver>([device], {
    setup: (bed) => IxgbeDriver.probe(bed.pci, { ringSize: 8, promiscuous: true, bufferCount: 32 }),
    body: (bed, driver) => {
      for (const frame of back ?? []) bed.wire.send(frame);
      for (const frame of there ?? []) driver.transmit(frame);
      for (let got = 0; got < FRAME_COUNT; ) {
        if (driver.receive() === undefined) bed.pci.cpu.relax();
        else got++;
      }
      bed.quiesce();
      if (bed.wire.sent.length !== FRAME_COUNT) throw new Error(`${bed.wire.sent.length} frames were sent`);
    },
    ...(isSaved ? { save: (driver) => driver.save(), restore: (driver, state) => driver.restore(state) } : {}),
  }) as PluggedSession;
}

async function measure(what: string, session: AnySession, runs: number, rounds: number): Promise<ExplorerFigures> {
  const strategy = new Portfolio();
  const runRates: number[] = [];
  const stepRates: number[] = [];
  for (const model of MEMORY_MODELS.keys()) {
    const [ofRuns, ofSteps]: [number[], number[]] = [[], []];
    // The first round warms up.
    for (let round = -1; round < rounds; round++) {
      let steps = 0;
      const start = performance.now();
      for (let run = 0; run < runs; run++) {
        const ran = session.run(strategy, model, run);
        // Nothing is awaited where nothing has to be.
        if (isFailure(typeof ran === "number" ? ran : await ran))
          throw new Error(`${what} fails: ${session.machine.violation}`);
        steps += session.execution.stepCount;
      }
      const seconds = (performance.now() - start) / 1000;
      if (round < 0) continue;
      ofRuns.push(runs / seconds);
      ofSteps.push(steps / seconds);
    }
    runRates.push(median(ofRuns));
    stepRates.push(median(ofSteps));
  }
  return { what, runsPerSecond: runRates, stepsPerSecond: stepRates };
}
