import { MEMORY_MODELS } from "../../emulator/explore/kinds.ts";
import { canFail } from "../../harness/explore/race-program.ts";
import { Session } from "../../harness/explore/session.ts";
import { races } from "../../scenarios/races/index.ts";
import { ioShapes } from "./io-shapes.ts";

/**
 * The long form of races.test.ts: `npm run campaign -- [seeds] [runs]`. Every program in every model where it can
 * fail, and every twin and control in all of them, for each seed. Prints what is slow or wrong; ends with 1 if any is.
 */
const seedCount = Number(process.argv[2] ?? 20);
const runs = Number(process.argv[3] ?? 4096);
let problems = 0;
let schedules = 0;
let unknown = 0;

for (const program of [...races, ...ioShapes]) {
  let worst = 0;
  for (const isFixed of [false, true]) {
    const session = new Session(program, isFixed);
    for (const model of MEMORY_MODELS) {
      const expected = !isFixed && canFail(program, model);
      for (let seed = 0; seed < seedCount; seed++) {
        const result = session.search(model, runs, seed);
        schedules += result.runs;
        unknown += result.unknown;
        if (expected && result.hasFailed) worst = Math.max(worst, result.runs);
        // A search of which most says nothing has not passed.
        const isVague = !result.hasFailed && result.unknown > result.runs / 2;
        if (result.hasFailed === expected && !isVague) continue;
        problems++;
        const what = isVague
          ? `nothing is known of ${result.unknown} of ${result.runs} runs`
          : result.hasFailed
            ? `false alarm: ${session.machine.violation}`
            : "not found";
        console.log(`${program.name}${isFixed ? " (fixed)" : ""}, ${model}, seed ${seed}: ${what}`);
      }
    }
  }
  if (program.fails !== "never") console.log(`${program.name.padEnd(24)} found within ${worst} runs`);
}
console.log(`${schedules} schedules, ${unknown} of them too long to tell, ${problems} problems`);
process.exitCode = problems === 0 ? 0 : 1;
