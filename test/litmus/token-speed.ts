import { Execution } from "../../emulator/explore/execution.ts";
import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import { Machine } from "../../emulator/explore/machine.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import { CpuWorker } from "../../emulator/explore/tokens/cpu-worker.ts";

/** `node test/litmus/token-speed.ts`: runs and steps a second when both CPUs of a program are plain functions in workers. */
const TOKEN_CPUS = new URL("../threads/fixtures/token.cpu.ts", import.meta.url);
const RUNS = 5000;

const machine = new Machine();
const argument = { flag: machine.word("flag"), data: machine.word("data") };
await using producer = await CpuWorker.start(TOKEN_CPUS, { exportName: "producer", argument });
await using consumer = await CpuWorker.start(TOKEN_CPUS, { exportName: "consumer", argument });
producer.join(machine, "producer");
consumer.join(machine, "consumer");
const execution = new Execution(machine);
const strategy = new Portfolio();
for (const [model, name] of MEMORY_MODELS.entries()) {
  for (let run = 0; run < RUNS / 5; run++) execution.run(strategy, model, run);
  const start = process.hrtime.bigint();
  let steps = 0;
  for (let run = 0; run < RUNS; run++) {
    execution.run(strategy, model, run);
    steps += execution.stepCount;
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(`${name} ${(RUNS / seconds / 1e3).toFixed(1)}k runs/s ${(steps / seconds / 1e3).toFixed(0)}k steps/s`);
}
