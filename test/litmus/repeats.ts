/**
 * `node test/litmus/repeats.ts [--repeats 1000] [--json]`: finds failing runs of small programs and one run of the real
 * 82599 driver, replays the token of each again and again, and compares the trace hashes. The same token is the same run
 * to the last step, on every Node. Ends with 1 when a hash differs.
 */
import { parseArgs } from "node:util";
import { MEMORY_MODELS, type MemoryModel } from "../../emulator/explore/kinds.ts";
import { Portfolio } from "../../emulator/explore/strategies/portfolio.ts";
import type { SearchSession } from "../../harness/explore/search-session.ts";
import { Session } from "../../harness/explore/session.ts";
import { readToken, writeToken } from "../../harness/explore/token.ts";
import { EduDriver } from "../../scenarios/drivers/edu.ts";
import { FeedHandlerDriver } from "../../scenarios/drivers/feed-handler.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import { races } from "../../scenarios/races/index.ts";
import { sessionFor, type WorkloadName } from "../mutants/workloads.ts";

const SMALL: readonly string[] = ["lost-update", "length-before-done", "mask-not-flushed", "futex-lost-wakeup"];
const REAL: readonly WorkloadName[] = ["receive", "interrupts", "edu-msi"];
const SEARCH_RUNS = 4096;
/** A run of a real driver that departs from the ordinary one often: the one with this seed. */
const REAL_SEED = 5;

interface Repeated {
  readonly name: string;
  readonly model: MemoryModel;
  readonly token: string;
  readonly deviationCount: number;
  readonly stepCount: number;
  /** As eight hexadecimal digits. */
  readonly hash: string;
  /** Replays that gave another hash. */
  readonly differing: number;
}

const { values } = parseArgs({
  options: { repeats: { type: "string", default: "1000" }, json: { type: "boolean", default: false } },
});
const repeats = Number(values.repeats);
const results: Repeated[] = [];

for (const name of SMALL) {
  const program = races.find((race) => race.name === name);
  if (program === undefined) throw new Error(`no program ${name}`);
  const session = new Session(program);
  for (const model of MEMORY_MODELS) {
    session.search(model, SEARCH_RUNS, 1);
    results.push(repeat(name, session, model));
  }
}
for (const name of REAL) {
  const session = await sessionFor(name, { IxgbeDriver, EduDriver, FeedHandlerDriver });
  for (const [index, model] of MEMORY_MODELS.entries()) {
    session.run(new Portfolio(), index, REAL_SEED);
    results.push(repeat(name, session, model));
  }
}
if (values.json) console.log(JSON.stringify(results));
else {
  for (const { name, model, deviationCount, stepCount, hash, differing } of results) {
    const verdict = differing === 0 ? `${repeats} of ${repeats} alike` : `${differing} of ${repeats} DIFFER`;
    console.log(
      `${name.padEnd(20)} ${model.padEnd(8)} ${stepCount} steps, ${deviationCount} deviations, hash ${hash}: ${verdict}`,
    );
  }
}
process.exitCode = results.every(({ differing }) => differing === 0) ? 0 : 1;

/** Makes a token of the run that was made last, reads it back, and replays it. */
function repeat(name: string, session: SearchSession, model: MemoryModel): Repeated {
  const { execution } = session;
  const { hash, stepCount } = execution;
  const { schedule } = execution.recorder;
  const text = writeToken({ program: name, sourceHash: "00000000", model, strategy: "portfolio", seed: 1, schedule });
  const token = readToken(text);
  let differing = 0;
  for (let count = 0; count < repeats; count++) {
    session.replay(token.model, token.schedule);
    if (execution.hash !== hash) differing++;
  }
  return {
    name,
    model,
    token: text,
    deviationCount: token.schedule.count,
    stepCount,
    hash: (hash >>> 0).toString(16).padStart(8, "0"),
    differing,
  };
}
