import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import { PriorityChangePoints } from "../../emulator/explore/strategies/pct.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { PartialOrderSampling } from "../../emulator/explore/strategies/pos.ts";
import { RandomWalk } from "../../emulator/explore/strategies/random-walk.ts";
import { SelectiveUniformRandomWalk } from "../../emulator/explore/strategies/surw.ts";
import { UniformRandomWalk } from "../../emulator/explore/strategies/urw.ts";
import type { Strategy } from "../../emulator/explore/strategy.ts";
import { Session } from "../../harness/explore/session.ts";
import { races } from "../../scenarios/races/index.ts";

/** `node --expose-gc test/litmus/speed.ts`: runs and steps a second in one thread, and what they leave on the heap. */
const strategies: readonly Strategy[] = [
  new RandomWalk(),
  new PartialOrderSampling(),
  new PriorityChangePoints(5),
  new UniformRandomWalk(),
  new SelectiveUniformRandomWalk(),
  new Portfolio(),
];
const collect = (globalThis as { gc?: () => void }).gc;

for (const name of ["store-buffering", "length-before-done", "mask-not-flushed", "ring-full"]) {
  const program = races.find((race) => race.name === name);
  if (program === undefined) throw new Error(`no program ${name}`);
  const session = new Session(program, true);
  const { execution } = session;
  for (const strategy of strategies) {
    const cells: string[] = [];
    for (const model of MEMORY_MODELS.keys()) {
      for (let run = 0; run < 20_000; run++) execution.run(strategy, model, run);
      collect?.();
      const heapBefore = process.memoryUsage().heapUsed;
      const start = process.hrtime.bigint();
      let steps = 0;
      const runs = 100_000;
      for (let run = 0; run < runs; run++) {
        execution.run(strategy, model, run);
        steps += execution.stepCount;
      }
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      collect?.();
      const kept = process.memoryUsage().heapUsed - heapBefore;
      cells.push(
        `${MEMORY_MODELS[model]} ${(runs / seconds / 1e3).toFixed(0)}k runs/s ${(steps / seconds / 1e6).toFixed(1)}M steps/s ${(kept / 1024).toFixed(0)} KiB`,
      );
    }
    console.log(`${name} ${strategy.name}: ${cells.join(" | ")}`);
  }
}
