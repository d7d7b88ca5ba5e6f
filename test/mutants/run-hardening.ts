/** Who of the drivers without one of their precautions is found by faults, and by which: exit code 1 when one is not. */
import { everyFault } from "../../harness/faults/every-fault.ts";
import type { FaultModule } from "../../harness/faults/fault-module.ts";
import { hostile } from "../../harness/faults/hostile/hostile.ts";
import type { FaultVerdict } from "../../harness/faults/scenario-run.ts";
import { HARDENING_MUTANTS, type HardeningMutant } from "./hardening.ts";
import { loadMutantScenario } from "./load.ts";

const [only = ""] = process.argv.slice(2);
let missed = 0;
for (const mutant of HARDENING_MUTANTS.filter(({ name }) => name.includes(only))) {
  const { default: module } = (await loadMutantScenario(mutant.scenario, mutant)) as { readonly default: FaultModule };
  const found = await failuresOf(module, mutant);
  const hit = found.find(({ verdict, detail }) => verdict === mutant.verdict && detail.includes(mutant.detail));
  if (hit === undefined) missed++;
  console.log(
    `${mutant.name.padEnd(28)} ${hit === undefined ? "NOT FOUND" : `${hit.verdict} at ${hit.at}: ${hit.detail.slice(0, 80)}`}`,
  );
}
console.log(missed === 0 ? "\nall found" : `\n${missed} not found`);
process.exitCode = missed === 0 ? 0 : 1;

async function failuresOf(
  { devices, body, ...scenario }: FaultModule,
  { kinds, hostileRuns }: HardeningMutant,
): Promise<{ readonly verdict: FaultVerdict; readonly at: string; readonly detail: string }[]> {
  if (hostileRuns !== undefined) {
    const { failures } = await hostile(devices, { ...scenario, runs: hostileRuns, stepLimit: 200_000 }, body);
    return failures.map(({ verdict, detail, lies }) => ({ verdict, detail, at: `${lies.length} lies` }));
  }
  const options = { ...scenario, ...(kinds === undefined ? {} : { kinds }), stepLimit: 200_000 };
  const { failures } = await everyFault(devices, options, body);
  return failures.map(({ verdict, detail, name }) => ({ verdict, detail, at: name }));
}
