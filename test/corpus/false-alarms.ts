/**
 * `npm run false-alarms -- --schedules 100000 --frames 10000000`: what the sanitizers say of drivers that are right, by rule.
 * Every workload of the mutants and every exploration of scenarios/ is searched, the schedules dealt out evenly over them and
 * the memory models; then frames go both ways on threads, looked at for data races. Exit code 1 when anything was said, or a schedule failed.
 */
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import type { Finding } from "../../emulator/run/findings.ts";
import { createTables, loadDevice } from "../../emulator/run/machine.ts";
import { raceSampling } from "../../emulator/sanitize/rule.ts";
import { AsyncSession } from "../../harness/explore/async-session.ts";
import { isExploration } from "../../harness/explore/exploration.ts";
import { isAsyncExploration } from "../../harness/explore/plain-functions.ts";
import { PluggedSession } from "../../harness/explore/plugged-session.ts";
import { ThreadedTestbed } from "../../harness/threaded-testbed.ts";
import { EduDriver } from "../../scenarios/drivers/edu.ts";
import { FeedHandlerDriver } from "../../scenarios/drivers/feed-handler.ts";
import { IxgbeDriver } from "../../scenarios/drivers/ixgbe.ts";
import { sessionFor, WORKLOADS } from "../mutants/workloads.ts";

const EXPLORATIONS = new URL("../../scenarios/explorations/", import.meta.url);
/** Kept as the story of a race: its driver is wrong. */
const WRONG = ["exanic-lapped-old.ts"];
/** Schedules of one search: what is found is looked at in between. */
const SLICE = 250;

const { values } = parseArgs({
  options: {
    schedules: { type: "string", default: "10000" },
    frames: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
  },
});
const [schedules, frameCount, seed] = [Number(values.schedules), Number(values.frames), Number(values.seed)];
const byRule = new Map<string, { count: number; finding: Finding }>();
let mistakes = 0;

type AnyDriverSession = PluggedSession | AsyncSession;

await searchAll();
for (const direction of ["transmit", "receive"] as const) await framesOnThreads(direction);
for (const [rule, { count, finding }] of byRule) {
  mistakes++;
  console.log(`${finding.kind} ${rule} × ${count}, at ${finding.line ?? "no line"}: ${finding.message}`);
}
console.log(mistakes === 0 ? "nothing was said" : `${mistakes} things were said`);
process.exitCode = mistakes === 0 ? 0 : 1;

async function searchAll(): Promise<void> {
  const drivers = { IxgbeDriver, EduDriver, FeedHandlerDriver };
  const sessions = new Map<string, AnyDriverSession>();
  for (const workload of WORKLOADS) sessions.set(workload, await sessionFor(workload, drivers));
  for (const file of readdirSync(EXPLORATIONS)) {
    const module: { default?: unknown } = await import(new URL(file, EXPLORATIONS).href);
    if (WRONG.includes(file) || !isExploration(module.default)) continue;
    const exploration = module.default;
    const devices = await Promise.all(exploration.devices.map(loadDevice));
    const Session = isAsyncExploration(exploration.setup, exploration.body) ? AsyncSession : PluggedSession;
    sessions.set(file, new Session(devices, exploration, exploration.machine));
  }
  const each = Math.ceil(schedules / sessions.size / MEMORY_MODELS.length);
  let done = 0;
  for (const [name, session] of sessions) {
    for (const model of MEMORY_MODELS) {
      for (let left = each; left > 0; left -= SLICE) {
        const result = await session.search(model, Math.min(left, SLICE), seed + left);
        done += result.runs;
        const findings = session.plugged.endpoints.flatMap((endpoint) => endpoint.findings.findings);
        for (const finding of findings) note(finding);
        if (!result.hasFailed) continue;
        mistakes++;
        console.log(`${name}, ${model}: FAILS: ${session.machine.violation}`);
        break;
      }
    }
    await session.close();
  }
  console.log(`${done} schedules of ${sessions.size} workloads`);
}

async function framesOnThreads(direction: "transmit" | "receive"): Promise<void> {
  const quota = new SharedArrayBuffer(8);
  const attachment = {
    moduleUrl: new URL("../bench/frame-blaster.ts", import.meta.url).href,
    options: { byteLength: 60, quota },
  };
  // Windows open and close all the time, and every other transfer is in one.
  const sampling = raceSampling({ "data-race": { every: 4096, transfers: 2048, seed } });
  const tables = createTables([await loadDevice(ixgbe())], { sentFrames: "count" }, sampling);
  await using bed = await ThreadedTestbed.start(
    [ixgbe()],
    tables,
    {},
    {
      attachments: [attachment],
      openedAt: "",
      notice: () => {},
    },
  );
  const job = { direction, frameCount, quota };
  await bed.cpu(1).run(new URL("./right-frames.driver.ts", import.meta.url), job);
  await bed.quiesce();
  for (const finding of [...bed.violations, ...bed.notes]) note(finding);
  console.log(`${frameCount} frames on threads, ${direction}`);
}

function note(finding: Finding): void {
  const known = byRule.get(finding.rule);
  if (known === undefined) byRule.set(finding.rule, { count: finding.count, finding });
  else known.count += finding.count;
}
